//! OAuth errors, and where responses contain them.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use reqwest::StatusCode;
use serde_json::{Map, Value};

use crate::dialect::{Dialect, ErrorTexts, Meaning, is_registered};
use crate::http::Fields;
use crate::scrub::Scrubber;
use crate::token_text;

/// An OAuth error (RFC 6749 section 5.2, RFC 8628 section 3.5) without secrets.
pub(crate) struct OAuthError {
    /// The code, in lower case.
    pub(crate) code: String,
    /// Advice, the provider's description, and the status.
    pub(crate) detail: String,
    /// The same as `detail`, without the status; `None` if there is neither advice nor a description.
    pub(crate) words: Option<String>,
    pub(crate) meaning: Meaning,
    /// Whether this error, in response to a refresh, means that the refresh token is dead.
    pub(crate) is_dead: bool,
    /// Whether the description mentions the client's credentials, probably because the request lacks them.
    pub(crate) misses_credentials: bool,
    /// The interval in the response (GitHub with `slow_down`).
    pub(crate) interval: Option<Duration>,
    /// The pause that the provider asks for.
    pub(crate) retry_after: Option<Duration>,
}

/// The code of an error without a code, or with an invalid one.
pub(crate) const UNNAMED: &str = "unnamed_error";

impl OAuthError {
    /// Reads an error that has a code or that the profile lists. Removes these secrets from its texts.
    pub(crate) fn read(fields: &Fields, dialect: &Dialect, secrets: &Scrubber) -> Option<Self> {
        let texts = ErrorTexts::of(fields, dialect);
        // A registered code is no secret, even if a short secret is a part of it.
        let code = texts.code.map(|word| dialect.canonical(word));
        let code = code.and_then(|code| match is_registered(&code) {
            true => Some(code),
            false => secrets.code(&code),
        });
        if code.is_none() && !dialect.lists(&texts) {
            return None;
        }
        Some(Self::new(code.as_deref(), &texts, dialect, secrets))
    }

    /// Reads a response whose member `error` makes it an error, even without a valid code. If the member only repeats
    /// an HTTP status, it means the same as that status: `{"error": "Service Unavailable"}` may pass.
    pub(crate) fn unnamed(fields: &Fields, dialect: &Dialect, secrets: &Scrubber) -> Self {
        let error = Self::new(None, &ErrorTexts::of(fields, dialect), dialect, secrets);
        match fields.text("error").and_then(status_in) {
            Some(status) if may_pass(status) => Self {
                meaning: Meaning::Passing,
                ..error
            },
            _ => error,
        }
    }

    fn new(
        code: Option<&str>,
        texts: &ErrorTexts<'_>,
        dialect: &Dialect,
        secrets: &Scrubber,
    ) -> Self {
        let description = texts.description.unwrap_or_default();
        let words = secrets.text(description);
        let detail = match dialect.advice(texts) {
            Some(advice) => format!("{advice} {words}"),
            None => words,
        };
        let detail = detail.trim().to_owned();
        Self {
            code: code.unwrap_or(UNNAMED).to_owned(),
            words: Some(detail.clone()).filter(|words| !words.is_empty()),
            detail,
            meaning: dialect.meaning(texts),
            is_dead: dialect.is_dead(texts),
            misses_credentials: misses_credentials(description),
            interval: None,
            retry_after: None,
        }
    }

    /// Returns the code, and the description if there is one.
    pub(crate) fn text(&self) -> String {
        match self.detail.as_str() {
            "" => self.code.clone(),
            detail => format!("{}: {detail}", self.code),
        }
    }

    /// Whether the error is a rate limit: with `Retry-After`, the same request may work later. A dead token or an
    /// expired code is no rate limit, because it stays dead or expired.
    pub(crate) fn is_limit(&self) -> bool {
        let is_definite = self.is_dead || matches!(self.meaning, Meaning::Expired);
        !is_definite && self.retry_after.is_some_and(|pause| !pause.is_zero())
    }
}

impl From<OAuthError> for ProviderError {
    fn from(error: OAuthError) -> Self {
        let (is_limit, text) = (error.is_limit(), error.text());
        let OAuthError { code, detail, .. } = error;
        match error.meaning {
            Meaning::Passing | Meaning::SlowDown => Self::Unavailable {
                detail: text,
                retry_after: error.retry_after.or(error.interval),
            },
            _ if is_limit => Self::Unavailable {
                detail: text,
                retry_after: error.retry_after,
            },
            Meaning::Misconfigured => Self::misconfigured(code, detail),
            Meaning::Doubtful => Self::refused(format!("doubtful_{code}"), detail),
            Meaning::Pending | Meaning::Denied | Meaning::Expired | Meaning::Refused => {
                Self::refused(code, detail)
            }
        }
    }
}

fn misses_credentials(description: &str) -> bool {
    let words = description.to_lowercase().replace('_', " ");
    ["client id", "client secret", "client credentials"]
        .iter()
        .any(|credential| words.contains(credential))
}

