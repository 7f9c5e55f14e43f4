//! Provider responses. An error in the body counts, whatever the status.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::{Body, Fields};
use crate::dialect::{Dialect, ErrorTexts};
use crate::oauth_error::OAuthError;
use crate::scrub::Scrubber;
use crate::token_text;

/// A response of a provider. Errors made from it contain no secret that was sent.
pub(crate) struct ProviderResponse {
    pub(crate) status: StatusCode,
    pub(super) body: Body,
    /// The pause that the provider asks for.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) headers: HeaderMap,
    /// The secrets that were sent.
    pub(crate) secrets: Scrubber,
    pub(super) dialect: Arc<Dialect>,
}

pub(crate) enum Rejection {
    Worded(OAuthError),
    /// A failure that the body does not explain with an OAuth error.
    Failed(ProviderError),
}

impl From<Rejection> for ProviderError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Worded(error) => error.into(),
            Rejection::Failed(error) => error,
        }
    }
}

impl ProviderResponse {
    pub(crate) const fn is_jwt(&self) -> bool {
        matches!(self.body, Body::Jwt)
    }

    pub(crate) const fn is_page(&self) -> bool {
        matches!(self.body, Body::Page)
    }

    /// Whether a firewall in front of the server has answered, with a challenge for browsers (Cloudflare, AWS WAF).
    pub(crate) fn is_challenge(&self) -> bool {
        let mut marks = ["cf-mitigated", "x-amzn-waf-action"].into_iter();
        marks.any(|mark| self.headers.contains_key(mark))
    }

    /// Returns the members of the body, if it has any. The body may be malformed.
    pub(crate) const fn fields(&self) -> Option<&Fields> {
        match &self.body {
            Body::Fields(fields) | Body::Salvaged(fields) => Some(fields),
            Body::Jwt | Body::Page | Body::Unusable(_) => None,
        }
    }

    /// Returns the members of a well-formed body.
    pub(crate) const fn sound_fields(&self) -> Option<&Fields> {
        match &self.body {
            Body::Fields(fields) => Some(fields),
            _ => None,
        }
    }

    /// Moves tokens from a nested object to the top level: see [`Fields::unwrapped`].
    pub(crate) fn unwrapped(mut self) -> Self {
        self.body = match self.body {
            Body::Fields(fields) => Body::Fields(fields.unwrapped("access_token")),
            Body::Salvaged(fields) => Body::Salvaged(fields.unwrapped("access_token")),
            other => other,
        };
        self
    }

    /// Returns the members of an [`unwrapped`](Self::unwrapped) token response. Accepts even a malformed body, because
    /// its tokens cannot be requested again. Fails like [`Self::success`].
    pub(crate) fn tokens(mut self) -> Result<Fields, Rejection> {
        if let Body::Salvaged(fields) = self.body {
            self.body = Body::Fields(fields);
        }
        let pause = self.retry_after;
        let words = self.description().map(|words| self.secrets.text(words));
        let fields = self.success()?;
        if token_text::has_token(&fields) {
            return Ok(fields);
        }
        let problem = match fields.text("access_token") {
            None => "a token response without an access_token",
            Some(_) => "a token response whose access_token is no token",
        };
        let detail = words.map_or(problem.to_owned(), |words| format!("{problem}: {words}"));
        let error = ProviderError::Nonsense { detail };
        Err(Rejection::Failed(paused(error, pause)))
    }

    /// Returns the members of a success.
    ///
    /// A redirect or a 5xx counts as a failure whatever its body says. An OAuth error counts with any other status:
    /// GitHub sends it with 200, Google with 403 and 428, RFC 6749 section 5.2 with 400 and 401. A 429 is a rate limit,
    /// unless it carries an error of the device flow.
    pub(crate) fn success(self) -> Result<Fields, Rejection> {
        let error = self.oauth_error();
        if self.says_nothing(error.as_ref()) {
            return Err(Rejection::Failed(self.unavailable()));
        }
        if let Some(error) = error.filter(|_| !self.status.is_redirection()) {
            return Err(Rejection::Worded(error));
        }
        match self.body {
            Body::Fields(fields) if self.status.is_success() => Ok(fields),
            _ => Err(Rejection::Failed(self.unexplained())),
        }
    }

