use crate::audit::{AuditEntry, AuditKind};
use crate::grant::AccountId;
use crate::observe::words;
use crate::secret::RelinkUrl;
use crate::time::Timestamp;

words! {
    /// What has happened. Receivers compare these words, so they never change.
    WebhookKind {
        /// A link has led to an account, new or known.
        Linked => "link.linked",
        /// A refresh has failed with a new error. The service retries.
        Degraded => "account.degraded",
        /// A grant that was degraded or given up has been refreshed.
        Recovered => "account.recovered",
        /// The grant ends soon, and no refresh can extend it.
        ExpiresSoon => "account.expires_soon",
        /// The grant was given up: a person must consent again.
        RelinkRequired => "account.relink_required",
        /// The account was deleted.
        Deleted => "account.deleted",
    }
}

impl WebhookKind {
    /// Returns the kind of event that entries of this kind stand for, if receivers are told about them.
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

/// What has happened. Contains nothing that a provider said in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Identifies the event: the same for each attempt and each receiver.
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

/// An event for a receiver, with what is known of its account at the time of the delivery.
pub struct WebhookMessage {
    /// What has happened.
    pub event: WebhookEvent,
    /// When the grant ends, if that is known and no refresh can extend it.
    pub expires_at: Option<Timestamp>,
    /// The address at which the person can consent again, for seven days.
    pub relink_url: Option<RelinkUrl>,
}

impl WebhookEvent {
    /// Returns the event of an entry, if receivers are told about it.
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
