//! What this process knows about outages: the failures that it has seen, and the outages that all replicas share in the
//! store.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use crate::grant::refresh::{OUTAGE_AFTER, Outage, ProbedAccount};
use crate::grant::{AccountId, ProviderName};
use crate::lock::lock;
use crate::time::Timestamp;

/// After its own probe, a replica leaves the next probe to the other replicas for this long. The other replicas look
/// for due probes every second, and may have a working route to the provider.
const PROBE_DELAY: Duration = Duration::from_millis(1200);

/// After this long without a definite response, accounts that had failed before count towards an outage too. A shorter
/// silence proves nothing, because healthy accounts may not be due for hours.
const SILENCE: Duration = Duration::from_secs(6 * 3600);

/// What this process has seen of each provider since it started, and the newest known outages.
#[derive(Default)]
pub(super) struct Outages(Mutex<Known>);

#[derive(Default)]
struct Known {
    seen: HashMap<ProviderName, Seen>,
    outages: Vec<Outage>,
    /// A logical clock that orders reads and changes.
    moment: Moment,
    /// When the latest processed read began.
    read_at: Moment,
    /// When this process last changed the outage of a provider.
    changed_at: HashMap<ProviderName, Moment>,
}

type Moment = u64;

impl Known {
    fn next_moment(&mut self) -> Moment {
        self.moment += 1;
        self.moment
    }

    fn of(&self, provider: &ProviderName) -> Option<&Outage> {
        self.outages
            .iter()
            .find(|outage| outage.provider == *provider)
    }

    fn names(&self) -> HashSet<ProviderName> {
        let outages = self.outages.iter();
        outages.map(|outage| outage.provider.clone()).collect()
    }

    /// Merges the result of a read that began at `begun_at` into the known outages. Changes that this process has made
    /// after that moment win over the read, and an older version of an outage never replaces a newer one.
    fn after_reading(&self, read: Vec<Outage>, begun_at: Moment) -> Vec<Outage> {
        let has_changed = |outage: &Outage| {
            let changed_at = self.changed_at.get(&outage.provider);
            changed_at.is_some_and(|at| *at > begun_at)
        };
        let is_read = |known: &&Outage| read.iter().any(|read| read.provider == known.provider);
        let begun_since = self.outages.iter().filter(|known| !is_read(known));
        let begun_since = begun_since.filter(|known| has_changed(known)).cloned();
        let mut newest: Vec<_> = begun_since.collect();
        for outage in read {
            match self.of(&outage.provider) {
                Some(known) if known.version > outage.version => newest.push(known.clone()),
                None if has_changed(&outage) => {}
                _ => newest.push(outage),
            }
        }
        newest
    }
}

#[derive(Default)]
struct Seen {
    refreshed_at: Option<Timestamp>,
    /// Accounts that have begun to fail since the last definite response.
    failing: HashSet<AccountId>,
    /// All failures since the last definite response, also of accounts that had failed before.
    silence: Option<Silence>,
    /// The last probe of this process, with the number of the outage in the store.
    last_probe: Option<(i64, ProbedAccount)>,
}

struct Silence {
    since: Timestamp,
    accounts: HashSet<AccountId>,
}

impl Seen {
    fn sees_no_answer(&self) -> bool {
        self.failing.len() >= OUTAGE_AFTER
    }

    /// Records a failure. Returns whether at least [`OUTAGE_AFTER`] accounts have failed, over at least [`SILENCE`].
    fn is_silent(&mut self, account: AccountId, now: Timestamp) -> bool {
        let silence = self.silence.get_or_insert_with(|| Silence {
            since: now,
            accounts: HashSet::new(),
        });
        silence.accounts.insert(account);
        silence.accounts.len() >= OUTAGE_AFTER && now.since(silence.since) >= SILENCE
    }
}

impl Outages {
    /// Returns the outage of a provider, as far as this process knows.
    pub(super) fn of(&self, provider: &ProviderName) -> Option<Outage> {
        lock(&self.0).of(provider).cloned()
    }

    /// Returns the moment at which a read of all outages begins, for [`Outages::learn`].
    pub(super) fn begin_reading(&self) -> Moment {
        lock(&self.0).next_moment()
    }

