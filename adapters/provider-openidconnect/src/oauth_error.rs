//! Errors in the protocol's terms, and where answers say them.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use serde_json::Value;

use crate::dialect::{Dialect, Meaning};
use crate::http::Fields;
use crate::scrub::Scrubber;

/// An error in the protocol's terms (RFC 6749 section 5.2, RFC 8628 section 3.5), free of secrets.
pub(crate) struct OAuthError {
    /// The code, in lower case.
    pub(crate) code: String,
    /// What to do about it, the provider's words, and the status.
    pub(crate) detail: String,
    /// The same without the status, where there is more to tell.
    pub(crate) words: Option<String>,
    /// What it says.
    pub(crate) meaning: Meaning,
    /// Whether it shows, at a refresh, that the refresh token is dead.
    pub(crate) is_dead: bool,
    /// The interval that the answer names (GitHub with `slow_down`).
    pub(crate) interval: Option<Duration>,
    /// When the provider wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

impl OAuthError {
    /// Reads an error, if the members are one; the provider's words are rid of these secrets.
    pub(crate) fn read(fields: &Fields, dialect: &Dialect, secrets: &Scrubber) -> Option<Self> {
        let Wording { code, description } = Wording::of(fields, dialect);
        let word = code?;
        let words = secrets.text(description.unwrap_or_default());
        let detail = match dialect.advice(word, description) {
            Some(advice) => format!("{advice} {words}"),
            None => words,
        };
        let detail = detail.trim().to_owned();
        Some(Self {
            code: code_of(word, dialect, secrets)?,
            words: Some(detail.clone()).filter(|words| !words.is_empty()),
            detail,
            meaning: dialect.meaning(word, description),
            is_dead: dialect.is_dead(word, description),
            interval: None,
            retry_after: None,
        })
    }
}

/// Phrases that stand in a code's place ("Access Denied") are codes if the profile knows them.
fn code_of(word: &str, dialect: &Dialect, secrets: &Scrubber) -> Option<String> {
    if dialect.is_word(word) {
        secrets.code(&word.trim().replace(' ', "_"))
    } else {
        secrets.code(word)
    }
}

impl From<OAuthError> for ProviderError {
    fn from(error: OAuthError) -> Self {
        let OAuthError { code, detail, .. } = error;
        match error.meaning {
            Meaning::Passing | Meaning::SlowDown => Self::Unavailable {
                detail: format!("{code}: {detail}"),
                retry_after: error.retry_after.or(error.interval),
            },
            Meaning::Misconfigured => Self::Misconfigured { code, detail },
            Meaning::Pending | Meaning::Denied | Meaning::Expired | Meaning::Refused => {
                Self::Refused { code, detail }
            }
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
    /// Twitch has `{"status": 400, "message": "authorization_pending"}`, Google `error_code` for a quota, and Zoom says
    /// `reason` for `error_description`.
    pub(crate) fn of(fields: &'a Fields, dialect: &Dialect) -> Self {
        let message = fields.text("message");
        let inner = fields.get("error").and_then(Value::as_object);
        let nested = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| inner?.get(*name)?.as_str());
            texts.into_iter().find(|text| !text.is_empty())
        };
        Self {
            code: message
                .filter(|word| dialect.is_word(word))
                .or_else(|| fields.first_text(&["error", "error_code"]))
                .or_else(|| nested(&["code", "error", "type", "status"])),
            description: fields
                .text("error_description")
                .or_else(|| nested(&["message", "error_description"]))
                .or_else(|| fields.text("reason"))
                .or(message),
        }
    }
}
