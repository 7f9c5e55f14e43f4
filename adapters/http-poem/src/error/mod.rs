//! Errors on the wire: the table of problem codes and their statuses.

mod oauth;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Coded as _, Refusal};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::types::ToJSON as _;

use crate::dto::{ProblemDetails, seconds_up};

pub(crate) use oauth::{ExchangeFailure, OAuthError, TOKEN_ENDPOINT, code_of, translate};

/// The media type of problem details (RFC 9457).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! codes {
    ($($name:ident $word:literal $status:ident;)+) => {
        /// Problem codes. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(clippy::enum_variant_names, reason = "`code_in_use` is a word of the contract")]
        pub(crate) enum Code { $($name),+ }

        impl Code {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }
        }
    };
}

codes! {
    InvalidRequest "invalid_request" BAD_REQUEST;
    Unauthorized "unauthorized" UNAUTHORIZED;
    EnrollKeyRequired "enroll_key_required" UNAUTHORIZED;
    WorkloadRefused "workload_refused" UNAUTHORIZED;
    Forbidden "forbidden" FORBIDDEN;
    NotFound "not_found" NOT_FOUND;
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED;
    LinkPending "link_pending" CONFLICT;
    RelinkRequired "relink_required" CONFLICT;
    CodeInUse "code_in_use" CONFLICT;
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE;
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE;
    LinkEnded "link_ended" CONFLICT;
    Unprocessable "unprocessable" UNPROCESSABLE_ENTITY;
    ReturnCodeRequired "return_code_required" UNPROCESSABLE_ENTITY;
    WrongReturnCode "wrong_return_code" UNPROCESSABLE_ENTITY;
    RateLimited "rate_limited" TOO_MANY_REQUESTS;
    InternalError "internal_error" INTERNAL_SERVER_ERROR;
    ProviderError "provider_error" BAD_GATEWAY;
    ProviderUnavailable "provider_unavailable" SERVICE_UNAVAILABLE;
    ProviderNotConfigured "provider_not_configured" SERVICE_UNAVAILABLE;
    OverCapacity "over_capacity" SERVICE_UNAVAILABLE;
    StoreUnavailable "store_unavailable" SERVICE_UNAVAILABLE;
    NotReady "not_ready" SERVICE_UNAVAILABLE;
}

/// An error response in the form of RFC 9457.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    tries_left: Option<u32>,
}

impl Problem {
    /// Creates a problem. `detail` is for people and must not contain a secret.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            tries_left: None,
        }
    }

    /// Creates the problem of a parameter that cannot be parsed.
    pub(crate) fn bad_parameter(name: &str, reason: &str) -> Self {
        let words = wrong_type(reason).or_else(|| bound(reason));
        let reason = words.as_deref().unwrap_or(reason);
        let detail = format!("the parameter {name} is invalid: {reason}");
        Self::new(Code::InvalidRequest, detail)
    }

    /// Creates the problem of a query parameter that the operation does not have.
    pub(crate) fn unknown_parameter(name: &str, known: &BTreeSet<&str>) -> Self {
        let name = shortened(name);
        let known = Vec::from_iter(known.iter().copied()).join(", ");
        let detail = format!("there is no parameter {name:?} here; the parameters are {known}");
        Self::new(Code::InvalidRequest, detail)
    }

    /// Adds the header `Retry-After`.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.code.status()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns how long to wait before a retry, if a retry may help.
    pub(crate) const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Creates the problem of an internal error. Logs the cause, which the caller must not see.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = cause, "request failed: internal error");
        Self::internal_error()
    }

    /// Creates the problem of an error whose cause is in the log.
    pub(crate) fn internal_error() -> Self {
        Self::new(
            Code::InternalError,
            "internal error; the operator finds the cause in the service's log",
        )
    }

    /// Creates the problem of a request that exceeded its timeout.
    pub(crate) fn too_slow() -> Self {
        let detail = "the service could not answer in time; its database may be slow";
        Self::new(Code::StoreUnavailable, detail).retry_after(SOON)
    }

    pub(crate) fn into_details(self) -> ProblemDetails {
        let mut details = ProblemDetails::new(self.code, self.detail.into_owned());
        details.tries_left = self.tries_left;
        details
    }

    /// Creates the problem of a store that cannot be used. The cause is in the log.
    pub(crate) fn store_unavailable() -> Self {
        Self::new(
            Code::StoreUnavailable,
            "the service cannot use its database at the moment; try again later",
        )
        .retry_after(SOON)
    }
}