    /// Updates the known outages with the result of a read that began at `begun_at`, unless a later read was processed
    /// first. Returns the providers whose outage has begun (`true`) or ended (`false`) since the last read.
    pub(super) fn learn(&self, begun_at: Moment, read: Vec<Outage>) -> Vec<(ProviderName, bool)> {
        let mut known = lock(&self.0);
        if begun_at < known.read_at {
            return Vec::new();
        }
        known.read_at = begun_at;
        let before = known.names();
        known.outages = known.after_reading(read, begun_at);
        let after = known.names();
        for ended in before.difference(&after) {
            // Another replica has received a definite response.
            known.seen.entry(ended.clone()).or_default().silence = None;
        }
        let begun = after.difference(&before).map(|name| (name.clone(), true));
        let ended = before.difference(&after).map(|name| (name.clone(), false));
        begun.chain(ended).collect()
    }

    /// Updates the known outages with a change that this process has stored; `None` means that the outage has ended.
    /// Returns whether this process learns only now that the outage has begun or ended.
    pub(super) fn learn_one(&self, provider: &ProviderName, outage: Option<Outage>) -> bool {
        let mut known = lock(&self.0);
        let moment = known.next_moment();
        known.changed_at.insert(provider.clone(), moment);
        let before = known.of(provider).cloned();
        let is_news = before.is_some() != outage.is_some();
        known.outages.retain(|known| known.provider != *provider);
        let newest = outage.map(|outage| match before {
            Some(before) if before.version > outage.version => before,
            _ => outage,
        });
        known.outages.extend(newest);
        is_news
    }

    /// Returns how long this process leaves a due probe to other replicas.
    pub(super) fn probe_delay(&self, outage: &Outage) -> Duration {
        let known = lock(&self.0);
        let seen = known.seen.get(&outage.provider);
        let own = seen.and_then(|seen| seen.last_probe);
        if own.is_some() && own == last_probe(outage) {
            PROBE_DELAY
        } else {
            Duration::ZERO
        }
    }

    /// Returns the providers that do not respond to this process although another replica has ended the outage.
    pub(super) fn unreachable_providers(&self) -> Vec<ProviderName> {
        let known = lock(&self.0);
        let silent = known.seen.iter().filter(|(_, seen)| seen.sees_no_answer());
        let silent = silent.map(|(provider, _)| provider);
        let silent = silent.filter(|name| known.of(name).is_none());
        silent.cloned().collect()
    }

    pub(super) fn refreshed(&self, provider: &ProviderName, now: Timestamp) {
        let seen = Seen {
            refreshed_at: Some(now),
            ..Seen::default()
        };
        lock(&self.0).seen.insert(provider.clone(), seen);
    }

    /// Records a definite response of the provider, even if it was an error.
    pub(super) fn answered(&self, provider: &ProviderName) {
        if let Some(seen) = lock(&self.0).seen.get_mut(provider) {
            seen.failing.clear();
            seen.silence = None;
        }
    }

    /// Records that a request for this account got no definite response. Returns whether an outage begins. An account
    /// that had failed before may itself be the cause, so it counts only after [`SILENCE`].
    pub(super) fn failed(
        &self,
        provider: &ProviderName,
        account: AccountId,
        failures_before: u32,
        now: Timestamp,
    ) -> bool {
        let mut known = lock(&self.0);
        let seen = known.seen.entry(provider.clone()).or_default();
        let is_silent = seen.is_silent(account, now);
        if failures_before > 0 {
            return is_silent;
        }
        seen.failing.insert(account);
        is_silent || seen.sees_no_answer()
    }

    /// Records that this process has claimed the last probe of this outage.
    pub(super) fn probed(&self, outage: &Outage) {
        let mut known = lock(&self.0);
        let seen = known.seen.entry(outage.provider.clone()).or_default();
        seen.last_probe = last_probe(outage);
    }

    /// Records that the last probe of this process was not sent.
    pub(super) fn gave_back(&self, provider: &ProviderName) {
        if let Some(seen) = lock(&self.0).seen.get_mut(provider) {
            seen.last_probe = None;
        }
    }

    /// Returns when the provider last refreshed a token, as far as this process knows.
    pub(super) fn last_refresh(&self, provider: &ProviderName) -> Option<Timestamp> {
        lock(&self.0).seen.get(provider)?.refreshed_at
    }
}

/// Returns the last probe of an outage, with the number of the outage in the store.
fn last_probe(outage: &Outage) -> Option<(i64, ProbedAccount)> {
    let last = outage.probed.last()?;
    Some((outage.version.outage, *last))
}
