//! What to check if a service cannot be reached.

use central_oauth_wire::is_loopback;
use url::Url;

use crate::cli::profile::Origin;

/// Returns a hint to append to an error message: the other scheme, if the server seems to speak it; how to select a
/// server, if this one is the default; or which proxy variables apply to this server.
pub(super) fn hint(server: &Url, error: &str, is_default: bool) -> Option<String> {
    if let Some(scheme) = other_scheme(server, error) {
        return Some(format!("; its address may begin with {scheme}://"));
    }
    if is_default {
        let hint = "; --server or CENTRAL_OAUTH_SERVER selects a service on another machine";
        return Some(hint.to_owned());
    }
    let proxy = proxy_variable(server)?;
    Some(match set(["NO_PROXY", "no_proxy"]) {
        Some(exceptions) => format!("; check {proxy} and {exceptions}"),
        None => format!("; check the proxy in {proxy}"),
    })
}

/// Whether others in the network can read what is sent to this server.
pub(super) fn is_exposed(server: &Url) -> bool {
    server.scheme() == "http" && !is_loopback(server)
}

/// Returns the message about a redirect. The client follows no redirects, because a key must reach only its own server.
/// `sent` names the key of the request, if it had one.
pub(super) fn redirected(server: &Url, mut target: Url, sent: Option<&Origin>) -> String {
    target.set_query(None);
    let base = target
        .path()
        .split("/v1/")
        .next()
        .unwrap_or_default()
        .to_owned();
    target.set_path(&base);
    let warning = match sent {
        Some(origin) if is_exposed(server) => {
            format!("; {origin} was sent unencrypted, so replace it")
        }
        _ => String::new(),
    };
    format!(
        "{server} redirects to {target}: if your service is there, select it with --server or CENTRAL_OAUTH_SERVER{warning}"
    )
}

/// Returns the scheme that the server seems to speak: it answered TLS with something else, or HTTP with a TLS record.
fn other_scheme(server: &Url, error: &str) -> Option<&'static str> {
    match server.scheme() {
        "https" if error.contains("InvalidContentType") => Some("http"),
        "http" if error == "invalid HTTP version parsed" => Some("https"),
        _ => None,
    }
}

/// Returns the variable that selects a proxy for requests to this server.
fn proxy_variable(server: &Url) -> Option<&'static str> {
    match server.scheme() {
        _ if is_loopback(server) => None,
        "http" => set(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
        _ => set(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
    }
}

/// Returns the first of these variables that is set.
#[expect(
    clippy::disallowed_methods,
    reason = "the HTTP client reads these variables by itself"
)]
fn set<const N: usize>(names: [&'static str; N]) -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    names.into_iter().find(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_sent_in_the_clear_is_named() {
        let [open, closed, local] = [
            "http://auth.example/",
            "https://auth.example/",
            "http://127.0.0.1/",
        ]
        .map(|url| Url::parse(url).unwrap());
        let key = Origin::Variable("KEY".to_owned());
        let message = redirected(&open, closed.clone(), Some(&key));
        assert!(message.ends_with("; the key in KEY was sent unencrypted, so replace it"));
        for message in [
            redirected(&open, closed.clone(), None),
            redirected(&local, closed.clone(), Some(&key)),
            redirected(&closed, closed.clone(), Some(&key)),
        ] {
            assert!(!message.contains("unencrypted"), "{message}");
        }
    }

    #[test]
    fn whoever_named_no_service_learns_how_to_name_one() {
        let server = Url::parse("http://127.0.0.1:8080/").unwrap();
        let named = hint(&server, "refused", true).unwrap();
        assert!(named.contains("CENTRAL_OAUTH_SERVER"));
        assert_eq!(hint(&server, "refused", false), None);
    }
}
