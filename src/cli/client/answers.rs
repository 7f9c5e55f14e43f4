//! The parts of requests and responses that the client commands use.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Deref;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::print::printable;

/// Text from the service that is shown to people. Other people chose it, so it may contain terminal control sequences,
/// which are removed.
#[derive(Deserialize, Serialize)]
#[serde(from = "String")]
pub(crate) struct DisplayText(String);

impl From<String> for DisplayText {
    fn from(text: String) -> Self {
        Self(printable(&text))
    }
}

impl Deref for DisplayText {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl Display for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn time<'de, D: Deserializer<'de>>(text: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(text)?;
    let time = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339));
    time.transpose().map_err(D::Error::custom)
}

/// The body of `POST /v1/link-code`.
#[derive(Serialize, Default)]
pub(crate) struct LinkRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_expires_at: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) return_code: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<&'a str, &'a str>,
}

/// What a new key may do.
#[derive(Clone, Copy, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// May do everything with the account.
    Owner,
    /// May only read the token and the account.
    Reader,
}

/// The body of `POST /v1/link/{link_code}/confirm`.
#[derive(Serialize)]
pub(crate) struct Confirmation<'a> {
    pub(crate) return_code: &'a str,
}

/// The response to [`LinkRequest`].
#[derive(Deserialize)]
pub(crate) struct LinkCode {
    pub(crate) link_code: DisplayText,
    pub(crate) verification_url: DisplayText,
    pub(crate) verification_url_complete: DisplayText,
    pub(crate) expires_in: u64,
    pub(crate) interval: u64,
    pub(crate) access_key: Option<String>,
    pub(crate) provider: DisplayText,
}

impl LinkCode {
    /// Returns the pause between polls: the interval of the service, limited to 1 to 60 s.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs(self.interval.clamp(1, 60))
    }
}

/// The response to `GET /v1/poll/{link_code}`.
#[derive(Deserialize)]
pub(crate) struct Poll {
    pub(crate) status: DisplayText,
    pub(crate) expires_in: u64,
    pub(crate) account: Option<Account>,
    pub(crate) error: Option<ErrorDetail>,
}

/// An account inside another response.
#[derive(Deserialize, Serialize)]
pub(crate) struct Account {
    pub(crate) provider: DisplayText,
    pub(crate) display_name: DisplayText,
}

/// The `code` and `detail` of an error, also of a problem (RFC 9457).
#[derive(Deserialize)]
pub(crate) struct ErrorDetail {
    pub(crate) code: DisplayText,
    pub(crate) detail: DisplayText,
}

/// The parts of the response to `GET /v1/token` that commands use.
#[derive(Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    #[serde(default, deserialize_with = "time")]
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) expires_in: Option<u64>,
    pub(crate) warning: Option<ErrorDetail>,
}

/// One page of a list. Items stay unparsed, because `--json` prints every field of an item.
#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// One account, and the response to `GET /v1/accounts/{id}`.
#[derive(Deserialize)]
pub(crate) struct AccountDetails {
    pub(crate) id: DisplayText,
    pub(crate) provider: DisplayText,
    pub(crate) display_name: DisplayText,
    pub(crate) status: DisplayText,
    #[serde(default, deserialize_with = "time")]
    pub(crate) access_token_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) refresh_token_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) grant_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) next_refresh_at: Option<OffsetDateTime>,
    pub(crate) last_error: Option<ErrorDetail>,
    pub(crate) warning: Option<ErrorDetail>,
}

/// The response to `GET /v1/providers`.
#[derive(Deserialize)]
pub(crate) struct ProviderList {
    pub(crate) items: Vec<Provider>,
}

/// A provider, and the name that people see.
#[derive(Deserialize)]
pub(crate) struct Provider {
    pub(crate) name: DisplayText,
    pub(crate) display_name: DisplayText,
}

/// The body of `POST /v1/accounts/{id}/keys`.
#[derive(Serialize)]
pub(crate) struct NewKey<'a> {
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) networks: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_uses_per_minute: Option<u32>,
}

/// An access key without its secret.
#[derive(Deserialize)]
pub(crate) struct KeyDetails {
    pub(crate) id: DisplayText,
    pub(crate) name: Option<DisplayText>,
    pub(crate) role: DisplayText,
    pub(crate) created_by: Option<DisplayText>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) created_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) last_used_at: Option<OffsetDateTime>,
}

/// A revocation of tokens at their provider.
#[derive(Deserialize)]
pub(crate) struct RevocationDetails {
    pub(crate) id: DisplayText,
    pub(crate) provider: DisplayText,
    pub(crate) account_id: Option<DisplayText>,
    pub(crate) status: DisplayText,
    #[serde(default, deserialize_with = "time")]
    pub(crate) created_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) next_attempt_at: Option<OffsetDateTime>,
    pub(crate) attempts_failed: u32,
    pub(crate) last_error: Option<ErrorDetail>,
}

/// The response to `DELETE /v1/accounts/{id}`.
#[derive(Deserialize)]
pub(crate) struct Deleted {
    pub(crate) provider_revocation: DisplayText,
}

/// The response to `GET /v1/healthz` and `GET /v1/readyz`.
#[derive(Deserialize)]
pub(in crate::cli) struct Health {
    pub(in crate::cli) status: String,
}
