//! Client authentication (RFC 6749 section 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::Request;
use url::form_urlencoded;

use super::error::OAuthError;
use super::params::Params;
use crate::options::SandboxOptions;

#[derive(PartialEq, Eq)]
struct Credentials {
    id: String,
    secret: Option<String>,
}

/// Authenticates the only client, by HTTP Basic or by form fields.
///
/// # Errors
/// If the client id or secret is wrong, or if the client uses both methods.
pub(super) fn authenticate(
    options: &SandboxOptions,
    request: &Request,
    params: &Params,
) -> Result<(), OAuthError> {
    let known = Credentials {
        id: options.client_id.clone(),
        secret: options.client_secret.clone(),
    };
    if presented(request, params)? == known {
        return Ok(());
    }
    let problem = "unknown client, or wrong or missing secret";
    Err(OAuthError::invalid_client(problem))
}

fn presented(request: &Request, params: &Params) -> Result<Credentials, OAuthError> {
    let id = params.optional("client_id")?;
    let secret = params.optional("client_secret")?;
    let Some(header) = request.header("authorization") else {
        return Ok(Credentials {
            id: params.required("client_id")?.to_owned(),
            secret: secret.map(str::to_owned),
        });
    };
    let basic = decode_basic(header)
        .ok_or_else(|| OAuthError::invalid_client("the Authorization header is malformed"))?;
    if secret.is_some() || id.is_some_and(|id| id != basic.id) {
        let problem = "the client used two methods of authentication";
        return Err(OAuthError::invalid_request(problem));
    }
    Ok(basic)
}

/// Decodes HTTP Basic. The id and the secret are form-encoded, so both may contain a colon.
fn decode_basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let secret = decode_form(secret);
    Some(Credentials {
        id: decode_form(id),
        secret: (!secret.is_empty()).then_some(secret),
    })
}

/// Decodes form-encoding. Accepts `&` and `=` unencoded, because some clients do not encode them.
fn decode_form(text: &str) -> String {
    let protected = text.replace('&', "%26").replace('=', "%3D");
    let decoded = form_urlencoded::parse(protected.as_bytes());
    decoded.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pair: &str) -> Option<(String, Option<String>)> {
        let header = format!("Basic {}", STANDARD.encode(pair));
        decode_basic(&header).map(|found| (found.id, found.secret))
    }

    #[test]
    fn both_halves_are_form_encoded() {
        let found = decoded("my%3Aid:s%3A%2B%25%2F%26+x");
        assert_eq!(
            found,
            Some(("my:id".to_owned(), Some("s:+%/& x".to_owned())))
        );
        let careless = decoded("id:a=b&c/d:e");
        assert_eq!(
            careless,
            Some(("id".to_owned(), Some("a=b&c/d:e".to_owned())))
        );
        assert_eq!(decoded("id:"), Some(("id".to_owned(), None)));
    }

    #[test]
    fn anything_else_is_malformed() {
        assert_eq!(decoded("no colon"), None);
        assert!(decode_basic("Basic %%%").is_none());
        assert!(decode_basic("Bearer aWQ6").is_none());
        assert!(decode_basic("Basic").is_none());
    }
}
