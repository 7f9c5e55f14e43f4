//! Turns every error of poem and poem-openapi into a problem.

use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Error, IntoResponse as _, PathPattern, Response};
use poem_openapi::error::{ParseParamError, ParsePathError};

use super::methods;
use crate::auth::shows_bearer;
use crate::error::{Code, Problem};

/// Completes the headers of 401, 405 and 413 responses. `path` and `challenge` are those of the request.
pub(super) fn complete(response: &mut Response, path: &str, challenge: HeaderValue) {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED && !headers.contains_key(header::ALLOW) {
        let allowed = HeaderValue::try_from(methods::allowed(path));
        headers.extend(allowed.map(|allowed| (header::ALLOW, allowed)));
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body stays unread, so the connection cannot be reused. This header tells the client not to
        // send its next request on the same connection.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Returns the challenge of a 401. It has an error code only if the request had a bearer token (RFC 6750 section 3.1).
pub(super) fn challenge(headers: &HeaderMap) -> HeaderValue {
    HeaderValue::from_static(if shows_bearer(headers) {
        "Bearer error=\"invalid_token\""
    } else {
        "Bearer"
    })
}

pub(crate) fn answer(error: Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let pattern = error.data::<PathPattern>().cloned();
    let mut response = problem(&error).into_response();
    if let Some(pattern) = pattern {
        response.set_data(pattern);
    }
    response
}

fn problem(error: &Error) -> Problem {
    if error.is::<NotFoundError>() {
        return Problem::new(Code::NotFound, "there is nothing at this address");
    }
    // A path parameter that cannot be parsed names no resource.
    if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
        return Problem::new(Code::NotFound, "nothing has this name");
    }
    if error.is::<MethodNotAllowedError>() {
        return Problem::new(
            Code::MethodNotAllowed,
            "this address does not support this method",
        );
    }
    if let Some(ReadBodyError::Io(_)) = error.downcast_ref() {
        return Problem::new(Code::InvalidRequest, "the body is incomplete");
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return Problem::bad_parameter(name, reason);
    }
    match code(error.status()) {
        Some(code) => Problem::new(code, error.to_string()),
        None => Problem::internal(error),
    }
}

/// Returns the code for an error that has only a status; `None` if the error is not the caller's fault.
fn code(status: StatusCode) -> Option<Code> {
    let named = [
        Code::Unauthorized,
        Code::Forbidden,
        Code::NotFound,
        Code::PayloadTooLarge,
        Code::UnsupportedMediaType,
        Code::Unprocessable,
    ];
    let of_status = named.into_iter().find(|code| code.status() == status);
    of_status.or(status.is_client_error().then_some(Code::InvalidRequest))
}

#[cfg(test)]
mod tests;
