use crate::audit::{AuditEntry, AuditKind};
use crate::grant::AccountId;
use crate::observe::words;
use crate::secret::RelinkUrl;
use crate::time::Timestamp;

words! {
    /// The kind of an event. Receivers compare these words, so the words must never change.
    WebhookKind {
        /// A link has led to a new or an existing account.
        Linked => "link.linked",
        /// A refresh has failed with a new error. The service will retry.
        Degraded => "account.degraded",
        /// A refresh has succeeded after failures, or after the grant had ended.
        Recovered => "account.recovered",
        /// The grant ends soon, and no refresh can extend it.
        ExpiresSoon => "account.expires_soon",
        /// The grant has ended: a person must consent again.
        RelinkRequired => "account.relink_required",
        /// The account was deleted.
        Deleted => "account.deleted",
    }
}

impl WebhookKind {
    /// Returns the kind of event for a kind of audit entry; `None` if receivers do not get such entries.
    pub fn of(kind: AuditKind) -> Option<Self> {
        match kind {
            AuditKind::LinkLinked => Some(Self::Linked),
            AuditKind::RefreshFailed => Some(Self::Degraded),
            AuditKind::RefreshRecovered => Some(Self::Recovered),
            AuditKind::ExpiresSoon => Some(Self::ExpiresSoon),
            AuditKind::RelinkRequired => Some(Self::RelinkRequired),
            AuditKind::AccountDeleted => Some(Self::Deleted),
            _ => None,
        }
    }
}

/// An event for receivers. It contains no text from a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The id of the event, the same for each attempt and each receiver.
    pub id: String,
    /// What has happened.
    pub kind: WebhookKind,
    /// When it happened.
    pub at: Timestamp,
    /// The account.
    pub account: AccountId,
    /// The name of the provider.
    pub provider: String,
    /// The code of the error, for a failure.
    pub error: Option<String>,
}

/// An event for a receiver, with details about the account at the time of the delivery.
pub struct WebhookMessage {
    /// What has happened.
    pub event: WebhookEvent,
    /// When the grant ends, if known and if no refresh can extend it.
    pub expires_at: Option<Timestamp>,
    /// A relink URL for the person, valid for seven days.
    pub relink_url: Option<RelinkUrl>,
}

impl WebhookEvent {
    /// Returns the event of an audit entry; `None` if receivers do not get this entry.
    pub fn of(entry: &AuditEntry) -> Option<Self> {
        let content = &entry.content;
        let kind = WebhookKind::of(AuditKind::parse(&content.kind)?)?;
        let detail = |wanted: &str| content.detail(wanted).map(str::to_owned);
        let reference = u128::from_be_bytes(content.reference.0);
        Some(Self {
            id: format!("msg_{reference:032x}"),
            kind,
            at: content.at,
            account: content.account?,
            provider: detail("provider")?,
            error: detail("code"),
        })
    }
}
