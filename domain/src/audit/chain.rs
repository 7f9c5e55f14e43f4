//! The chain: each entry is bound to the one before it, and both ends are signed.
//!
//! The keyed hash uses the store's hash key. `rekey` seals that key anew and does not change it, so the chain goes on
//! under a new secret key.

use super::entry::{AuditContent, AuditEntry, AuditNumber, AuditReference, KeptEntry};
use super::{Actor, AuditDraft, AuditEvent, AuditKind, AuditNetwork};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::vault::Vault;

/// Purposes keep the hashes of different things apart.
const ENTRY: &str = "audit_entry";
const LINK: &str = "audit_link";
const ENDS: &str = "audit_ends";
const REFERENCE: &str = "audit_reference";

/// The place of an entry together with its hash: where a chain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPosition {
    /// The number of the entry.
    pub number: AuditNumber,
    /// Its hash.
    pub mac: KeyedHash,
}

impl AuditPosition {
    /// What comes before the first entry of a log.
    pub const ORIGIN: Self = Self {
        number: AuditNumber(0),
        mac: KeyedHash::from_bytes([0; 32]),
    };

    /// The position of an entry.
    #[must_use]
    pub const fn of(entry: &AuditEntry) -> Self {
        Self {
            number: entry.number,
            mac: entry.mac,
        }
    }
}

/// Both ends of the log, signed: entries before `start` were deleted because they were old, and `head` is the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEnds {
    /// The last entry that was deleted.
    pub start: AuditPosition,
    /// The last entry.
    pub head: AuditPosition,
    /// The keyed hash of both.
    pub mac: KeyedHash,
}

/// What is added to a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The new entries, in order.
    pub entries: Vec<AuditEntry>,
    /// The new ends.
    pub ends: AuditEnds,
}

/// Why a log is not as this service has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// An entry is missing, or stands in the wrong place.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Missing {
        /// The number that was to come.
        expected: AuditNumber,
        /// The number that came.
        found: AuditNumber,
    },
    /// An entry was changed, or another one stands in its place.
    #[error("entry {0} is not as it was written")]
    Changed(AuditNumber),
    /// The last entries are missing.
    #[error("the entries after {last} are missing: the log ended with entry {head}")]
    Truncated {
        /// The last entry that is there.
        last: AuditNumber,
        /// The last entry that was written.
        head: AuditNumber,
    },
    /// The signed ends are missing or changed.
    #[error("the signed ends of the log are missing or changed")]
    Unsigned,
    /// An exported head is not in the log.
    #[error("the log does not contain the exported head {0}")]
    OtherHead(AuditNumber),
}

/// Signs entries, binds them to each other and checks both.
#[derive(Clone)]
pub struct AuditChain {
    vault: Vault,
}

impl AuditChain {
    /// A chain under the hash key of a vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Prepares an entry that lacks only what has happened.
    #[must_use]
    pub fn draft(
        &self,
        reference: AuditReference,
        at: Timestamp,
        actor: Actor,
        network: Option<AuditNetwork>,
    ) -> AuditDraft {
        AuditDraft {
            chain: self.clone(),
            reference,
            at,
            actor,
            network,
        }
    }

    /// Signs an entry.
    #[must_use]
    pub(super) fn sign(&self, content: AuditContent) -> KeptEntry {
        let mac = self.vault.mac(ENTRY, &content.to_bytes());
        KeptEntry { content, mac }
    }

