//! What to check if a service cannot be reached.

use central_oauth_wire::is_loopback;
use url::Url;

use crate::cli::profile::ON_THIS_MACHINE;

/// Returns the end of a message: what the reader may not know about the way to this server.
pub(super) fn hint(server: &Url) -> Option<String> {
    if server.as_str() == ON_THIS_MACHINE {
        let hint = "; --server or CENTRAL_OAUTH_SERVER selects a service on another machine";
        return Some(hint.to_owned());
    }
    let proxy = proxy_variable(server)?;
    Some(format!("; check the proxy in {proxy}"))
}

/// Returns the variable that sends requests for this server through a proxy.
#[expect(
    clippy::disallowed_methods,
    reason = "the HTTP client reads these variables by itself"
)]
fn proxy_variable(server: &Url) -> Option<&'static str> {
    const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let names = match server.scheme() {
        _ if is_loopback(server) => return None,
        "http" => HTTP,
        _ => HTTPS,
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    names.into_iter().find(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_named_no_service_learns_how_to_name_one() {
        let hint_for = |url: &str| hint(&Url::parse(url).unwrap());
        assert!(
            hint_for(ON_THIS_MACHINE)
                .unwrap()
                .contains("CENTRAL_OAUTH_SERVER")
        );
        assert_eq!(hint_for("http://127.0.0.1:8081/"), None);
    }
}
