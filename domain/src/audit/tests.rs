//! Tests that every change to a log of 1,000 entries is detected.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::*;
use crate::grant::{AccessKeyId, AccountId};
use crate::secret::KeyedHash;
use crate::testing::{audit_chain, audit_draft};
use crate::time::Timestamp;

const NUMBER: usize = 1_000;
/// No entry in these tests has a date in this range.
const NONE_RETAINED: RangeInclusive<Timestamp> =
    Timestamp::from_millis(-2)..=Timestamp::from_millis(-1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn kept(number: i64) -> SignedEntry {
    let event = AuditEvent::new(AuditKind::KeyCreated)
        .account(AccountId(number % 7))
        .key(AccessKeyId(number))
        .with("number", number);
    audit_draft(Actor::ADMIN, at(number)).entry(event)
}

/// A log as stored in a database, which an attacker may change.
#[derive(Clone)]
struct Log {
    entries: Vec<AuditEntry>,
    ends: Option<AuditEnds>,
}

impl Log {
    fn new() -> Self {
        let mut log = Self {
            entries: Vec::new(),
            ends: None,
        };
        log.extend((0..NUMBER as i64).map(kept).collect());
        log
    }

    fn extend(&mut self, kept: Vec<SignedEntry>) {
        let last = self.entries.last().map(AuditPosition::of);
        let extension = audit_chain().extend(self.ends.as_ref(), last, kept, at(9_000));
        let extension = extension.unwrap();
        self.entries.extend(extension.entries);
        self.ends = Some(extension.ends);
    }

    /// Deletes as many of the `limit` oldest entries as [`AuditChain::shorten`] allows.
    fn shorten(&mut self, limit: usize) -> Result<usize, ChainBreak> {
        let oldest = &self.entries[..self.entries.len().min(limit)];
        let ends = self.ends.as_ref().unwrap();
        let shortened = audit_chain().shorten(ends, oldest, &NONE_RETAINED)?;
        self.entries.drain(..shortened.deleted);
        self.ends = Some(shortened.ends);
        Ok(shortened.deleted)
    }

    /// Verifies the entries after the signed start, in the order in which a store returns them.
    fn verify(&self) -> Result<(), ChainBreak> {
        let start = self.ends.as_ref().unwrap().start.number;
        let first = self.entries.partition_point(|e| e.number <= start);
        verify(
            &audit_chain(),
            self.ends.as_ref().unwrap(),
            &self.entries[first..],
        )
    }
}

/// Verifies entries in memory, as [`crate::usecases::verify_audit`] does with stored entries.
fn verify(chain: &AuditChain, ends: &AuditEnds, entries: &[AuditEntry]) -> Result<(), ChainBreak> {
    if !chain.is_signed(ends) {
        return Err(ChainBreak::Unsigned);
    }
    let mut position = ends.start;
    for entry in entries {
        position = chain.follows(position, entry)?;
    }
    if position == ends.head {
        return Ok(());
    }
    let (last, head) = (position.number, ends.head.number);
    Err(ChainBreak::Truncated { last, head })
}

#[test]
fn an_untouched_log_is_verified() {
    let mut log = Log::new();
    assert_eq!(log.entries.len(), NUMBER);
    assert_eq!(log.verify(), Ok(()));
    log.extend(vec![kept(5_000)]);
    assert_eq!(log.verify(), Ok(()));
}

#[test]
fn every_change_of_an_entry_is_noticed() {
    let log = Log::new();
    let chain = audit_chain();
    let changes: [fn(&mut AuditEntry); 10] = [
        |entry| entry.number.0 += 1,
        |entry| entry.content.reference.0[15] ^= 1,
        |entry| entry.content.at = at(-1),
        |entry| entry.content.kind.push('x'),
        |entry| entry.content.actor = "anonymous".to_owned(),
        |entry| entry.content.network = Some(String::new()),
        |entry| entry.content.account = None,
        |entry| entry.content.key = Some(AccessKeyId(-1)),
        |entry| entry.content.detail.clear(),
        |entry| entry.mac = KeyedHash::from_bytes([0; 32]),
    ];
    // Only the changed entry must be verified, because each verification uses a single entry and the position before
    // it.
    let mut before = AuditPosition::ORIGIN;
    for entry in &log.entries {
        for (n, change) in changes.iter().enumerate() {
            let mut changed = entry.clone();
            change(&mut changed);
            assert!(
                chain.follows(before, &changed).is_err(),
                "{} {n}",
                entry.number
            );
        }
        before = chain.follows(before, entry).unwrap();
    }
}

#[test]
fn every_deletion_swap_and_truncation_is_noticed() {
    let log = Log::new();
    let (chain, ends) = (audit_chain(), log.ends.as_ref().unwrap());
    let mut before = AuditPosition::ORIGIN;
    for n in 0..NUMBER {
        // To save time, verifies only a few entries from the change on. Earlier entries are intact.
        let ends = chain.signed(before, ends.head);
        let rest = &log.entries[n..NUMBER.min(n + 3)];
        let is_cut = n + 3 < NUMBER;
        let is_noticed = |entries: &[AuditEntry]| match verify(&chain, &ends, entries) {
            Err(ChainBreak::Truncated { .. }) => !is_cut,
            verified => verified.is_err(),
        };
        assert!(is_noticed(&rest[1..]), "{n} deleted");
        if let [first, second, others @ ..] = rest {
            let mut swapped = vec![second.clone(), first.clone()];
            swapped.extend_from_slice(others);
            assert!(is_noticed(&swapped), "{n} swapped");
            for (entry, original) in swapped.iter_mut().zip(rest) {
                (entry.number, entry.mac) = (original.number, original.mac);
            }
            assert!(is_noticed(&swapped), "the contents of {n} swapped");
        }
        // Cuts off the log before this entry, or the beginning of the log up to this entry.
        let head = ends.head;
        assert_ne!(before, head, "cut before {n}");
        assert!(verify(&chain, &ends, &[]).is_err(), "cut before {n}");
        let whole = log.ends.as_ref().unwrap();
        let after = log.entries.get(n + 1..n + 2).unwrap_or_default();
        assert!(verify(&chain, whole, after).is_err(), "beginning after {n}");
        before = AuditPosition::of(&log.entries[n]);
    }
}

#[test]
fn a_cut_log_stays_broken_when_it_goes_on() {
    for forged_ends in [false, true] {
        let mut log = Log::new();
        log.entries.truncate(990);
        if forged_ends {
            log.ends = None;
        }
        log.extend(vec![kept(5_000)]);
        let broken = &log.entries[990];
        assert_eq!(broken.content.kind, "audit.broken");
        let number = broken.number;
        let expected = match forged_ends {
            // The start of the log is unknown, so a new log begins.
            true => ChainBreak::Recorded(number),
            false => ChainBreak::Missing {
                expected: AuditNumber(991),
                found: number,
            },
        };
        assert_eq!(log.verify(), Err(expected));
        log.extend(vec![kept(5_001)]);
        assert_eq!(log.verify(), Err(expected));
        // Deleting the old entries also deletes the evidence.
        while !log.entries.is_empty() {
            assert_ne!(log.shorten(100), Ok(0));
        }
        log.extend(vec![kept(5_002)]);
        assert_eq!(log.verify(), Ok(()));
    }
}

#[test]
fn old_ends_do_not_fit_a_longer_log() {
    let mut log = Log::new();
    let old = log.ends.clone();
    log.extend(vec![kept(5_000)]);
    log.ends = old;
    assert!(log.verify().is_err());
}

#[test]
fn entries_of_somebody_else_are_not_added() {
    let mut log = Log::new();
    let mut forged = kept(5_000);
    forged.content.actor = "key:7".to_owned();
    log.extend(vec![forged, kept(5_001)]);
    let [rejected, added] = &log.entries[NUMBER..] else {
        panic!("two entries were to be added");
    };
    assert_eq!(rejected.content.kind, "audit.rejected");
    assert_eq!(rejected.content.detail, "count=1");
    assert_eq!(added.content.actor, "admin");
    assert_eq!(log.verify(), Ok(()));
}

#[test]
fn a_shortened_log_is_verified_from_its_signed_start() {
    let mut log = Log::new();
    let whole = log.clone();
    assert_eq!(log.shorten(500), Ok(500));
    assert_eq!(log.verify(), Ok(()));
    log.entries.remove(0);
    assert!(log.verify().is_err());
    // The log stays valid if all entries are old.
    log = whole;
    assert_eq!(log.shorten(NUMBER), Ok(NUMBER));
    assert_eq!(log.verify(), Ok(()));
    log.extend(vec![kept(5_000)]);
    assert_eq!(log.entries[0].number, AuditNumber(NUMBER as i64 + 1));
    assert_eq!(log.verify(), Ok(()));
}

#[test]
fn forged_ends_shorten_nothing() {
    let mut log = Log::new();
    log.ends.as_mut().unwrap().head = AuditPosition::of(&log.entries[10]);
    assert_eq!(log.shorten(5), Err(ChainBreak::Unsigned));
}

#[test]
fn a_changed_entry_is_not_deleted() {
    let mut log = Log::new();
    log.entries[7].content.actor.clear();
    assert_eq!(log.shorten(100), Ok(7));
    let changed = AuditNumber(8);
    assert_eq!(log.shorten(100), Err(ChainBreak::Changed(changed)));
    assert_eq!(log.verify(), Err(ChainBreak::Changed(changed)));
}

#[test]
fn entries_are_deleted_up_to_the_first_that_is_retained() {
    let log = Log::new();
    let shortened = |retained| {
        let ends = log.ends.as_ref().unwrap();
        let shortened = audit_chain().shorten(ends, &log.entries[..100], &retained);
        shortened.unwrap().deleted
    };
    assert_eq!(shortened(at(0)..=at(9_000)), 0);
    assert_eq!(shortened(at(50)..=at(9_000)), 50);
    // All entries are dated in the future, because the clock was ahead.
    assert_eq!(shortened(at(-9)..=at(-1)), 100);
}

#[test]
fn positions_round_trip() {
    let head = AuditPosition {
        number: AuditNumber(17),
        mac: KeyedHash::from_bytes([0xa5; 32]),
    };
    assert_eq!(head.to_string().parse(), Ok(head));
    let short = "a5".repeat(31);
    for text in [
        "",
        "17",
        "17:",
        "x:a5",
        &format!("17:{short}"),
        &format!("17:{short}zz"),
    ] {
        assert!(text.parse::<AuditPosition>().is_err(), "{text}");
    }
}

#[test]
fn no_text_gets_into_the_detail() {
    let detail = |value: &str| {
        AuditEvent::new(AuditKind::LinkEnded)
            .with("it", value)
            .detail
    };
    assert_eq!(detail("work-1.2:3/4,5"), "it=work-1.2:3/4,5");
    for text in [
        "",
        "two words",
        "ada@example.com",
        "a=b",
        "zoë",
        &"x".repeat(201),
    ] {
        assert_eq!(detail(text), "it=other");
    }
    let code = |code: &str| AuditEvent::new(AuditKind::LinkEnded).code(code).detail;
    assert_eq!(code("invalid_grant"), "code=invalid_grant");
    for text in ["Invalid token", "eyJhbGciOiJIUzI1NiJ9", &"x".repeat(41)] {
        assert_eq!(code(text), "code=other");
    }
}

#[test]
fn networks_are_cut() {
    let network = |address: &str, precision| {
        let network = AuditNetwork::of(address.parse::<IpAddr>().unwrap(), precision);
        network.map(|network| network.to_string())
    };
    for (address, cut, full) in [
        ("192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"),
        ("::ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"),
        (
            "2001:db8:1:2:3::4",
            "2001:db8:1:2::/64",
            "2001:db8:1:2:3::4/128",
        ),
    ] {
        assert_eq!(network(address, NetworkPrecision::Cut).unwrap(), cut);
        assert_eq!(network(address, NetworkPrecision::Full).unwrap(), full);
    }
    assert_eq!(network("0.0.0.0", NetworkPrecision::Full), None);
}

#[test]
fn an_actor_with_a_named_key_has_its_name() {
    use crate::operator::{OperatorName, OperatorRole};
    let of = |role, name| Actor::Operator(role, OperatorName::new(name).unwrap()).to_string();
    assert_eq!(of(OperatorRole::Admin, "alice"), "admin:alice");
    assert_eq!(of(OperatorRole::Auditor, "auditor"), "auditor");
    assert_eq!(of(OperatorRole::Enroll, "ci"), "enroller:ci");
    assert_eq!(of(OperatorRole::Enroll, "enroll"), "enroller");
    assert_eq!(Actor::ADMIN.to_string(), "admin");
}
