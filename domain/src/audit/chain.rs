//! The chain of the audit log. Each entry is bound to the previous entry, and both ends are signed.
//!
//! The keyed hash uses the store's hash key. The command `rekey` re-encrypts the hash key but does not change it, so
//! the chain stays valid under a new secret key.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::entry::{AuditContent, AuditEntry, AuditNumber, AuditReference, SignedEntry};
use super::{Actor, AuditDraft, AuditEvent, AuditKind, AuditNetwork};
use crate::hex::{hex, unhex};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::vault::Vault;

/// Prefixes of hashed values, so that values of different kinds never have the same hash.
const ENTRY: &str = "audit_entry";
const LINK: &str = "audit_link";
const ENDS: &str = "audit_ends";
const REFERENCE: &str = "audit_reference";

/// A position in a chain: the number of an entry and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPosition {
    /// The number of the entry.
    pub number: AuditNumber,
    /// The hash of the entry.
    pub mac: KeyedHash,
}

impl AuditPosition {
    /// The position before the first entry of a log.
    pub const ORIGIN: Self = Self {
        number: AuditNumber(0),
        mac: KeyedHash::from_bytes([0; 32]),
    };

    /// Returns the position before `number`, with a zero hash. A new chain may begin with `number`.
    const fn before(number: AuditNumber) -> Self {
        Self {
            number: AuditNumber(number.0.saturating_sub(1)),
            ..Self::ORIGIN
        }
    }

    /// Returns the position of an entry.
    pub const fn of(entry: &AuditEntry) -> Self {
        Self {
            number: entry.number,
            mac: entry.mac,
        }
    }

    /// Returns the hash in hexadecimal.
    pub fn hash(&self) -> String {
        hex(self.mac.as_bytes())
    }
}

/// Formats the position as `NUMBER:HASH`, for people who store it.
impl fmt::Display for AuditPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash())
    }
}

/// The error for a text that is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number, a colon and 64 hexadecimal digits")]
pub struct NoPosition;

impl FromStr for AuditPosition {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, hash) = text.split_once(':').ok_or(NoPosition)?;
        let number = number.parse().map_err(|_| NoPosition)?;
        let bytes = unhex(hash).and_then(|bytes| bytes.try_into().ok());
        let mac = bytes.map(KeyedHash::from_bytes).ok_or(NoPosition)?;
        Ok(Self { number, mac })
    }
}

/// The signed ends of the log. Entries up to and including `start` were deleted because they were old. `head` is the
/// last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEnds {
    /// The position of the last deleted entry.
    pub start: AuditPosition,
    /// The position of the last entry.
    pub head: AuditPosition,
    /// The keyed hash of both positions.
    pub mac: KeyedHash,
}

/// Entries to append to a log, and the signed ends that replace the stored ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The new entries, in order.
    pub entries: Vec<AuditEntry>,
    /// The new ends.
    pub ends: AuditEnds,
    /// Whether the log was changed from outside the service. The first new entry then records the change.
    pub is_broken: bool,
}

/// The result of [`AuditChain::shorten`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortening {
    /// How many of the oldest entries are deleted.
    pub deleted: usize,
    /// The new ends.
    pub ends: AuditEnds,
}