/// Members that may contain a code: `code` and `status` of Google's APIs, `errorType` of Fitbit, `errorCode` of Okta
/// and Salesforce, `ErrorCode` of Apigee, `errcode` of WeChat, `title` of RFC 9457, `extensions` of GraphQL.
const CODES: [&str; 13] = [
    "code",
    "error",
    "type",
    "status",
    "error_code",
    "errorCode",
    "ErrorCode",
    "error_type",
    "errorType",
    "errcode",
    "errorId",
    "title",
    "extensions",
];

/// Members that may contain a description, best first. Zoom uses `reason` for `error_description`, Apigee uses `Error`.
const WORDS: [&str; 11] = [
    "error_description",
    "reason",
    "message",
    "error_message",
    "errorMessage",
    "errorSummary",
    "detail",
    "msg",
    "errmsg",
    "description",
    "Error",
];

/// Maximum nesting of codes within `error` and `errors`.
const MAX_DEPTH: u8 = 4;
/// Maximum number of errors read from an array.
const MAX_ERRORS: usize = 8;

impl<'a> ErrorTexts<'a> {
    /// Finds a code and a description.
    ///
    /// In RFC 6749, `error` is a string. Other APIs send an object or an array, or use `errors`. In other members, a
    /// string counts as a code only if the code is known: Twitch sends `{"status": 400, "message":
    /// "authorization_pending"}`. If the response has tokens, only `error` can contain a code. A message instead of an
    /// access token may be the error.
    pub(crate) fn of(fields: &'a Fields, dialect: &Dialect) -> Self {
        let members = fields.members();
        let message = token_text::error_in_token(fields);
        let has_tokens = message.is_none()
            && fields
                .first_text(&["access_token", "device_code"])
                .is_some();
        let mut error = Texts::default();
        error.collect(members.get("error"), MAX_DEPTH);
        let mut elsewhere = Vec::new();
        if !has_tokens {
            error.collect(members.get("errors"), MAX_DEPTH);
            error.collect(members.get("error_code"), MAX_DEPTH);
            elsewhere.extend(message);
            elsewhere.extend(texts(members, &CODES));
            elsewhere.extend(texts(members, &WORDS));
        }
        let known = |texts: &[&'a str]| texts.iter().copied().find(|text| dialect.knows(text));
        let in_error = |is_wanted: fn(&str) -> bool| {
            let mut codes = error.codes.iter().copied();
            codes.find(|text| is_wanted(text))
        };
        let code = known(&error.codes)
            .or_else(|| known(&error.words))
            .or_else(|| known(&elsewhere))
            .or_else(|| in_error(may_be_code));
        let description = fields
            .text("error_description")
            .or_else(|| error.words.first().copied())
            .or_else(|| fields.first_text(&WORDS))
            .or_else(|| in_error(|text| text.contains(' ') || is_status(text)));
        Self {
            code,
            description,
            texts: [error.codes, error.words, elsewhere].concat(),
            members,
        }
    }
}

/// The strings of an error.
#[derive(Default)]
struct Texts<'a> {
    codes: Vec<&'a str>,
    words: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    /// Adds the strings of an error: a code, an object, or an array of either.
    fn collect(&mut self, value: Option<&'a Value>, depth: u8) {
        match value {
            Some(Value::String(text)) if !text.trim().is_empty() => self.codes.push(text),
            Some(Value::Array(items)) if depth > 0 => {
                for item in items.iter().take(MAX_ERRORS) {
                    self.collect(Some(item), depth - 1);
                }
            }
            Some(Value::Object(members)) if depth > 0 => {
                for name in CODES {
                    self.collect(members.get(name), depth - 1);
                }
                self.words.extend(texts(members, &WORDS));
            }
            _ => {}
        }
    }
}

/// Returns the members with these names that are non-empty strings.
fn texts<'a>(
    members: &'a Map<String, Value>,
    names: &'static [&'static str],
) -> impl Iterator<Item = &'a str> {
    let texts = names.iter().filter_map(|name| members.get(*name)?.as_str());
    texts.filter(|text| !text.trim().is_empty())
}

/// Whether the text may be a code. Numbers are statuses, URLs are problem types (RFC 9457), and phrases are for people.
fn may_be_code(text: &str) -> bool {
    text.parse::<f64>().is_err()
        && !text.contains("://")
        && !text.trim().contains(' ')
        && !is_status(text)
}

/// Whether the text only repeats an HTTP status, as frameworks and gateways do: `{"status": 403, "error":
/// "Forbidden"}`. Such a response may not come from the authorization server.
fn is_status(text: &str) -> bool {
    status_in(text).is_some()
}

/// Returns the HTTP status whose reason phrase the text is, with any case and separators.
fn status_in(text: &str) -> Option<StatusCode> {
    let plain = |text: &str| text.replace([' ', '-', '_'], "").to_ascii_lowercase();
    let text = plain(text.trim());
    let mut statuses = (400..600).filter_map(|code| StatusCode::from_u16(code).ok());
    statuses.find(|status| {
        status
            .canonical_reason()
            .is_some_and(|reason| plain(reason) == text)
    })
}

/// Whether the same request may work later after this status.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
}
