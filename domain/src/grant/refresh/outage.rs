//! Outages: the service probes a provider that serves nobody with one account at a time.

use std::time::Duration;

use super::{REFRESH_HORIZON, pause_after};
use crate::fault::Fault;
use crate::grant::{AccountId, ProviderName};
use crate::time::Timestamp;

/// This many different accounts that fail in a row without a definite response make an outage. With fewer accounts, the
/// backoff of each account suffices.
pub const OUTAGE_AFTER: usize = 5;
/// The longest pause between two probes, unless the provider asks for a longer one. It also bounds how long an account
/// waits that becomes due during an outage which does not concern it.
const LONGEST_PROBE_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that counts for other accounts. The account that received it obeys all of it. A healthy
/// account, whose token of an hour is refreshed three to six minutes early, is still probed in time.
const LONGEST_RETRY_AFTER_FOR_OTHERS: Duration = Duration::from_secs(180);
/// How many probed accounts are remembered.
const PROBED_AT_MOST: usize = 1000;

/// The version of an outage. Later versions are greater, also those of a later outage of the same provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutageVersion {
    /// The store's number of the outage; 0 until it is stored.
    pub outage: i64,
    /// Incremented with every change of this outage.
    pub change: i64,
}

/// An outage of a provider, as all replicas know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The provider.
    pub provider: ProviderName,
    /// Its version.
    pub version: OutageVersion,
    /// When the next probe may be sent.
    pub probe_at: Timestamp,
    /// Probes that have failed.
    pub failed_probes: u32,
    /// The error that waiting accounts show.
    pub fault: Fault,
    /// The accounts that were probed in this outage, the latest last.
    pub probed: Vec<AccountId>,
}

impl Outage {
    /// Begins an outage now.
    #[must_use]
    pub fn begin(
        provider: ProviderName,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
        spread: f64,
    ) -> Self {
        Self {
            provider,
            version: OutageVersion {
                outage: 0,
                change: 1,
            },
            probe_at: now + probe_pause(1, retry_after, spread),
            failed_probes: 0,
            fault,
            probed: Vec::new(),
        }
    }

    /// Returns the outage with the number that the store gave it.
    #[must_use]
    pub const fn numbered(mut self, number: i64) -> Self {
        self.version.outage = number;
        self
    }

    /// Returns the outage with the version that the store gives it when it records a change.
    #[must_use]
    pub const fn changed(mut self) -> Self {
        self.version.change += 1;
        self
    }

    /// Whether a probe may be sent. A time further ahead than any pause was stored by a clock that has been set back
    /// since.
    #[must_use]
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        !self.probe_at.is_ahead(now, REFRESH_HORIZON.pause)
    }

    /// Chooses the account that is probed next: the first of `waiting` that was not probed in this outage, or else the
    /// one whose probe is the longest ago.
    pub fn choose(&self, waiting: impl IntoIterator<Item = AccountId>) -> Option<AccountId> {
        let probed_as = |account: &AccountId| self.probed.iter().position(|one| one == account);
        waiting.into_iter().min_by_key(probed_as)
    }

    /// Returns the outage while this account is probed: nobody else is probed meanwhile.
    #[must_use]
    pub fn probing(mut self, account: AccountId, until: Timestamp) -> Self {
        self.probed.retain(|probed| *probed != account);
        self.probed.push(account);
        let forgotten = self.probed.len().saturating_sub(PROBED_AT_MOST);
        self.probed.drain(..forgotten);
        self.probe_at = until;
        self
    }

    /// Whether this account was probed last.
    #[must_use]
    pub fn is_probed_by(&self, account: AccountId) -> bool {
        self.probed.last() == Some(&account)
    }

    /// Returns the outage after a failed probe: the next pause is twice as long.
    #[must_use]
    pub fn after_failed_probe(
        self,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
        spread: f64,
    ) -> Self {
        let failed_probes = self.failed_probes.saturating_add(1);
        Self {
            failed_probes,
            fault,
            probe_at: now + probe_pause(failed_probes.saturating_add(1), retry_after, spread),
            ..self
        }
    }

    /// Returns the outage after a probe that had nothing to send: another account may be probed at once.
    #[must_use]
    pub fn with_probe_given_back(self, now: Timestamp) -> Self {
        let probe_at = now.min(self.probe_at);
        Self { probe_at, ..self }
    }

    /// Returns the outage after a response to an earlier request, if its `Retry-After` is longer than the present
    /// pause.
    #[must_use]
    pub fn asked_to_wait(self, retry_after: Option<Duration>, now: Timestamp) -> Option<Self> {
        let probe_at = now + probe_pause(1, Some(retry_after?), 0.0);
        (probe_at > self.probe_at).then_some(Self { probe_at, ..self })
    }
}

