//! Errors of RFC 6749 section 5.2 and RFC 8628 section 3.5.

use std::fmt;
use std::time::Duration;

use poem::Response;
use poem::error::ResponseError;
use poem::http::StatusCode;
use serde_json::json;

use crate::Illness;
use crate::random::NoEntropy;

/// An error response of an OAuth endpoint.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    code: &'static str,
    description: String,
    challenge: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl OAuthError {
    /// Creates an error with the usual status.
    pub(crate) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            description: description.into(),
            challenge: None,
            retry_after: None,
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// Client authentication failed.
    pub(crate) fn invalid_client(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some(r#"Basic realm="sandbox", charset="UTF-8""#),
            ..Self::new("invalid_client", description)
        }
    }

    /// Rejects the refresh of one person.
    pub(crate) fn ill(illness: Illness) -> Self {
        let (status, code) = match illness {
            Illness::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            Illness::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        Self {
            status,
            retry_after: illness.retry_after(),
            ..Self::new(code, "this person's tokens cannot be refreshed at present")
        }
    }

    /// The sandbox is full.
    pub(crate) fn busy() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::new("temporarily_unavailable", "too many flows, try again later")
        }
    }
}

impl From<NoEntropy> for OAuthError {
    fn from(error: NoEntropy) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("server_error", format!("no random bytes: {error}"))
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
        if let Some(wait) = self.retry_after {
            response = response.header("retry-after", wait.as_secs());
        }
        response.body(body.to_string())
    }
}