    /// Gives entries their places behind the last one. `ends` and `last` are what the store has; both `None` begin a log.
    ///
    /// Entries that this service has not signed are left out, and one entry says how many. If the ends and the last entry do
    /// not fit together, somebody else has changed the log: an entry says so, behind a gap in the numbers that
    /// [`AuditChain::follows`] finds for as long as it is in the log.
    #[must_use]
    pub fn extend(
        &self,
        ends: Option<&AuditEnds>,
        last: Option<AuditPosition>,
        kept: Vec<KeptEntry>,
        now: Timestamp,
    ) -> Option<Extension> {
        let is_intact = match (ends, last) {
            (None, None) => true,
            (Some(ends), last) => self.is_signed(ends) && ends.head == last.unwrap_or(ends.start),
            (None, Some(_)) => false,
        };
        let start = ends.map_or(AuditPosition::ORIGIN, |ends| ends.start);
        let mut position = last.unwrap_or(start);
        let mut entries = Vec::with_capacity(kept.len());
        if !is_intact {
            let highest = ends.map_or(position.number, |ends| {
                ends.head.number.max(position.number)
            });
            position.number = AuditNumber(highest.0.saturating_add(1));
            entries.push(self.own(AuditEvent::new(AuditKind::ChainBroken), position, now));
        }
        let (signed, rejected): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|kept| self.has_signed(kept));
        if !rejected.is_empty() {
            let event = AuditEvent::new(AuditKind::EntriesRejected).with("count", rejected.len());
            entries.push(self.own(event, position, now));
        }
        entries.extend(signed);
        let link = |kept: KeptEntry| {
            let entry = self.link(position, kept.content);
            position = AuditPosition::of(&entry);
            entry
        };
        let entries: Vec<_> = entries.into_iter().map(link).collect();
        let ends = self.signed(start, position);
        (!entries.is_empty()).then_some(Extension { entries, ends })
    }

    /// Returns the ends of a log whose first entries, up to this one, are deleted.
    ///
    /// # Errors
    /// [`ChainBreak::Unsigned`]: the stored ends prove nothing, so nothing may be deleted on their word.
    pub fn shorten(
        &self,
        ends: &AuditEnds,
        deleted: AuditPosition,
    ) -> Result<AuditEnds, ChainBreak> {
        if !self.is_signed(ends) {
            return Err(ChainBreak::Unsigned);
        }
        Ok(self.signed(deleted, ends.head))
    }

    /// Checks that an entry follows the position, and returns its own.
    ///
    /// # Errors
    /// [`ChainBreak::Missing`], [`ChainBreak::Changed`].
    pub fn follows(
        &self,
        before: AuditPosition,
        entry: &AuditEntry,
    ) -> Result<AuditPosition, ChainBreak> {
        let expected = AuditNumber(before.number.0.saturating_add(1));
        if entry.number != expected {
            let found = entry.number;
            return Err(ChainBreak::Missing { expected, found });
        }
        let linked = self.link_mac(before, &entry.content);
        if linked != entry.mac {
            return Err(ChainBreak::Changed(entry.number));
        }
        Ok(AuditPosition::of(entry))
    }

    /// Whether this service has signed the ends.
    #[must_use]
    pub fn is_signed(&self, ends: &AuditEnds) -> bool {
        self.signed(ends.start, ends.head).mac == ends.mac
    }

    fn has_signed(&self, kept: &KeptEntry) -> bool {
        self.vault.mac(ENTRY, &kept.content.to_bytes()) == kept.mac
    }

    fn link(&self, before: AuditPosition, content: AuditContent) -> AuditEntry {
        AuditEntry {
            number: AuditNumber(before.number.0.saturating_add(1)),
            mac: self.link_mac(before, &content),
            content,
        }
    }

    fn link_mac(&self, before: AuditPosition, content: &AuditContent) -> KeyedHash {
        let number = before.number.0.to_be_bytes();
        let content = content.to_bytes();
        let parts = [before.mac.as_bytes().as_slice(), &number, &content];
        self.vault.mac(LINK, &parts.concat())
    }

    fn signed(&self, start: AuditPosition, head: AuditPosition) -> AuditEnds {
        let [first, last] = [start, head].map(|end| end.number.0.to_be_bytes());
        let parts = [
            first.as_slice(),
            start.mac.as_bytes(),
            &last,
            head.mac.as_bytes(),
        ];
        let mac = self.vault.mac(ENDS, &parts.concat());
        AuditEnds { start, head, mac }
    }

    /// An entry about the log itself. Its reference follows from the place: nobody else writes it a second time.
    fn own(&self, event: AuditEvent, position: AuditPosition, at: Timestamp) -> KeptEntry {
        let number = position.number.0.to_be_bytes();
        let kind = event.kind.as_str().as_bytes();
        let parts = [position.mac.as_bytes().as_slice(), &number, kind];
        let unique = self.vault.mac(REFERENCE, &parts.concat());
        let mut reference = [0; 16];
        reference.copy_from_slice(&unique.as_bytes()[..16]);
        let draft = self.draft(AuditReference(reference), at, Actor::Service, None);
        draft.entry(event)
    }
}