/// How a log differs from the log that this service has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// An entry is missing or misplaced.
    #[error("entry {expected} is missing; entry {found} follows instead")]
    Missing {
        /// The expected number.
        expected: AuditNumber,
        /// The number found.
        found: AuditNumber,
    },
    /// An entry was changed or replaced.
    #[error("entry {0} was changed")]
    Changed(AuditNumber),
    /// The entry records that the log had been changed and that the service began a new chain.
    #[error("entry {0} records that the log before it was changed")]
    Recorded(AuditNumber),
    /// The last entries are missing.
    #[error("the entries after {last} are missing: the log ended with entry {head}")]
    Truncated {
        /// The last entry in the log.
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

/// Signs entries, chains them, and verifies the signatures and the chain.
#[derive(Clone)]
pub struct AuditChain {
    vault: Vault,
}

impl AuditChain {
    /// Creates a chain with the hash key of a vault.
    pub const fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Prepares an entry without an event.
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

    pub(super) fn sign(&self, content: AuditContent) -> SignedEntry {
        let mac = self.vault.mac(ENTRY, &content.to_bytes());
        SignedEntry { content, mac }
    }

    /// Numbers and chains entries. Returns the entries to append and the new signed ends, or `None` if there is nothing
    /// to append. `ends` are the stored ends, and `last` is the position of the last stored entry. If both are `None`,
    /// a new log begins.
    ///
    /// Leaves out entries that this service has not signed, and adds an entry with their number. If `ends` and `last`
    /// do not match, the log was changed from outside the service. A new chain then begins after a gap in the numbers,
    /// with an entry that records the change. If the ends are not correctly signed, the old start of the log is
    /// unknown, so the log then starts with the new chain.
    pub fn extend(
        &self,
        ends: Option<&AuditEnds>,
        last: Option<AuditPosition>,
        signed: Vec<SignedEntry>,
        now: Timestamp,
    ) -> Option<Extension> {
        let is_new = ends.is_none() && last.is_none();
        let ends = ends.filter(|ends| self.is_signed(ends));
        let mut start = ends.map_or(AuditPosition::ORIGIN, |ends| ends.start);
        let mut position = ends.map_or(AuditPosition::ORIGIN, |ends| ends.head);
        let is_broken = match ends {
            Some(ends) => ends.head != last.unwrap_or(ends.start),
            None => !is_new,
        };
        let mut entries = Vec::with_capacity(signed.len());
        if is_broken {
            let last = last.filter(|last| last.number <= AuditNumber::HIGHEST);
            let highest = last.map_or(position.number, |last| last.number.max(position.number));
            position = AuditPosition::before(AuditNumber(highest.0.saturating_add(2)));
            if ends.is_none() {
                start = position;
            }
            entries.push(self.own(AuditEvent::new(AuditKind::ChainBroken), position, now));
        }
        let (signed, rejected): (Vec<_>, Vec<_>) =
            signed.into_iter().partition(|entry| self.has_signed(entry));
        if !rejected.is_empty() {
            let event = AuditEvent::new(AuditKind::EntriesRejected).with("count", rejected.len());
            entries.push(self.own(event, position, now));
        }
        entries.extend(signed);
        let link = |signed: SignedEntry| {
            let entry = self.link(position, signed.content);
            position = AuditPosition::of(&entry);
            entry
        };
        let entries: Vec<_> = entries.into_iter().map(link).collect();
        let ends = self.signed(start, position);
        (!entries.is_empty()).then_some(Extension {
            entries,
            ends,
            is_broken,
        })
    }

    /// Decides how many of `oldest`, the oldest entries of a log, are deleted. Stops at the first entry that is dated
    /// within `retained` or does not match the chain. Entries before a recorded break need not match the chain, because
    /// the break has already been reported.
    ///
    /// # Errors
    /// [`ChainBreak`] if the ends are not signed, or if the first entry does not match the chain. No entry may then be
    /// deleted.
    pub fn shorten(
        &self,
        ends: &AuditEnds,
        oldest: &[AuditEntry],
        retained: &RangeInclusive<Timestamp>,
    ) -> Result<Shortening, ChainBreak> {
        if !self.is_signed(ends) {
            return Err(ChainBreak::Unsigned);
        }
        let retains = |entry: &AuditEntry| retained.contains(&entry.content.at);
        let outdated = oldest.iter().position(retains).unwrap_or(oldest.len());
        let oldest = &oldest[..outdated];
        let before_start = oldest.partition_point(|entry| entry.number <= ends.start.number);
        let recorded = oldest
            .iter()
            .rposition(|entry| self.is_recorded_break(entry));
        let (mut deleted, mut start) = match recorded {
            Some(place) if place >= before_start => (place + 1, AuditPosition::of(&oldest[place])),
            _ => (before_start, ends.start),
        };
        for entry in &oldest[deleted..] {
            match self.follows(start, entry) {
                Ok(position) => start = position,
                Err(broken) if deleted == 0 => return Err(broken),
                Err(_) => break,
            }
            deleted += 1;
        }
        let ends = self.signed(start, ends.head);
        Ok(Shortening { deleted, ends })
    }

    /// Checks that an entry follows the position `before`. Returns the position of the entry.
    ///
    /// # Errors
    /// [`ChainBreak::Missing`], [`ChainBreak::Changed`], [`ChainBreak::Recorded`].
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
        if !linked.is_equal(&entry.mac) {
            return Err(ChainBreak::Changed(entry.number));
        }
        if is_of_kind(entry, AuditKind::ChainBroken) {
            return Err(ChainBreak::Recorded(entry.number));
        }
        Ok(AuditPosition::of(entry))
    }

    /// Whether this service began a new chain with this entry.
    fn is_recorded_break(&self, entry: &AuditEntry) -> bool {
        let before = AuditPosition::before(entry.number);
        is_of_kind(entry, AuditKind::ChainBroken)
            && self.link_mac(before, &entry.content).is_equal(&entry.mac)
    }

    /// Whether this service signed the ends.
    pub fn is_signed(&self, ends: &AuditEnds) -> bool {
        self.signed(ends.start, ends.head).mac.is_equal(&ends.mac)
    }

    /// Returns the ends of a log without entries.
    pub fn empty(&self) -> AuditEnds {
        self.signed(AuditPosition::ORIGIN, AuditPosition::ORIGIN)
    }

    fn has_signed(&self, entry: &SignedEntry) -> bool {
        self.vault
            .mac(ENTRY, &entry.content.to_bytes())
            .is_equal(&entry.mac)
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

    pub(super) fn signed(&self, start: AuditPosition, head: AuditPosition) -> AuditEnds {
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

    /// Creates an entry about the log itself. The reference is derived from the position, so the entry is never stored
    /// twice.
    fn own(&self, event: AuditEvent, position: AuditPosition, at: Timestamp) -> SignedEntry {
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

fn is_of_kind(entry: &AuditEntry, kind: AuditKind) -> bool {
    entry.content.kind == kind.as_str()
}
