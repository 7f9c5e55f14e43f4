//! Recorded entries and counts that are not stored yet.

use std::collections::HashMap;
use std::time::Duration;

use crate::audit::{Actor, AuditEvent, AuditKind, AuditNetwork};
use crate::grant::{AccessKeyId, AccountId};
use crate::time::Timestamp;

const MOST_ENTRIES: usize = 10_000;
/// Maximum number of entries per minute for events that anybody can cause.
const MOST_OF_STRANGERS: u32 = 100;
/// Maximum number of counters, which take about 20 MB.
const MOST_COUNTERS: usize = 100_000;
/// Maximum number of networks that are counted separately in a period, for each kind and key.
const MOST_NETWORKS: usize = 20;
const PERIOD: Duration = Duration::from_secs(600);
const MINUTE_MS: i64 = 60_000;

/// An event with its context.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PendingEntry {
    pub(super) at: Timestamp,
    pub(super) event: AuditEvent,
    pub(super) actor: Actor,
    pub(super) network: Option<AuditNetwork>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PendingCount {
    pub(super) kind: AuditKind,
    pub(super) about: Option<(AccountId, AccessKeyId)>,
    pub(super) actor: Actor,
    pub(super) network: Option<AuditNetwork>,
}

impl PendingCount {
    /// Returns this counter without its network. Keeps the actor only if there are few possible actors: operators, or
    /// the key that the event is about.
    fn without_network(self) -> Self {
        let actor = match self.actor {
            Actor::Key(_) if self.about.is_none() => Actor::Anonymous,
            actor => actor,
        };
        Self {
            network: None,
            actor,
            ..self
        }
    }

    fn recorded(self, at: Timestamp, count: u64) -> PendingEntry {
        let mut event = AuditEvent::new(self.kind).with("count", count);
        if let Some((account, key)) = self.about {
            event = event.account(account).key(key);
        }
        PendingEntry {
            at,
            event,
            actor: self.actor,
            network: self.network,
        }
    }
}

#[derive(Default)]
pub(super) struct Pending {
    entries: Vec<PendingEntry>,
    /// The current minute of the uptime, and how many events that anybody can cause were recorded or counted in it.
    of_strangers: (u64, u32),
    counts: HashMap<PendingCount, u64>,
    period: Option<Period>,
}

/// When the counting period began. The uptime measures the length of the period, because nobody can set the uptime.
struct Period {
    at: Timestamp,
    uptime: Duration,
}

impl Pending {
    /// Records an event, or only counts it if there are too many.
    pub(super) fn record(&mut self, recorded: PendingEntry, uptime: Duration) {
        let kind = recorded.event.kind();
        let mut has_room = self.entries.len() < MOST_ENTRIES;
        if kind.is_open_to_strangers() {
            let minute = uptime.as_secs() / 60;
            if self.of_strangers.0 != minute {
                self.of_strangers = (minute, 0);
            }
            has_room &= self.of_strangers.1 < MOST_OF_STRANGERS;
            self.of_strangers.1 = self.of_strangers.1.saturating_add(1);
        }
        if has_room {
            return self.entries.push(recorded);
        }
        let counted = PendingCount {
            kind,
            about: None,
            actor: recorded.actor,
            network: recorded.network,
        };
        self.count(counted, recorded.at, uptime);
    }

    pub(super) fn count(&mut self, mut counted: PendingCount, at: Timestamp, uptime: Duration) {
        self.period.get_or_insert(Period { at, uptime });
        if self.counts.len() >= MOST_COUNTERS && !self.counts.contains_key(&counted) {
            let about = None;
            counted = PendingCount { about, ..counted }.without_network();
        }
        *self.counts.entry(counted).or_default() += 1;
    }

    /// Takes the entries to be stored. Takes the counts only if their period is over or `with_counts` is set. Until
    /// then they are added up, so they stay few while the store is unavailable.
    pub(super) fn take(&mut self, uptime: Duration, with_counts: bool) -> Vec<PendingEntry> {
        let mut taken = std::mem::take(&mut self.entries);
        let is_over = |period: &Period| uptime.saturating_sub(period.uptime) >= PERIOD;
        if let Some(period) = self.period.take_if(|period| with_counts || is_over(period)) {
            let counts = fold_networks(std::mem::take(&mut self.counts));
            let at = period.at.as_millis().div_euclid(MINUTE_MS) * MINUTE_MS;
            let at = Timestamp::from_millis(at);
            let counts = counts.into_iter();
            taken.extend(counts.map(|(counted, count)| counted.recorded(at, count)));
        }
        taken
    }
}

/// For each kind and key, keeps the networks with the most events and adds up the others, so that a caller with many
/// addresses cannot fill the store.
fn fold_networks(counts: HashMap<PendingCount, u64>) -> Vec<(PendingCount, u64)> {
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut kept = Vec::with_capacity(sorted.len());
    let mut networks = HashMap::<_, usize>::new();
    let mut others = HashMap::<PendingCount, u64>::new();
    for (counted, count) in sorted {
        let known = networks.entry((counted.kind, counted.about)).or_default();
        if *known >= MOST_NETWORKS {
            *others.entry(counted.without_network()).or_default() += count;
        } else {
            *known += 1;
            kept.push((counted, count));
        }
    }
    kept.extend(others);
    kept
}
