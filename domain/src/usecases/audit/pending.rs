//! What was recorded and is not stored yet.

use std::collections::HashMap;

use crate::audit::{Actor, AuditEvent, AuditKind, AuditNetwork};
use crate::grant::{AccessKeyId, AccountId};
use crate::time::Timestamp;

/// Entries that wait for the store.
const MOST_ENTRIES: usize = 10_000;
/// Entries a minute of events that anybody can cause.
const MOST_OF_STRANGERS: u32 = 100;
/// Counters. A million keys in use within one minute take about 100 MB.
const MOST_COUNTERS: usize = 1_000_000;
/// Networks that are counted one by one in a minute, for each kind and key.
const MOST_NETWORKS: usize = 20;
const MINUTE_MS: i64 = 60_000;

/// An event with its circumstances.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) at: Timestamp,
    pub(super) event: AuditEvent,
    pub(super) actor: Actor,
    pub(super) network: Option<AuditNetwork>,
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Counted {
    kind: AuditKind,
    about: Option<(AccountId, AccessKeyId)>,
    actor: Actor,
    network: Option<AuditNetwork>,
}

/// What was recorded and counted.
#[derive(Default)]
pub(super) struct Pending {
    entries: Vec<Recorded>,
    /// The minute that is counted.
    minute: i64,
    of_strangers: u32,
    counts: HashMap<Counted, u64>,
}

impl Pending {
    /// Records an event; only counts it where there are too many.
    pub(super) fn record(
        &mut self,
        event: AuditEvent,
        actor: Actor,
        network: Option<AuditNetwork>,
        at: Timestamp,
    ) {
        self.turn_to(at);
        let mut has_room = self.entries.len() < MOST_ENTRIES;
        if event.kind().is_open_to_strangers() {
            has_room &= self.of_strangers < MOST_OF_STRANGERS;
            self.of_strangers = self.of_strangers.saturating_add(1);
        }
        if has_room {
            self.entries.push(Recorded {
                at,
                event,
                actor,
                network,
            });
        } else {
            self.count(event.kind(), None, actor, network, at);
        }
    }

    /// Counts an event.
    pub(super) fn count(
        &mut self,
        kind: AuditKind,
        about: Option<(AccountId, AccessKeyId)>,
        actor: Actor,
        network: Option<AuditNetwork>,
        at: Timestamp,
    ) {
        self.turn_to(at);
        let mut counted = Counted {
            kind,
            about,
            actor,
            network,
        };
        if self.counts.len() >= MOST_COUNTERS && !self.counts.contains_key(&counted) {
            counted = Counted {
                about: None,
                actor: Actor::Service,
                network: None,
                ..counted
            };
        }
        *self.counts.entry(counted).or_default() += 1;
    }

    /// Takes what is to be stored: entries, the counts of past minutes, and those of this minute if `with_counts`.
    pub(super) fn take(&mut self, now: Timestamp, with_counts: bool) -> Vec<Recorded> {
        self.turn_to(now);
        if with_counts {
            self.close_minute();
        }
        std::mem::take(&mut self.entries)
    }

    fn turn_to(&mut self, at: Timestamp) {
        let minute = at.as_millis().div_euclid(MINUTE_MS);
        if minute != self.minute {
            self.close_minute();
            self.minute = minute;
            self.of_strangers = 0;
        }
    }

    /// Turns counts into entries.
    fn close_minute(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        let at = Timestamp::from_millis(self.minute.saturating_mul(MINUTE_MS));
        let counts = std::mem::take(&mut self.counts);
        for (counted, count) in fold_networks(counts) {
            let mut event = AuditEvent::new(counted.kind).with("count", count);
            if let Some((account, key)) = counted.about {
                event = event.account(account).key(key);
            }
            self.entries.push(Recorded {
                at,
                event,
                actor: counted.actor,
                network: counted.network,
            });
        }
    }
}

/// Keeps the networks with the most events of each kind and key, and adds up the others: whoever has many addresses cannot fill
/// the store.
fn fold_networks(counts: HashMap<Counted, u64>) -> Vec<(Counted, u64)> {
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut kept = Vec::with_capacity(sorted.len());
    let mut networks = HashMap::<_, usize>::new();
    let mut others = HashMap::<Counted, u64>::new();
    for (counted, count) in sorted {
        let known = networks.entry((counted.kind, counted.about)).or_default();
        if *known >= MOST_NETWORKS {
            let other = Counted {
                network: None,
                ..counted
            };
            *others.entry(other).or_default() += count;
        } else {
            *known += 1;
            kept.push((counted, count));
        }
    }
    kept.extend(others);
    kept
}