fn probe_pause(probes: u32, retry_after: Option<Duration>, spread: f64) -> Duration {
    let asked_for = pause_after(0, retry_after, 0.0).min(LONGEST_RETRY_AFTER_FOR_OTHERS);
    let own = pause_after(probes, None, spread).min(LONGEST_PROBE_PAUSE);
    own.max(asked_for)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn gone() -> Fault {
        Fault::new("provider_unavailable", "gone")
    }

    fn outage() -> Outage {
        Outage::begin(ProviderName::new("one"), gone(), None, NOW, 0.0)
    }

    fn ids(ids: impl IntoIterator<Item = i64>) -> impl Iterator<Item = AccountId> {
        ids.into_iter().map(AccountId)
    }

    #[test]
    fn one_probe_at_a_time_each_after_twice_the_pause() {
        let outage = outage();
        assert!(!outage.is_probe_due(NOW));
        let first = NOW + SECOND;
        assert!(outage.is_probe_due(first));
        let probing = outage.probing(AccountId(1), first + 15 * SECOND);
        assert!(!probing.is_probe_due(first));
        assert!(probing.is_probed_by(AccountId(1)));
        let failed = probing.after_failed_probe(gone(), None, first, 0.0);
        assert_eq!(failed.probe_at, first + 2 * SECOND);
    }

    #[test]
    fn who_has_not_been_probed_comes_first_and_then_who_was_the_longest_ago() {
        let mut outage = outage();
        for (waiting, next) in [
            (vec![1, 2, 3], 1),
            (vec![1, 2, 3], 2),
            (vec![1, 2, 3], 3),
            (vec![1, 2, 3, 4], 4),
            (vec![1, 2, 3, 4], 1),
            (vec![3, 2], 2),
        ] {
            let chosen = outage.choose(ids(waiting));
            assert_eq!(chosen, Some(AccountId(next)));
            outage = outage.probing(AccountId(next), NOW);
        }
        assert_eq!(outage.choose([]), None);
    }

    #[test]
    fn a_probe_with_nothing_to_ask_is_given_back() {
        let probing = outage().probing(AccountId(1), NOW + 15 * SECOND);
        let given_back = probing.with_probe_given_back(NOW);
        assert!(given_back.is_probe_due(NOW));
        assert_eq!(given_back.failed_probes, 0);
    }

    #[test]
    fn the_provider_s_pause_is_kept_also_when_others_were_told() {
        let told = |seconds| outage().asked_to_wait(Some(seconds * SECOND), NOW);
        assert_eq!(told(9).map(|told| told.probe_at), Some(NOW + 9 * SECOND));
        assert_eq!(told(1), None);
        assert_eq!(outage().asked_to_wait(None, NOW), None);
    }

    #[test]
    fn a_probe_that_a_wrong_clock_has_put_off_is_due() {
        let ahead = NOW + 7200 * SECOND;
        let outage = Outage::begin(ProviderName::new("one"), gone(), None, ahead, 0.0);
        assert!(outage.is_probe_due(NOW));
    }

    proptest! {
        #[test]
        fn sick_accounts_cannot_starve_a_well_one(
            sick in 1..40_i64, well in 0..50_usize, rounds in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut outage = outage();
            for (round, reversed) in rounds.into_iter().enumerate() {
                let mut waiting: Vec<_> = ids(0..sick).collect();
                if round >= well {
                    waiting.push(AccountId(99));
                }
                if reversed {
                    waiting.reverse();
                }
                let chosen = outage.choose(waiting);
                let chosen = chosen.ok_or_else(|| TestCaseError::fail("nobody"))?;
                if chosen == AccountId(99) {
                    return Ok(());
                }
                // Each failing account is probed once before any is probed again.
                prop_assert!(round < well || round < sick as usize);
                outage = outage.probing(chosen, NOW);
            }
            prop_assert!(false, "the well one was never probed");
        }

        #[test]
        fn probes_come_within_the_horizon(
            failed in any::<u32>(), asked_for in proptest::option::of(any::<u64>()), spread in 0.0..1.0_f64,
        ) {
            let asked_for = asked_for.map(Duration::from_secs);
            let failing = Outage { failed_probes: failed, ..outage() };
            let next = failing.after_failed_probe(gone(), asked_for, NOW, spread).probe_at;
            prop_assert!(next.is_ahead(NOW, REFRESH_HORIZON.pause));
            prop_assert!(asked_for.is_some() || next.since(NOW) <= LONGEST_PROBE_PAUSE);
        }
    }
}
