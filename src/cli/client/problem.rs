//! Requests that fail: a service that cannot be reached, and its problem responses.

use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::answers::DisplayText;
use crate::cli::profile::Origin;
use crate::cli::{Exit, Failure};

pub(crate) enum Refused {
    /// The service could not be reached, or another kind of server answered. The text names the server.
    Unreachable(String),
    /// The service answered with a problem (RFC 9457).
    Problem(Box<Problem>),
}

/// A problem (RFC 9457), the server that sent it, and where the key of the request came from.
pub(crate) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: DisplayText,
    pub(super) detail: DisplayText,
    pub(super) retry_after: Option<Duration>,
    /// The id with which the operator finds the cause of an internal error in the log.
    pub(super) request_id: Option<String>,
    pub(super) server: Url,
    pub(super) bearer: Option<Origin>,
}

pub(super) fn foreign(server: &Url, status: StatusCode) -> Refused {
    Refused::Unreachable(format!(
        "{server} answered {status}, not as a Central OAuth service does"
    ))
}

impl Refused {
    /// Returns the minimum pause before a retry, or `None` if a retry cannot help.
    pub(crate) fn may_pass_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable(_) => Some(Duration::ZERO),
            Self::Problem(problem) => {
                let status = problem.status;
                let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                passing.then(|| problem.retry_after.unwrap_or_default())
            }
        }
    }

    /// Whether the service answered with this problem code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Problem(problem) if *problem.code == code)
    }

    pub(crate) fn is(&self, status: StatusCode) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == status)
    }
}

impl Problem {
    fn exit(&self) -> Exit {
        match (self.status, self.code.as_str()) {
            (StatusCode::UNAUTHORIZED, _) | (_, "link_pending") => Exit::NoKey,
            (_, "relink_required") => Exit::RelinkRequired,
            (_, "provider_not_configured") => Exit::Other,
            (StatusCode::TOO_MANY_REQUESTS, _) => Exit::Unavailable,
            (status, _) if status.is_server_error() => Exit::Unavailable,
            _ => Exit::Other,
        }
    }

    /// Says when to try again, if the service has said so and waiting can help.
    fn retry_hint(&self) -> String {
        let wait = self.retry_after.map(|wait| wait.as_secs());
        match wait.filter(|_| self.exit() == Exit::Unavailable) {
            Some(1) => "; try again in 1 second".to_owned(),
            Some(seconds) => format!("; try again in {seconds} seconds"),
            None => String::new(),
        }
    }

    /// Returns a message with the server and its problem. If the key is the cause, the message also names the key.
    fn message(&self) -> String {
        let (server, detail, code) = (&self.server, &self.detail, &self.code);
        match &self.bearer {
            _ if code.as_str() == "enroll_key_required" => format!(
                "{server} needs an enrolment key for a new link: ask its operator for the key, and set \
                 CENTRAL_OAUTH_ENROLL_KEY ({code})"
            ),
            Some(origin) if self.exit() == Exit::NoKey || self.status == StatusCode::FORBIDDEN => {
                format!("{server} rejected {origin}: {detail} ({code})")
            }
            _ => match &self.request_id {
                Some(id) if code.as_str() == "internal_error" => format!(
                    "{server} answered: {detail} ({code}); tell the operator the request id {id}"
                ),
                _ => format!("{server} answered: {detail} ({code}){}", self.retry_hint()),
            },
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreachable(why) => Self::new(Exit::Unavailable, why),
            Refused::Problem(problem) => Self::new(problem.exit(), problem.message()),
        }
    }
}
