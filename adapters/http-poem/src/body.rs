//! Request bodies: JSON or empty.

use central_oauth_wire::unambiguous;
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use crate::error::{Code, Problem};

/// The size limit of bodies, many times larger than any valid request.
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

/// The problem of a body over the limit.
pub(crate) fn body_too_large() -> Problem {
    let detail = format!("the body is larger than {MAX_BYTES} bytes");
    Problem::new(Code::PayloadTooLarge, detail)
}

/// The problem of an empty body where one is needed.
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

/// The problem of a body of another media type.
pub(crate) fn not_json() -> Problem {
    let detail = "the body must be JSON, not compressed, with Content-Type: application/json";
    Problem::new(Code::UnsupportedMediaType, detail)
}

/// Returns the problem that this body causes, for examples.
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
        let field = error.path().to_string();
        let detail = match field.as_str() {
            "." => error.inner().to_string(),
            _ => format!("{field}: {}", error.inner()),
        };
        Problem::new(Code::Unprocessable, detail)
    })
}
