//! Checks the host of a request. A foreign site can make its own host name resolve to this service (DNS rebinding).
//! Browsers then send that name, and treat the service as a part of that site.

use std::net::IpAddr;

use poem::Request;
use poem::http::{Method, header};
use url::{Host, Url};

use crate::error::{Code, Problem, TOKEN_ENDPOINT};

/// Rejects page requests and anonymous POSTs whose host is not allowed. Other requests may use any host: DNS rebinding
/// gives an attacker no key, and anonymous reads such as probes change nothing.
pub(crate) fn check(
    allowed: Option<&[Host]>,
    request: &Request,
    public_url: &Url,
) -> Result<(), Problem> {
    if !is_of_interest(request) || allowed.is_none_or(|hosts| allows(hosts, request)) {
        return Ok(());
    }
    Err(foreign(public_url.as_str().trim_end_matches('/')))
}

fn allows(hosts: &[Host], request: &Request) -> bool {
    named_by(request).is_some_and(|host| is_this_machine(&host) || hosts.contains(&host))
}

/// Returns the problem of a request with a foreign host.
pub(crate) fn foreign(base: &str) -> Problem {
    let detail = format!(
        "the host of this request is not one of this service: use {base}; if people reach the service under this host, \
         the operator sets CENTRAL_OAUTH_PUBLIC_URL to its URL, or allows the host in CENTRAL_OAUTH_ALLOWED_HOSTS"
    );
    Problem::new(Code::InvalidRequest, detail)
}

fn is_of_interest(request: &Request) -> bool {
    let path = request.uri().path();
    let is_page =
        is_below(path, "/device") || is_below(path, "/admin") || path.starts_with("/callback/");
    // A token exchange is not anonymous, because its form contains the key.
    let is_anonymous =
        !request.headers().contains_key(header::AUTHORIZATION) && path != TOKEN_ENDPOINT;
    is_page || request.method() == Method::POST && is_anonymous
}

/// Whether the path is `parent`, or below it.
pub(crate) fn is_below(path: &str, parent: &str) -> bool {
    let rest = path.strip_prefix(parent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the host of the request without its port, because proxies and containers map ports.
fn named_by(request: &Request) -> Option<Host> {
    // A request with several `Host` headers is invalid (RFC 9112 section 3.2).
    let is_named_once = request
        .headers()
        .get_all(header::HOST)
        .iter()
        .nth(1)
        .is_none();
    let authority = authority(request).filter(|_| is_named_once)?;
    let url = Url::parse(&format!("http://{authority}")).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    let host = url.host().filter(|_| is_bare)?;
    Some(host.to_owned())
}

/// Returns the authority of the request target, or else the `Host` header (RFC 9112 section 3.2).
pub(crate) fn authority(request: &Request) -> Option<&str> {
    let target = request.original_uri().authority();
    target
        .map(|authority| authority.as_str())
        .or_else(|| request.header(header::HOST))
}

/// Whether the host is a loopback name. No foreign page has such a name.
fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        let allowed = ["auth.example.com", "[2001:db8::1]"].map(|host| Host::parse(host).unwrap());
        let is_allowed =
            |host: &str| allows(&allowed, &Request::builder().header("host", host).finish());
        for host in [
            "auth.example.com",
            "AUTH.example.com:443",
            "[2001:DB8:0::1]:8080",
            "localhost:8080",
            "127.0.0.1",
            "[::1]:80",
        ] {
            assert!(is_allowed(host), "{host}");
        }
        for host in [
            "evil.example",
            "auth.example.com.evil.example",
            "sub.auth.example.com",
            "localhost.evil.example",
            "10.0.0.1",
            "auth.example.com@evil.example",
            "evil.example@auth.example.com",
            "auth.example.com/evil",
            "",
        ] {
            assert!(!is_allowed(host), "{host}");
        }
        assert!(!allows(&allowed, &Request::default()), "no host at all");
        let twice = Request::builder().header("host", "auth.example.com");
        let twice = twice.header("host", "evil.example").finish();
        assert!(!allows(&allowed, &twice));
    }

    #[test]
    fn only_pages_and_anonymous_posts_are_checked() {
        let is_checked = |method: Method, path: &str, key: Option<&str>| {
            let request = Request::builder().method(method).uri_str(path);
            let request = key.into_iter().fold(request, |request, key| {
                request.header(header::AUTHORIZATION, key)
            });
            is_of_interest(&request.finish())
        };
        for path in [
            "/device",
            "/device/status?code=1",
            "/callback/work?code=1",
            "/admin",
            "/admin/accounts/1",
        ] {
            assert!(is_checked(Method::GET, path, None), "{path}");
        }
        assert!(is_checked(Method::POST, "/v1/link-code", None));
        assert!(!is_checked(Method::POST, "/v1/link-code", Some("Bearer k")));
        for path in [
            "/v1/readyz",
            "/v1/token",
            "/openapi.json",
            "/devices",
            "/admins",
        ] {
            assert!(!is_checked(Method::GET, path, None), "{path}");
        }
    }
}
