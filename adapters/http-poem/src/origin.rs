//! Checks which web page made a browser send a request. For forms this is a second line of defence behind the CSRF
//! token.

use poem::Request;
use poem::http::header;
use url::Url;

use crate::host::authority;

/// Whether a request may come from a page of this service, or from no page: programs send neither `Sec-Fetch-Site` nor
/// `Origin`.
pub(crate) fn is_own(request: &Request, public_url: &Url) -> bool {
    // `Sec-Fetch-Site` needs no comparison of hosts, so it works behind every proxy.
    match request.header("sec-fetch-site") {
        Some("same-origin" | "none") => true,
        Some(_) => false,
        None => request
            .header(header::ORIGIN)
            .is_none_or(|origin| is_ours(origin, request, public_url)),
    }
}

/// Whether the origin is that of the public URL or of this request's host. People also use host names that the operator
/// did not configure.
fn is_ours(origin: &str, request: &Request, public_url: &Url) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    if origin.origin() == public_url.origin() {
        return true;
    }
    // A proxy may have terminated TLS, so only the scheme that the browser saw counts.
    authority(request)
        .and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok())
        .is_some_and(|addressed| addressed.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Url::parse("https://auth.example.com")
            .is_ok_and(|url| super::is_own(&request.finish(), &url))
    }

    #[test]
    fn our_own_page_is_recognised_behind_proxies_too() {
        for headers in [
            &[][..],
            &[("origin", "https://auth.example.com")],
            &[
                ("origin", "https://auth.example.com:443"),
                ("host", "10.0.0.1"),
            ],
            &[("origin", "http://box.lan:8080"), ("host", "box.lan:8080")],
            &[
                ("origin", "https://Other.example"),
                ("host", "other.example:443"),
            ],
            &[
                ("origin", "https://elsewhere.example"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(is_own(headers), "{headers:?}");
        }
    }

    #[test]
    fn other_sites_are_rejected() {
        for headers in [
            &[
                ("origin", "https://evil.example"),
                ("host", "auth.example.com"),
            ][..],
            &[("origin", "null"), ("host", "auth.example.com")],
            &[("origin", "http://box.lan:9090"), ("host", "box.lan:8080")],
            &[("sec-fetch-site", "cross-site")],
            &[
                ("origin", "https://auth.example.com"),
                ("sec-fetch-site", "same-site"),
            ],
        ] {
            assert!(!is_own(headers), "{headers:?}");
        }
    }
}
