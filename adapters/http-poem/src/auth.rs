//! Who asks: the bearer in the `Authorization` header (RFC 6750).

use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::usecases::{Caller, Keys, Refusal};
use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::error::{Code, Problem};
use crate::middleware::is_head;

/// The bearer that a request shows. Whether it is a key of this service is for [`Keys`] to say; where one is `NEEDED`, a
/// request without any is refused.
pub(crate) struct Bearer<const NEEDED: bool> {
    key: Option<AccessKey>,
    is_head: bool,
}

/// For operations that answer nobody without a key.
pub(crate) type NeededBearer = Bearer<true>;
/// For operations that can do without.
pub(crate) type OptionalBearer = Bearer<false>;

impl<const NEEDED: bool> Bearer<NEEDED> {
    /// Who shows the bearer. A `HEAD` is no use of the key.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub(crate) async fn caller(&self, keys: &Keys) -> Result<Caller, Refusal> {
        if self.is_head {
            keys.recognise(self.key.as_ref()).await
        } else {
            keys.authenticate(self.key.as_ref()).await
        }
    }

    /// Whether the request came as `HEAD`, so that it must leave everything as it is.
    pub(crate) const fn is_head(&self) -> bool {
        self.is_head
    }
}

const SCHEME: &str = "bearer";

impl<'a, const NEEDED: bool> ApiExtractor<'a> for Bearer<NEEDED> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "An access key, as `POST /v1/link-code` hands it out; or the admin key or the enrolment key that the \
                 operator has set.",
            ),
            name: None,
            key_in: None,
            scheme: Some(SCHEME),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        !NEEDED
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        // Before anything else of the request is looked at.
        match shown(request.headers())? {
            None if NEEDED => Err(needed().into()),
            key => Ok(Self {
                key,
                is_head: is_head(request),
            }),
        }
    }
}

/// A header that is there and cannot be used is refused even where none is needed: whoever sent it means to be
/// somebody.
fn shown(headers: &HeaderMap) -> Result<Option<AccessKey>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().ok().and_then(bearer);
            key.map(Some).ok_or_else(malformed)
        }
        (Some(_), Some(_)) => Err(malformed()),
    }
}

/// Operators choose their keys themselves, so anything visible is taken, not the token68 of RFC 9110 alone.
fn bearer(value: &str) -> Option<AccessKey> {
    let (scheme, key) = value.trim().split_once(' ')?;
    let key = key.trim_start_matches(' ');
    let is_key = key.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case(SCHEME) && is_key).then(|| AccessKey::new(key))
}

fn needed() -> Problem {
    Problem::new(Code::Unauthorized, "this needs a key as bearer")
}

fn malformed() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "the Authorization header must be one `Bearer KEY`",
    )
}

/// Whether a bearer was shown, good or bad: it decides what the challenge of a 401 says (RFC 6750 section 3.1).
pub(crate) fn shows_bearer(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter_map(|value| value.as_bytes().get(..SCHEME.len()))
        .any(|scheme| scheme.eq_ignore_ascii_case(SCHEME.as_bytes()))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Problem> {
        let values = values.iter().map(|v| HeaderValue::from_str(v).unwrap());
        let headers = values.map(|value| (header::AUTHORIZATION, value)).collect();
        shown(&headers).map(|key| key.map(|key| key.expose().to_owned()))
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer coak_1", "bearer coak_1", "BEARER   coak_1 "] {
            let key = read(&[value]).unwrap();
            assert_eq!(key.as_deref(), Some("coak_1"), "{value:?}");
        }
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Basic dXNlcjpwYXNz"],
            &["coak_1"],
            &["Bearer two words"],
            &["Bearer ké"],
            &["Bearer a", "Bearer a"],
            &[""],
        ] {
            assert!(read(values).is_err(), "{values:?}");
        }
    }
}
