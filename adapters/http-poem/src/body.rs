//! Request bodies: JSON or empty.

use central_oauth_wire::unambiguous;
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use crate::error::{Code, Problem, kind, shortened};

/// Maximum size of a body in bytes, many times larger than any valid request.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A request body that is a JSON object.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// An object that operations take as their body.
pub(crate) trait RequestObject: Type + DeserializeOwned {
    /// The value of an empty body, with or without a content type, and of `null`. `None` if the body must not be empty.
    const EMPTY: Option<fn() -> Self> = None;
}

impl<'a, T: RequestObject> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        body_meta::<T>(JSON, T::EMPTY.is_none())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        if bytes.is_empty() {
            let empty = T::EMPTY.ok_or_else(no_body)?;
            return Ok(Self(empty()));
        }
        if !is_of_type(request, JSON) {
            return Err(not_json().into());
        }
        // OpenAPI Generator's Rust clients and NSwag send `null` for an absent body (RicoSuter/NSwag#3839).
        if let Some(empty) = T::EMPTY.filter(|_| bytes.trim_ascii() == b"null") {
            return Ok(Self(empty()));
        }
        Ok(Self(read(&bytes)?))
    }
}

/// Describes a body for the OpenAPI document.
pub(crate) fn body_meta<T: Type>(
    content_type: &'static str,
    required: bool,
) -> Option<MetaRequest> {
    Some(MetaRequest {
        description: None,
        content: vec![MetaMediaType {
            content_type,
            schema: T::schema_ref(),
        }],
        required,
    })
}

/// Returns the problem of a body over the limit.
pub(crate) fn body_too_large() -> Problem {
    let detail = format!("the body is larger than {MAX_BYTES} bytes");
    Problem::new(Code::PayloadTooLarge, detail)
}

/// Returns the problem of an empty body where a body is required.
pub(crate) fn no_body() -> Problem {
    Problem::new(
        Code::InvalidRequest,
        "the body must be a JSON object, but it is empty",
    )
}

/// Whether the body of a request has this media type, and is not compressed.
pub(crate) fn is_of_type(request: &Request, media_type: &str) -> bool {
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    let encodings = request.headers().get_all(header::CONTENT_ENCODING);
    essence.trim().eq_ignore_ascii_case(media_type)
        && encodings.iter().all(|encoding| encoding == "identity")
}

/// Returns the problem of a body that is compressed or has another media type than JSON.
pub(crate) fn not_json() -> Problem {
    let detail = "the body must be JSON, not compressed, with Content-Type: application/json";
    Problem::new(Code::UnsupportedMediaType, detail)
}

/// Returns the problem that this body causes, for the examples of the OpenAPI document.
pub(crate) fn rejected<T: DeserializeOwned>(body: &str) -> Problem {
    read::<T>(body.as_bytes()).err().unwrap_or_else(no_body)
}

/// Parses in two steps, so that invalid JSON and JSON of a wrong shape get different errors.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = unambiguous(bytes).map_err(|error| {
        let problem = match error.is_data() {
            true => "ambiguous",
            false => "not JSON",
        };
        let detail = format!("the body is {problem}: {error}");
        Problem::new(Code::InvalidRequest, detail)
    })?;
    // Serde would also accept an array with the fields in order.
    if !value.is_object() {
        let detail = "the body must be a JSON object";
        return Err(Problem::new(Code::Unprocessable, detail));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let detail = wrong_field(&error.path().to_string(), &error.inner().to_string());
        Problem::new(Code::Unprocessable, detail)
    })
}

/// Puts an error of serde into plain words. serde writes, for example, ``missing field `name` `` or
/// ``invalid type: integer `3`, expected a string``.
fn wrong_field(field: &str, theirs: &str) -> String {
    let field = shortened(field);
    if let Some(missing) = theirs.strip_prefix("missing field ") {
        return format!("the field {:?} is missing", missing.replace('`', ""));
    }
    let Some((found, expected)) = theirs.rsplit_once(", expected ") else {
        return format!("{field}: {theirs}");
    };
    let names = expected.replace('`', "");
    if found.starts_with("unknown field") {
        let names = names.trim_start_matches("one of ").replace(" or ", ", ");
        return format!("there is no field {field:?}; the fields are {names}");
    }
    let expected = kind(&names).unwrap_or(&names);
    format!("{field}: it must be {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dto::{Confirmation, NewAccessKey, NewLink};

    fn told<T: DeserializeOwned>(body: &str) -> String {
        rejected::<T>(body).detail().to_owned()
    }

    #[test]
    fn a_wrong_field_is_told_in_plain_words() {
        for (body, words) in [
            (r#"{"provider":3}"#, "provider: it must be a string"),
            (r#"{"provider":["a"]}"#, "provider: it must be a string"),
            (r#"{"role":"admin"}"#, "role: it must be owner or reader"),
            (r#"{"role":3}"#, "role: it must be a string"),
            (r#"{"role":{}}"#, "role: it must be a string"),
            (
                r#"{"return_code":1}"#,
                "return_code: it must be true or false",
            ),
            (r#"{"labels":[]}"#, "labels: it must be an object"),
            (r#"{"labels":{"a":1}}"#, "labels.a: it must be a string"),
        ] {
            assert_eq!(told::<NewLink>(body), words, "{body}");
        }
        let other = told::<NewLink>(r#"{"client":"x, expected `a`"}"#);
        let words = "there is no field \"client\"; the fields are provider, client_name, ";
        assert!(other.starts_with(words), "{other}");
        let words = "there is no field \"code\"; the fields are return_code";
        assert_eq!(told::<Confirmation>(r#"{"code":1}"#), words);
        let long = format!("{{\"{}\":1}}", "ä".repeat(41));
        let words = format!("there is no field \"{}…\"; the", "ä".repeat(40));
        assert!(told::<Confirmation>(&long).starts_with(&words));
        for (body, words) in [
            ("{}", "the field \"name\" is missing"),
            (
                r#"{"name":"a","networks":"b"}"#,
                "networks: it must be an array",
            ),
            (
                r#"{"name":"a","max_uses_per_minute":-1}"#,
                "max_uses_per_minute: it must be a whole number from 0 to 4294967295",
            ),
        ] {
            assert_eq!(told::<NewAccessKey>(body), words, "{body}");
        }
    }
}
