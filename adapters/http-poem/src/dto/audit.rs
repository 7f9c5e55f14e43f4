//! Entries of the audit log.

use std::collections::BTreeMap;

use central_oauth_domain::audit;
use poem_openapi::Object;
use poem_openapi::types::Example;
use time::OffsetDateTime;

use super::{example_time, page, utc};

/// The value of `network` in entries without a network.
const NO_NETWORK: &str = "none";

/// An entry of the audit log: who did what, from where, to which account. It contains no token, no key and no e-mail
/// address.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AuditEntry {
    /// The number of the entry in the log, counted from 1.
    id: String,
    /// When the event happened. For counted events, the minute in which counting began.
    at: OffsetDateTime,
    /// What happened, such as `link.linked`, `token.handed_out` or `key.deleted`.
    kind: String,
    /// Who did it: `admin`, `auditor` or `enroller` (followed by `:NAME` if the operator's key has a name), `key:ID`,
    /// `person`, `anonymous` or `service`.
    actor: String,
    /// The network of the request, such as `192.0.2.0/24`; `none` without a request, or if the entry counts requests
    /// from several networks.
    network: String,
    /// The id of the account that the entry is about.
    account: Option<String>,
    /// The id of the access key that the entry is about.
    key: Option<String>,
    /// Codes and numbers that say more, such as `count`, `provider`, `outcome` and `code`.
    detail: BTreeMap<String, String>,
}

page! {
    /// One page of the audit log.
    AuditEntryList,
    /// The entries of this page, the oldest first.
    AuditEntry
}

impl From<audit::AuditEntry> for AuditEntry {
    fn from(entry: audit::AuditEntry) -> Self {
        let content = entry.content;
        let detail = content.details();
        let detail = detail.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            id: entry.number.to_string(),
            detail: detail.collect(),
            at: utc(content.at),
            kind: content.kind,
            actor: content.actor,
            network: content.network.unwrap_or_else(|| NO_NETWORK.to_owned()),
            account: content.account.map(|id| id.to_string()),
            key: content.key.map(|id| id.to_string()),
        }
    }
}

impl Example for AuditEntry {
    fn example() -> Self {
        let detail = [("count", "12")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            id: "17".to_owned(),
            at: example_time(0),
            kind: "token.handed_out".to_owned(),
            actor: "key:7".to_owned(),
            network: "192.0.2.0/24".to_owned(),
            account: Some("42".to_owned()),
            key: Some("7".to_owned()),
            detail: detail.into(),
        }
    }
}