/// Replaces a parse error of the framework with a plain sentence. The framework writes, for example,
/// `failed to parse "integer(uint32)": invalid digit found in string`. `None` for other texts.
fn wrong_type(reason: &str) -> Option<String> {
    let (expected, _) = reason.strip_prefix("failed to parse \"")?.split_once('"')?;
    kind(expected).map(|words| format!("it must be {words}"))
}

/// Puts the name of a type into plain words. The framework writes, for example, `integer(uint32)`, and serde `u32`.
/// `None` for other names.
pub(crate) fn kind(expected: &str) -> Option<&'static str> {
    match expected {
        "boolean" | "a boolean" => Some("true or false"),
        "string_date-time" => {
            Some("an RFC 3339 time such as 2026-12-31T23:59:59Z (write + as %2B)")
        }
        "AccountStatus" => Some("active, degraded or relink_required"),
        "a sequence" => Some("an array"),
        "a map" => Some("an object"),
        "string or map" | "map with a single key" => Some("a string"),
        "u32" => Some("a whole number from 0 to 4294967295"),
        other => other.starts_with("integer").then_some("a whole number"),
    }
}

/// Shortens a name that the caller chose, for a message.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    const MAX_SHOWN: usize = 40;
    match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

/// Replaces a validation error of the framework with a plain sentence. The framework writes, for example,
/// `verification failed. maximum(200, exclusive: false)`. `None` for other texts.
fn bound(reason: &str) -> Option<String> {
    let rule = reason.strip_prefix("verification failed. ")?;
    let (rule, bounds) = rule.split_once('(')?;
    let (bound, _) = bounds.split_once([',', ')'])?;
    match rule {
        "maximum" | "minimum" => Some(format!("the {rule} is {bound}")),
        "maxLength" => Some(format!("the maximum is {bound} characters")),
        _ => None,
    }
}

const SOON: Duration = Duration::from_secs(5);

impl From<Refusal> for Problem {
    /// The domain gives each refusal its code, and `Code` gives the code its status.
    fn from(refusal: Refusal) -> Self {
        let word = refusal.code();
        let code = Code::ALL.iter().find(|code| code.as_str() == word);
        let problem = Self {
            code: code.copied().unwrap_or(Code::InternalError),
            detail: refusal.to_string().into(),
            retry_after: refusal.retry_after(),
            tries_left: None,
        };
        match refusal {
            Refusal::WrongReturnCode(tries_left) => Self {
                tries_left: Some(tries_left),
                ..problem
            },
            Refusal::Store(error @ (StoreError::Conflict | StoreError::Busy(_))) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "request failed; a retry may succeed"
                );
                let detail = "other requests use the same data, or all connections to the database, at the moment; try again";
                Self::new(Code::StoreUnavailable, detail).retry_after(SOON)
            }
            Refusal::Store(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "request failed: the database does not answer or takes no writes"
                );
                Self::store_unavailable()
            }
            Refusal::Store(error) => Self::internal(&error),
            Refusal::Cipher(error) => Self::internal(&error),
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.clone().into_details().to_json_string();
        let mut response = Response::builder()
            .status(self.status())
            .content_type(PROBLEM_JSON)
            .body(Body::from_string(body));
        set_retry_after(&mut response, self.retry_after);
        // `translate` reads the problem from the response.
        response.set_data(self);
        response
    }
}

/// Sets `Retry-After`, to at least 1 s: a client that retries at once would be rejected again.
pub(crate) fn set_retry_after(response: &mut Response, wait: Option<Duration>) {
    if let Some(wait) = wait {
        let wait = HeaderValue::from(seconds_up(wait).max(1));
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let mut error = Self::from_response(problem.clone().into_response());
        // poem replaces the data of the response with that of the error.
        error.set_data(problem);
        error
    }
}

#[cfg(test)]
mod tests;
