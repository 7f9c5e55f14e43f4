//! The cookies that identify a browser and an operator's session, and the CSRF token of forms.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::secret::{BrowserToken, KeyedHash};
use poem::http::{HeaderValue, header};
use poem::{Request, Response};
use url::Url;

/// Name and attributes of a cookie.
pub(super) struct BrowserCookie {
    name: String,
    attributes: String,
}

impl BrowserCookie {
    /// Returns the cookie that identifies a browser. It lasts a day, because an ended link is stored for a day and the
    /// person can come back for the result.
    pub(super) fn new(public_url: &Url) -> Self {
        let attributes = "Max-Age=86400; HttpOnly; SameSite=Lax";
        Self::named("central-oauth-browser", attributes, public_url)
    }

    /// Returns the cookie of an operator's session. The session cookie is deleted when the browser is closed, and is
    /// not sent when the browser follows a link from another site. Each service on a host has its own cookie name.
    pub(super) fn of_session(public_url: &Url) -> Self {
        let attributes = "HttpOnly; SameSite=Strict";
        let name = format!("central-oauth-admin{}", suffix(public_url));
        Self::named(&name, attributes, public_url)
    }

    /// Returns a cookie for a service at this URL. On https, the name prefix `__Host-` stops other hosts of the domain
    /// from setting the cookie.
    fn named(name: &str, attributes: &str, public_url: &Url) -> Self {
        let (prefix, secure) = match public_url.scheme() {
            "https" => ("__Host-", "; Secure"),
            _ => ("", ""),
        };
        Self {
            name: format!("{prefix}{name}"),
            attributes: format!("; Path=/; {attributes}{secure}"),
        }
    }

    /// Returns the token of a request, if this service could have issued it. Decodes each cookie by itself, because
    /// other cookies of the host or its domain may contain bytes that are not UTF-8.
    pub(super) fn read(&self, request: &Request) -> Option<BrowserToken> {
        request
            .headers()
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='))
            .find(|(name, value)| *name == self.name && is_plausible(value))
            .map(|(_, value)| BrowserToken::new(value))
    }

    /// Sets the cookie to this token, and restarts its lifetime.
    pub(super) fn set(&self, response: Response, token: &BrowserToken) -> Response {
        self.add_to(response, token.expose())
    }

    /// Deletes the cookie.
    pub(super) fn delete(&self, response: Response) -> Response {
        self.add_to(response, "; Max-Age=0")
    }

    fn add_to(&self, mut response: Response, value: &str) -> Response {
        let cookie = format!("{}={value}{}", self.name, self.attributes);
        let cookie = HeaderValue::try_from(cookie);
        let headers = response.headers_mut();
        headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        response
    }
}

/// Returns a suffix that differs for each service on a host: the port, unless it is the default, and the path, such as
/// `.8443-2Fbroker`. Browsers send a cookie to all ports of a host (RFC 6265 section 8.5), and a `__Host-` cookie to
/// all paths.
fn suffix(public_url: &Url) -> String {
    let port = public_url.port().map(|port| format!(".{port}"));
    let path = public_url.path().trim_end_matches('/').bytes();
    let path = path.map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("-{byte:02X}"),
    });
    port.unwrap_or_default() + &path.collect::<String>()
}

/// Whether a value is long enough to be random, short enough to hash on every request, and safe in a header.
fn is_plausible(value: &str) -> bool {
    (20..=100).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric())
}

pub(super) fn csrf_field(token: &KeyedHash) -> String {
    URL_SAFE_NO_PAD.encode(token.as_bytes())
}

/// Checks the CSRF token of a form in constant time.
pub(super) fn is_csrf_token(field: &str, token: &KeyedHash) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(field).ok();
    let field = bytes.and_then(|bytes| bytes.try_into().ok());
    field.is_some_and(|field| KeyedHash::from_bytes(field).is_equal(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = KeyedHash::from_bytes([7; 32]);
        let field = csrf_field(&token);
        assert!(is_csrf_token(&field, &token));
        assert!(!is_csrf_token(&field, &KeyedHash::from_bytes([8; 32])));
        for wrong in [
            "",
            "AAAA",
            &field[..40],
            "not base64!",
            &format!("{field}AA"),
        ] {
            assert!(!is_csrf_token(wrong, &token), "{wrong:?}");
        }
    }

    #[test]
    fn the_name_of_a_session_tells_services_on_one_host_apart() {
        for (public_url, name) in [
            ("https://host", "__Host-central-oauth-admin"),
            ("https://host:443/", "__Host-central-oauth-admin"),
            (
                "https://host:8443/a/B_c/",
                "__Host-central-oauth-admin.8443-2Fa-2FB-5Fc",
            ),
            ("https://host/8443", "__Host-central-oauth-admin-2F8443"),
            ("https://host/a-b", "__Host-central-oauth-admin-2Fa-2Db"),
            ("https://host/a/b", "__Host-central-oauth-admin-2Fa-2Fb"),
            ("https://host/A/b", "__Host-central-oauth-admin-2FA-2Fb"),
            ("http://host:8080", "central-oauth-admin.8080"),
        ] {
            let cookie = BrowserCookie::of_session(&Url::parse(public_url).unwrap());
            assert_eq!(cookie.name, name, "{public_url}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let cookie = BrowserCookie::new(&Url::parse("http://localhost").unwrap());
        let read = |cookies: &str| {
            let cookies = HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
            let request = Request::builder().header("cookie", cookies).finish();
            cookie.read(&request).map(|token| token.expose().to_owned())
        };
        let value = "a".repeat(32);
        let mine = format!("central-oauth-browser={value}");
        assert_eq!(read(&mine), Some(value.clone()));
        assert_eq!(read(&format!("x=1; {mine};y=2")), Some(value.clone()));
        assert_eq!(read(&format!("x=é; {mine}")), Some(value.clone()));
        assert_eq!(
            read(&format!("central-oauth-browser=short; {mine}")),
            Some(value)
        );
        assert_eq!(read("central-oauth-browser="), None);
        assert_eq!(read(&format!("x{mine}")), None);
    }
}
