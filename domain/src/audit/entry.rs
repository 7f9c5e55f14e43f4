use super::{Actor, AuditChain, AuditEvent, AuditKind, AuditNetwork};
use crate::grant::{AccessKeyId, AccountId};
use crate::number::number;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

number! {
    /// The number of an entry in the log, counted from 1. There is a gap only where the log was changed from outside
    /// the service. The API returns the number as a string.
    AuditNumber
}

impl AuditNumber {
    /// The highest number of an entry. No log reaches this number, so rows beyond it were not written by this service.
    pub const HIGHEST: Self = Self(i64::MAX / 2);
}

/// A random id of an entry. The store uses it to store an entry only once, even if the entry is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditReference(pub [u8; 16]);

/// The content of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditContent {
    /// The random id of the entry.
    pub reference: AuditReference,
    /// When the event happened.
    pub at: Timestamp,
    /// The word of the [`AuditKind`]. A newer version of the service may have written a word that this version does not
    /// know.
    pub kind: String,
    /// Who caused the event: an [`Actor`] as text.
    pub actor: String,
    /// The network of the caller that caused the event, if any.
    pub network: Option<String>,
    /// The account that the event is about.
    pub account: Option<AccountId>,
    /// The key that the event is about.
    pub key: Option<AccessKeyId>,
    /// Codes in the form `name=value`, separated by spaces.
    pub detail: String,
}

impl AuditContent {
    /// Returns the names and values in the detail.
    pub fn details(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.detail.split_ascii_whitespace();
        pairs.filter_map(|pair| pair.split_once('='))
    }

    /// Returns the value of a name in the detail.
    pub fn detail(&self, wanted: &str) -> Option<&str> {
        let mut details = self.details();
        details.find_map(|(name, value)| (name == wanted).then_some(value))
    }

    /// Serialises the entry. Every part is prefixed with its length, so that no two entries give the same bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let number = |id: Option<i64>| id.map(i64::to_be_bytes);
        let (account, key) = (
            number(self.account.map(|a| a.0)),
            number(self.key.map(|k| k.0)),
        );
        let at = self.at.as_millis().to_be_bytes();
        let parts: [Option<&[u8]>; 8] = [
            Some(&self.reference.0),
            Some(&at),
            Some(self.kind.as_bytes()),
            Some(self.actor.as_bytes()),
            self.network.as_deref().map(str::as_bytes),
            account.as_ref().map(<[u8; 8]>::as_slice),
            key.as_ref().map(<[u8; 8]>::as_slice),
            Some(self.detail.as_bytes()),
        ];
        let mut bytes = Vec::new();
        for part in parts {
            // An absent part must differ from an empty part.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        }
        bytes
    }
}

/// An entry that has no number yet. Its signature proves that this service has written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry {
    /// The content.
    pub content: AuditContent,
    /// The keyed hash of the content.
    pub mac: KeyedHash,
}

/// A numbered entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The number.
    pub number: AuditNumber,
    /// The content.
    pub content: AuditContent,
    /// The keyed hash of the content, the number, and the hash of the previous entry.
    pub mac: KeyedHash,
}

/// An entry without an event. A store completes it inside the transaction of the event.
#[must_use]
#[derive(Clone)]
pub struct AuditDraft {
    pub(super) chain: AuditChain,
    pub(super) reference: AuditReference,
    pub(super) at: Timestamp,
    pub(super) actor: Actor,
    pub(super) network: Option<AuditNetwork>,
}

impl AuditDraft {
    /// Completes and signs the entry.
    pub fn entry(self, event: AuditEvent) -> SignedEntry {
        self.chain.sign(AuditContent {
            reference: self.reference,
            at: self.at,
            kind: event.kind.as_str().to_owned(),
            actor: self.actor.to_string(),
            network: self.network.map(|network| network.to_string()),
            account: event.account,
            key: event.key,
            detail: event.detail,
        })
    }

    /// Completes and signs one entry for each deleted key: first the requested key, then the keys that were deleted
    /// with it.
    pub fn keys_deleted(self, account: AccountId, gone: &[AccessKeyId]) -> Vec<SignedEntry> {
        let entry = |(n, key): (u32, &AccessKeyId)| {
            let event = AuditEvent::key_deleted(account, *key);
            let event = match (n, gone) {
                (0, [_]) => event,
                (0, _) => event.with("descendants", gone.len() - 1),
                _ => event.with("deleted_with", gone[0]),
            };
            self.nth(n).entry(event)
        };
        (0..).zip(gone).map(entry).collect()
    }

    /// Completes and signs one entry for each key that the service has deleted because the key had expired.
    pub fn expired_keys_deleted(self, gone: &[(AccountId, AccessKeyId)]) -> Vec<SignedEntry> {
        let entry = |(n, (account, key)): (u32, &(AccountId, AccessKeyId))| {
            self.nth(n).entry(AuditEvent::key_deleted(*account, *key))
        };
        (0..).zip(gone).map(entry).collect()
    }

    /// Returns this draft with a different reference, for the `n`th entry about one change.
    fn nth(&self, n: u32) -> Self {
        let reference = u128::from_be_bytes(self.reference.0) ^ u128::from(n) << 64;
        Self {
            reference: AuditReference(reference.to_be_bytes()),
            ..self.clone()
        }
    }
}

/// Selects the entries that match all fields. `None` matches every entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Entries about an account.
    pub account: Option<AccountId>,
    /// Entries about a key.
    pub key: Option<AccessKeyId>,
    /// Entries of a kind.
    pub kind: Option<AuditKind>,
    /// Entries of events at this instant or later.
    pub after: Option<Timestamp>,
    /// Entries of events before this instant.
    pub before: Option<Timestamp>,
}
