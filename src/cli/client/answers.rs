//! The parts of requests and responses that the client commands use.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::print::printable;

/// Reads a text that is shown to people. Others chose it, so it may contain terminal control sequences; they are removed.
fn shown<'de, D: Deserializer<'de>>(words: D) -> Result<String, D::Error> {
    let words = String::deserialize(words)?;
    Ok(printable(&words))
}

fn time<'de, D: Deserializer<'de>>(text: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(text)?;
    let time = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339));
    time.transpose().map_err(D::Error::custom)
}

/// The body of `POST /v1/link-code`.
#[derive(Serialize)]
pub(crate) struct LinkRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_name: Option<&'a str>,
}

/// The response to [`LinkRequest`].
#[derive(Deserialize)]
pub(crate) struct LinkCode {
    #[serde(deserialize_with = "shown")]
    pub(crate) link_code: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) verification_url: String,
    pub(crate) verification_url_complete: String,
    pub(crate) expires_in: u64,
    pub(crate) interval: u64,
    pub(crate) access_key: Option<String>,
    #[serde(deserialize_with = "shown")]
    pub(crate) provider: String,
}

/// The response to `GET /v1/poll/{link_code}`.
#[derive(Deserialize)]
pub(crate) struct Poll {
    #[serde(deserialize_with = "shown")]
    pub(crate) status: String,
    pub(crate) expires_in: u64,
    pub(crate) account: Option<Account>,
    pub(crate) error: Option<Trouble>,
}

/// An account inside another response.
#[derive(Deserialize)]
pub(crate) struct Account {
    #[serde(deserialize_with = "shown")]
    pub(crate) provider: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) display_name: String,
}

/// A `{code, detail}`.
#[derive(Deserialize)]
pub(crate) struct Trouble {
    #[serde(deserialize_with = "shown")]
    pub(crate) code: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) detail: String,
}

/// The response to `GET /v1/token`.
#[derive(Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    pub(crate) expires_in: Option<u64>,
    pub(crate) warning: Option<Trouble>,
}

/// The response to `GET /v1/accounts`. Items stay unparsed, because `--json` prints all their members.
#[derive(Deserialize)]
pub(crate) struct AccountList {
    pub(crate) items: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// One account, and the response to `GET /v1/accounts/{id}`.
#[derive(Deserialize)]
pub(crate) struct AccountDetails {
    #[serde(deserialize_with = "shown")]
    pub(crate) id: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) provider: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) display_name: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) status: String,
    #[serde(default, deserialize_with = "time")]
    pub(crate) access_token_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) refresh_token_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) grant_expires_at: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) next_refresh_at: Option<OffsetDateTime>,
    pub(crate) last_error: Option<Trouble>,
    pub(crate) warning: Option<Trouble>,
}

/// The response to `DELETE /v1/accounts/{id}`.
#[derive(Deserialize)]
pub(crate) struct Deleted {
    #[serde(deserialize_with = "shown")]
    pub(crate) provider_revocation: String,
}

/// A problem (RFC 9457).
#[derive(Deserialize)]
pub(crate) struct ProblemBody {
    #[serde(deserialize_with = "shown")]
    pub(crate) code: String,
    #[serde(deserialize_with = "shown")]
    pub(crate) detail: String,
}

/// The response to `GET /v1/healthz` and `GET /v1/readyz`.
#[derive(Deserialize)]
pub(in crate::cli) struct Health {
    pub(in crate::cli) status: String,
}
