//! Errors of RFC 6749 section 5.2 and RFC 8628 section 3.5.

use std::fmt;

use poem::Response;
use poem::error::ResponseError;
use poem::http::StatusCode;
use serde_json::json;

#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    code: &'static str,
    description: String,
    challenge: Option<&'static str>,
}

impl OAuthError {
    /// Creates an error with status 400.
    pub(crate) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            description: description.into(),
            challenge: None,
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(crate) fn invalid_client(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some(r#"Basic realm="sandbox", charset="UTF-8""#),
            ..Self::new("invalid_client", description)
        }
    }

    pub(crate) fn invalid_token(challenge: &'static str, description: &str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some(challenge),
            ..Self::new("invalid_token", description)
        }
    }

    /// Creates the error for a sandbox that cannot store another flow.
    pub(crate) fn busy() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::new("temporarily_unavailable", "too many flows, try again later")
        }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.description)
    }
}

impl std::error::Error for OAuthError {}

impl ResponseError for OAuthError {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = Response::builder()
            .status(self.status)
            .content_type("application/json")
            .header("cache-control", "no-store");
        if let Some(challenge) = self.challenge {
            response = response.header("www-authenticate", challenge);
        }
        response.body(body.to_string())
    }
}
