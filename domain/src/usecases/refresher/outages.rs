//! What this process knows of outages: which accounts have failed in a row, and what the store says about all replicas.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::grant::refresh::{OUTAGE_AFTER, Outage};
use crate::grant::{AccountId, ProviderName};
use crate::time::Timestamp;

/// A replica whose own probe was the last to fail leaves the next probe to the others for this long. They may have a better
/// way to the provider, and look for work every second.
pub(super) const PROBE_LEFT_TO_OTHERS: Duration = Duration::from_millis(1200);

/// What this process has seen of each provider since it started, and the outages as it last read them.
#[derive(Default)]
pub(super) struct Outages(Mutex<Known>);

#[derive(Default)]
struct Known {
    seen: HashMap<ProviderName, Seen>,
    outages: Vec<Outage>,
}

#[derive(Default)]
struct Seen {
    refreshed_at: Option<Timestamp>,
    /// Accounts that have failed since the last definite answer.
    failing: HashSet<AccountId>,
    /// The version of the outage after the last failed probe of this process.
    failed_at_version: Option<i64>,
}

impl Seen {
    fn sees_no_answer(&self) -> bool {
        self.failing.len() >= OUTAGE_AFTER
    }
}

impl Outages {
    /// The outage of a provider, as this process last read it.
    pub(super) fn of(&self, provider: &ProviderName) -> Option<Outage> {
        let known = self.lock();
        let mut outages = known.outages.iter();
        outages.find(|outage| outage.provider == *provider).cloned()
    }

    /// Remembers which outages there are. Returns the providers whose outage has begun or ended since, and whether it has
    /// begun.
    pub(super) fn learn(&self, outages: Vec<Outage>) -> Vec<(ProviderName, bool)> {
        let names = |outages: &[Outage]| -> HashSet<ProviderName> {
            outages
                .iter()
                .map(|outage| outage.provider.clone())
                .collect()
        };
        let mut known = self.lock();
        let (before, after) = (names(&known.outages), names(&outages));
        known.outages = outages;
        let begun = after.difference(&before).map(|name| (name.clone(), true));
        let ended = before.difference(&after).map(|name| (name.clone(), false));
        begun.chain(ended).collect()
    }

    /// Remembers a change of one outage that this process has made; `None` has ended it. Returns whether it is news.
    pub(super) fn learn_one(&self, provider: &ProviderName, outage: Option<Outage>) -> bool {
        let mut known = self.lock();
        let before = known.outages.len();
        known.outages.retain(|known| known.provider != *provider);
        let was_known = known.outages.len() < before;
        let is_known = outage.is_some();
        known.outages.extend(outage);
        was_known != is_known
    }

    /// When this process may send the next probe.
    pub(super) fn opens_at(&self, outage: &Outage) -> Timestamp {
        let known = self.lock();
        let seen = known.seen.get(&outage.provider);
        match seen.and_then(|seen| seen.failed_at_version) {
            Some(version) if version == outage.version => outage.probe_at + PROBE_LEFT_TO_OTHERS,
            _ => outage.probe_at,
        }
    }

    /// Providers that give this process no answer, although others have ended the outage: what is due there is left to them.
    pub(super) fn cut_off(&self) -> Vec<ProviderName> {
        let known = self.lock();
        let silent = known.seen.iter().filter(|(_, seen)| seen.sees_no_answer());
        let silent = silent.map(|(provider, _)| provider);
        let is_known = |name: &ProviderName| known.outages.iter().any(|o| o.provider == *name);
        silent.filter(|name| !is_known(name)).cloned().collect()
    }

    /// The provider has refreshed a token.
    pub(super) fn refreshed(&self, provider: &ProviderName, now: Timestamp) {
        let seen = Seen {
            refreshed_at: Some(now),
            ..Seen::default()
        };
        self.lock().seen.insert(provider.clone(), seen);
    }

    /// The provider has given a definite answer, if not the one that was hoped for.
    pub(super) fn answered(&self, provider: &ProviderName) {
        if let Some(seen) = self.lock().seen.get_mut(provider) {
            seen.failing.clear();
            seen.failed_at_version = None;
        }
    }

    /// The provider has given this account no definite answer. Returns whether that makes an outage.
    pub(super) fn failed(&self, provider: &ProviderName, account: AccountId) -> bool {
        let mut known = self.lock();
        let seen = known.seen.entry(provider.clone()).or_default();
        seen.failing.insert(account);
        seen.sees_no_answer()
    }

    /// A probe of this process has failed: the outage has this version now.
    pub(super) fn failed_at(&self, provider: &ProviderName, version: i64) {
        let mut known = self.lock();
        let seen = known.seen.entry(provider.clone()).or_default();
        seen.failed_at_version = Some(version);
    }

    /// When the provider last refreshed a token, as far as this process knows.
    pub(super) fn last_refresh(&self, provider: &ProviderName) -> Option<Timestamp> {
        self.lock().seen.get(provider)?.refreshed_at
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn one() -> ProviderName {
        ProviderName::new("one")
    }

    fn outage() -> Outage {
        let fault = Fault::new(Fault::UNAVAILABLE, "gone");
        Outage::begin(one(), fault, None, NOW, 0.0)
    }

    /// Whether the last of these failures makes an outage.
    fn fails(outages: &Outages, accounts: impl IntoIterator<Item = i64>) -> bool {
        let accounts = accounts.into_iter().map(AccountId);
        let failed = accounts.map(|account| outages.failed(&one(), account));
        failed.last().unwrap_or_default()
    }

    #[test]
    fn one_account_makes_no_outage_however_often_it_fails() {
        let outages = Outages::default();
        assert!(!fails(&outages, [1; 100]));
        assert!(!fails(&outages, [1, 2, 3, 4]));
        assert!(fails(&outages, [5]));
    }

    #[test]
    fn a_definite_answer_in_between_starts_the_count_again() {
        let outages = Outages::default();
        fails(&outages, 1..=4);
        outages.answered(&one());
        assert!(!fails(&outages, 5..=8));
        outages.refreshed(&one(), NOW);
        assert!(!fails(&outages, 1..=4));
        assert!(fails(&outages, [9]));
        assert_eq!(outages.last_refresh(&one()), Some(NOW));
    }

    #[test]
    fn beginnings_and_ends_are_told_once() {
        let outages = Outages::default();
        assert_eq!(outages.learn(vec![outage()]), [(one(), true)]);
        assert_eq!(outages.learn(vec![outage()]), []);
        assert!(!outages.learn_one(&one(), Some(outage())));
        assert!(outages.learn_one(&one(), None));
        assert_eq!(outages.learn(Vec::new()), []);
    }

    #[test]
    fn whoever_failed_last_lets_others_go_first() {
        let outages = Outages::default();
        assert_eq!(outages.opens_at(&outage()), outage().probe_at);
        outages.failed_at(&one(), outage().version);
        assert!(outages.opens_at(&outage()) > outage().probe_at);
        let by_another = Outage {
            version: 2,
            ..outage()
        };
        assert_eq!(outages.opens_at(&by_another), outage().probe_at);
    }

    #[test]
    fn whoever_gets_no_answer_where_others_do_is_cut_off() {
        let outages = Outages::default();
        fails(&outages, 1..=5);
        outages.learn(vec![outage()]);
        assert_eq!(outages.cut_off(), []);
        outages.learn(Vec::new());
        assert_eq!(outages.cut_off(), [one()]);
        outages.answered(&one());
        assert_eq!(outages.cut_off(), []);
    }
}
