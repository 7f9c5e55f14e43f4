//! Reads the expiry in an access token. Its content is meant for the API and not for clients (RFC 9068 section 6), so
//! the expiry is only a hint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::Timestamp;
use serde_json::{Map, Value};

use crate::http::{Fields, date};

/// Returns the unverified `exp` of a JWT (RFC 7519 section 4.1.4), or `None` for any other token. Some servers write
/// `exp` in milliseconds or as a string. The domain decides whether the expiry is plausible.
pub(crate) fn exp(access_token: &str) -> Option<Timestamp> {
    let mut parts = access_token.split('.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    Fields::new(claims).seconds("exp").and_then(date::of_unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_expiry_of_a_jwt_is_read() {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        assert_eq!(exp(&jwt(r#"{"exp": 1790000000}"#)), at(1_790_000_000));
        assert_eq!(exp(&jwt(r#"{"exp": 1790000000.0}"#)), at(1_790_000_000));
        assert_eq!(exp(&jwt(r#"{"exp": "1790000000"}"#)), at(1_790_000_000));
        assert_eq!(exp(&jwt(r#"{"exp": 1790000000000}"#)), at(1_790_000_000));
    }

    #[test]
    fn other_tokens_have_no_expiry() {
        for claims in [
            r#"{"exp": "soon"}"#,
            r#"{"exp": 3600}"#,
            r#"{"exp": null}"#,
            r#"{"exp": -1}"#,
            r#"{"exp": 1e300}"#,
            r#"{"iat": 1}"#,
            "[]",
            "no JSON",
        ] {
            assert_eq!(exp(&jwt(claims)), None, "{claims}");
        }
        for opaque in ["", "opaque", "a.b", "a.b.c", "e30.e30.e30.e30.e30", "1.€.2"] {
            assert_eq!(exp(opaque), None, "{opaque}");
        }
    }
}
