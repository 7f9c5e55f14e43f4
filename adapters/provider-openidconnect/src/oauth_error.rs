//! What the error codes of providers mean.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use serde_json::Value;

use crate::http::Fields;
use crate::scrub::Scrubber;

/// An error in the protocol's terms (RFC 6749 section 5.2, RFC 8628 section 3.5), free of secrets.
pub(crate) struct OAuthError {
    /// The code, in lower case.
    pub(crate) code: String,
    /// The provider's words and the status.
    pub(crate) detail: String,
    /// The interval that the answer names (GitHub with `slow_down`).
    pub(crate) interval: Option<Duration>,
    /// When the provider wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

/// A step of the device flow that is told as an error.
pub(crate) enum Step {
    /// The person has not answered yet.
    Pending,
    /// Ask less often.
    SlowDown,
    /// The person said no.
    Denied,
    /// The device code is dead.
    Expired,
}

impl OAuthError {
    /// The step of the device flow that this is, if it is one.
    pub(crate) fn step(&self) -> Option<Step> {
        step(&self.code)
    }

    /// Reads an error, if the members are one; the provider's words are rid of these secrets.
    pub(crate) fn read(fields: &Fields, secrets: &Scrubber) -> Option<Self> {
        let wording = Wording::of(fields);
        Some(Self {
            code: secrets.code(wording.code?)?,
            detail: secrets.text(wording.description.unwrap_or_default()),
            interval: None,
            retry_after: None,
        })
    }

    /// Whether the person said no.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self.step(), Some(Step::Denied))
    }

    /// Whether it belongs to the device flow.
    pub(crate) fn is_step(&self) -> bool {
        self.step().is_some()
    }
}

/// `authorization_declined` is Microsoft's word, `token_expired` an older one of GitHub's documentation.
fn step(code: &str) -> Option<Step> {
    match code {
        "authorization_pending" => Some(Step::Pending),
        "slow_down" => Some(Step::SlowDown),
        "access_denied" | "authorization_declined" => Some(Step::Denied),
        "expired_token" | "token_expired" => Some(Step::Expired),
        _ => None,
    }
}

impl From<OAuthError> for ProviderError {
    fn from(error: OAuthError) -> Self {
        let OAuthError { code, detail, .. } = error;
        match code.as_str() {
            "server_error" | "temporarily_unavailable" | "slow_down" => Self::Unavailable {
                detail: format!("{code}: {detail}"),
                retry_after: error.retry_after.or(error.interval),
            },
            // The last two are GitHub's.
            "invalid_client"
            | "unauthorized_client"
            | "invalid_scope"
            | "unsupported_grant_type"
            | "device_flow_disabled"
            | "incorrect_client_credentials" => Self::Misconfigured { code, detail },
            _ => Self::Refused { code, detail },
        }
    }
}

/// Where an answer says what is wrong. Nothing here is scrubbed yet.
pub(crate) struct Wording<'a> {
    /// What may be an error code.
    pub(crate) code: Option<&'a str>,
    /// The words for people.
    pub(crate) description: Option<&'a str>,
}

impl<'a> Wording<'a> {
    /// Looks for them: `error` is a text by RFC 6749, an object with `code` or `status` and `message` in other APIs,
    /// and Twitch has `{"status": 400, "message": "authorization_pending"}`.
    pub(crate) fn of(fields: &'a Fields) -> Self {
        let message = fields.text("message");
        let inner = fields.get("error").and_then(Value::as_object);
        let nested = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| inner?.get(*name)?.as_str());
            texts.into_iter().find(|text| !text.is_empty())
        };
        Self {
            code: message
                .filter(|word| step(word).is_some())
                .or_else(|| fields.text("error"))
                .or_else(|| nested(&["code", "error", "type", "status"])),
            description: fields
                .text("error_description")
                .or_else(|| nested(&["message", "error_description"]))
                .or(message),
        }
    }
}
