//! Errors of the token endpoint (RFC 6749 section 5.2, RFC 8693 section 2.2.2).

use central_oauth_domain::usecases::TokenExchangeError;
use poem::http::{StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::types::ToJSON as _;

use super::{Code, Problem};
use crate::dto::OAuthErrorBody;

/// The path whose errors are not problems, because clients of RFC 6749 expect the member `error`.
pub(crate) const TOKEN_ENDPOINT: &str = "/oauth/token";

/// An error of the token endpoint that has no problem code.
pub(crate) struct OAuthError {
    /// The error code.
    pub(crate) error: &'static str,
    description: String,
}

impl OAuthError {
    /// Creates the error of a missing, repeated or invalid parameter.
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// Creates the error of a grant type other than token exchange.
    pub(crate) fn unsupported_grant_type() -> Self {
        let description = "grant_type must be urn:ietf:params:oauth:grant-type:token-exchange";
        Self::new("unsupported_grant_type", description)
    }

    /// Creates the error of a target that the subject token gives no access to (RFC 8693 section 2.2.2).
    pub(crate) fn invalid_target(description: impl Into<String>) -> Self {
        Self::new("invalid_target", description)
    }

    fn new(error: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { error, description }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::BAD_REQUEST).finish();
        write(&mut response, self.error, &self.description);
        response
    }
}

pub(crate) enum ExchangeFailure {
    /// An error with a problem code.
    Problem(Problem),
    OAuth(OAuthError),
}

impl<E: Into<TokenExchangeError>> From<E> for ExchangeFailure {
    fn from(error: E) -> Self {
        let error = error.into();
        let description = error.to_string();
        match error {
            TokenExchangeError::Target => Self::OAuth(OAuthError::invalid_target(description)),
            TokenExchangeError::Scope(_) => {
                Self::OAuth(OAuthError::new("invalid_scope", description))
            }
            TokenExchangeError::Refused(refusal) => Self::Problem(refusal.into()),
        }
    }
}

impl From<ExchangeFailure> for poem::Error {
    fn from(failure: ExchangeFailure) -> Self {
        match failure {
            ExchangeFailure::Problem(problem) => problem.into(),
            ExchangeFailure::OAuth(error) => Self::from_response(error.into_response()),
        }
    }
}

pub(crate) fn code_of(response: &Response) -> Option<&'static str> {
    let problem = response.data::<Problem>();
    problem.map(|problem| problem.code.as_str())
}

/// Turns a problem of the token endpoint into an error of RFC 6749. Keeps the other headers of the response.
pub(crate) fn translate(path: &str, response: &mut Response) {
    if path.trim_end_matches('/') != TOKEN_ENDPOINT {
        return;
    }
    let Some(problem) = response.data::<Problem>().cloned() else {
        return;
    };
    let (status, error) = meaning(problem.code);
    response.set_status(status);
    write(response, error, problem.detail());
}

fn meaning(code: Code) -> (StatusCode, &'static str) {
    const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
    match code {
        // An invalid subject token is an invalid request (RFC 8693 section 2.2.2).
        Code::Unauthorized | Code::EnrollKeyRequired | Code::WorkloadRefused | Code::Forbidden => {
            (BAD_REQUEST, "invalid_request")
        }
        // A person must consent, or consent again.
        Code::LinkPending | Code::LinkEnded | Code::RelinkRequired => {
            (BAD_REQUEST, "invalid_grant")
        }
        Code::InvalidRequest
        | Code::Unprocessable
        | Code::CodeInUse
        | Code::ReturnCodeRequired
        | Code::WrongReturnCode => (BAD_REQUEST, "invalid_request"),
        Code::NotFound
        | Code::MethodNotAllowed
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType => (code.status(), "invalid_request"),
        Code::InternalError => (code.status(), "server_error"),
        Code::RateLimited => (code.status(), "temporarily_unavailable"),
        Code::ProviderError
        | Code::ProviderUnavailable
        | Code::ProviderNotConfigured
        | Code::OverCapacity
        | Code::StoreUnavailable
        | Code::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    }
}

fn write(response: &mut Response, error: &'static str, description: &str) {
    let body = OAuthErrorBody::new(error, &printable(description));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response.set_body(Body::from_string(body.to_json_string()));
}

/// Replaces characters that RFC 6749 section 5.2 forbids: quotes, backslashes, and all that are not printable ASCII.
fn printable(text: &str) -> String {
    let allowed = |c: char| match c {
        ' ' | '!' | '#'..='[' | ']'..='~' => c,
        '"' => '\'',
        _ => '?',
    };
    text.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_meaning_with_an_error_status() {
        const WORDS: [&str; 4] = [
            "invalid_request",
            "invalid_grant",
            "server_error",
            "temporarily_unavailable",
        ];
        for code in Code::ALL {
            let (status, error) = meaning(*code);
            assert!(
                status.as_u16() >= 400 && status != StatusCode::UNAUTHORIZED,
                "{code:?}"
            );
            assert!(WORDS.contains(&error), "{code:?}");
        }
    }

    #[test]
    fn descriptions_are_printable() {
        assert_eq!(
            printable("aud is not \"https://é\"\\\n"),
            "aud is not 'https://?'??"
        );
    }
}