    pub(crate) fn oauth_error(&self) -> Option<OAuthError> {
        let fields = self.fields()?;
        let named = OAuthError::read(fields, &self.dialect, &self.secrets);
        // If the body names no code, a failed status serves as the code (`unworded`), but a successful one cannot.
        let is_unnamed = self.status.is_success() && fields.says_error();
        let unnamed = || OAuthError::unnamed(fields, &self.dialect, &self.secrets);
        let error = named.or_else(|| is_unnamed.then(unnamed))?;
        let status = http(self.status);
        Some(OAuthError {
            detail: match error.detail.as_str() {
                "" => status,
                words => format!("{words} ({status})"),
            },
            interval: fields.seconds("interval"),
            retry_after: self.retry_after,
            ..error
        })
    }

    fn says_nothing(&self, error: Option<&OAuthError>) -> bool {
        let is_step = error.is_some_and(|error| error.meaning.is_step());
        self.status.is_server_error()
            || self.is_challenge()
            || self.status == StatusCode::REQUEST_TIMEOUT
            || (self.status == StatusCode::TOO_MANY_REQUESTS && !is_step)
    }

    /// Converts the response to a temporary failure.
    pub(crate) fn unavailable(&self) -> ProviderError {
        let status = http(self.status);
        let detail = match self.description() {
            Some(words) => format!("{} ({status})", self.secrets.text(words)),
            None if self.fields().is_none() && self.is_challenge() => {
                format!("a firewall's challenge for browsers ({status})")
            }
            None => status,
        };
        ProviderError::Unavailable {
            detail,
            retry_after: self.retry_after,
        }
    }

    /// Converts a response that is neither a success nor an OAuth error. With `Retry-After` it is a rate limit.
    fn unexplained(&self) -> ProviderError {
        let status = http(self.status);
        let detail = match &self.body {
            _ if self.status.is_redirection() => {
                format!("a redirect, which the service does not follow ({status})")
            }
            Body::Salvaged(_) if self.status.is_success() => {
                format!("a body that breaks its format ({status})")
            }
            Body::Fields(_) | Body::Salvaged(_) => match self.description() {
                Some(words) => format!("no error code ({status}): {}", self.secrets.text(words)),
                None => format!("no error code ({status})"),
            },
            Body::Jwt => format!("a JWT ({status})"),
            Body::Page => format!("HTML ({status})"),
            Body::Unusable(what) => format!("{what} ({status})"),
        };
        paused(ProviderError::nonsense(detail), self.retry_after)
    }

    /// Returns the provider's raw description. Use it only for comparison and never show it, because it may contain
    /// secrets.
    pub(crate) fn description(&self) -> Option<&str> {
        ErrorTexts::of(self.fields()?, &self.dialect).description
    }
}

/// Uses the status as the error code, because some servers reject a token without sending an error code: 400 with an
/// empty body, 404. An HTML page gets another code, because it is probably not from the authorization server.
pub(crate) fn unworded(cause: ProviderError, status: StatusCode, is_page: bool) -> ProviderError {
    let prefix = if is_page {
        ProviderError::HTML_PAGE
    } else {
        ProviderError::WITHOUT_CODE
    };
    match cause {
        ProviderError::Nonsense { detail } if status.is_client_error() => ProviderError::Refused {
            code: format!("{prefix}{}", status.as_u16()),
            detail,
        },
        other => other,
    }
}

/// Turns an unintelligible response into a rate limit, if it asks for a pause.
pub(crate) fn paused(error: ProviderError, pause: Option<Duration>) -> ProviderError {
    match (error, pause) {
        (ProviderError::Nonsense { detail }, Some(pause)) if !pause.is_zero() => {
            ProviderError::Unavailable {
                detail,
                retry_after: Some(pause),
            }
        }
        (error, _) => error,
    }
}

fn http(status: StatusCode) -> String {
    format!("HTTP {}", status.as_u16())
}
