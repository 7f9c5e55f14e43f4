//! Outages: the service probes a provider that serves nobody with one account at a time.

use std::time::Duration;

use super::{REFRESH_HORIZON, pause_after};
use crate::fault::Fault;
use crate::grant::{AccountId, ProviderName};
use crate::time::Timestamp;

/// This many different accounts that fail in a row without a definite response make an outage. With fewer accounts, the
/// backoff of each account suffices.
pub const OUTAGE_AFTER: usize = 5;
/// So many probes of accounts that fail for the first time are a second apart. As long as no more accounts than that have
/// begun to fail, one that works waits for a second for each of them at the most.
const QUICK_PROBES: u32 = 25;
const FIRST_PROBE_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two probes, unless the provider asks for a longer one. It also bounds how long an account
/// waits that becomes due during an outage which does not concern it.
const LONGEST_PROBE_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that counts for other accounts. The account that received it obeys all of it. A healthy
/// account, whose token of an hour is refreshed three to six minutes early, is still probed in time.
const LONGEST_RETRY_AFTER_FOR_OTHERS: Duration = Duration::from_secs(180);
/// After this many more probes the pause is the longest.
const MOST_GROWTH: u32 = 16;
/// How many accounts are remembered that were probed.
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
    /// Probes that have failed although their account had not failed before.
    pub failed_probes: u32,
    /// The error that waiting accounts show.
    pub fault: Fault,
    /// The accounts that were probed in this outage, the latest last.
    pub probed: Vec<Probed>,
}

/// An account that was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// The account.
    pub account: AccountId,
    /// How often it was probed.
    pub times: u32,
}

/// An account that waits for a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The account.
    pub account: AccountId,
    /// Its failures in a row.
    pub failures: u32,
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
            probe_at: now + probe_pause(0, retry_after, spread),
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

    /// When accounts that have failed or were probed before may be probed again. They come less often than others, because
    /// they have told what they can tell.
    #[must_use]
    pub fn repeats_at(&self) -> Timestamp {
        self.probe_at + self.repetitions_wait()
    }

    fn repetitions_wait(&self) -> Duration {
        let own = |failed| grown(FIRST_PROBE_PAUSE, failed);
        own(self.failed_probes).saturating_sub(own(slower(self.failed_probes)))
    }

    /// Whether accounts that have failed or were probed before may be probed again.
    #[must_use]
    pub fn may_repeat(&self, now: Timestamp) -> bool {
        let horizon = REFRESH_HORIZON.pause + LONGEST_PROBE_PAUSE;
        !self.repeats_at().is_ahead(now, horizon)
    }

    /// Chooses the account that is probed next: the one with the fewest failures, so that accounts which always fail do
    /// not delay one that works. Among equals, the one whose probe is the longest ago. A probe without a recorded result
    /// counts like a failure.
    pub fn choose(
        &self,
        waiting: impl IntoIterator<Item = Waiting>,
        now: Timestamp,
    ) -> Option<AccountId> {
        let turn = |waiting: &Waiting| {
            let latest = self.place_of(waiting.account);
            let times = latest.map_or(0, |at| self.probed[at].times);
            (times.max(waiting.failures), latest)
        };
        let may_repeat = self.may_repeat(now);
        let may_be_probed = |waiting: &Waiting| may_repeat || turn(waiting).0 == 0;
        let waiting = waiting.into_iter().filter(may_be_probed);
        let chosen = waiting.min_by_key(turn);
        chosen.map(|waiting| waiting.account)
    }

    /// Returns the outage while this account is probed: nobody else is probed meanwhile.
    #[must_use]
    pub fn probing(mut self, account: AccountId, until: Timestamp) -> Self {
        let earlier = self.place_of(account).map(|at| self.probed.remove(at));
        let times = earlier.map_or(0, |earlier| earlier.times).saturating_add(1);
        self.probed.push(Probed { account, times });
        let forgotten = self.probed.len().saturating_sub(PROBED_AT_MOST);
        self.probed.drain(..forgotten);
        self.probe_at = until;
        self
    }

    fn place_of(&self, account: AccountId) -> Option<usize> {
        let mut probed = self.probed.iter();
        probed.position(|probed| probed.account == account)
    }

    /// Whether this account was probed last.
    #[must_use]
    pub fn is_probed_by(&self, account: AccountId) -> bool {
        let last = self.probed.last();
        last.is_some_and(|probed| probed.account == account)
    }

    /// Returns the outage after a failed probe of an account that had this many failures before it. If it had none,
    /// and [`QUICK_PROBES`] others had none either, the next pause is half as long again. Otherwise the account itself may be the cause, which must not delay others.
    #[must_use]
    pub fn after_failed_probe(
        self,
        failures: u32,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
        spread: f64,
    ) -> Self {
        let failed_probes = self.failed_probes.saturating_add((failures == 0).into());
        Self {
            failed_probes,
            fault,
            probe_at: now + probe_pause(failed_probes, retry_after, spread),
            ..self
        }
    }

    /// Returns the outage after a probe that had nothing to send: another account may be probed at once.
    #[must_use]
    pub fn with_probe_given_back(self, now: Timestamp) -> Self {
        let probe_at = self.probe_at.min(now - self.repetitions_wait());
        Self { probe_at, ..self }
    }

    /// Returns the outage after a response to an earlier request, if its `Retry-After` is longer than the present
    /// pause.
    #[must_use]
    pub fn asked_to_wait(self, retry_after: Option<Duration>, now: Timestamp) -> Option<Self> {
        let probe_at = now + probe_pause(0, Some(retry_after?), 0.0);
        (probe_at > self.probe_at).then_some(Self { probe_at, ..self })
    }
}

/// A second for each of the first probes, so that a few sick accounts cannot keep one that works waiting. Then the
/// provider itself is the likelier cause, and each pause is half as long again as the one before.
fn probe_pause(failed_probes: u32, retry_after: Option<Duration>, spread: f64) -> Duration {
    let asked_for = pause_after(0, retry_after, 0.0).min(LONGEST_RETRY_AFTER_FOR_OTHERS);
    let own = grown(pause_after(1, None, spread), slower(failed_probes));
    own.max(asked_for)
}

/// Returns the number of probes that count towards longer pauses.
const fn slower(failed_probes: u32) -> u32 {
    failed_probes.saturating_sub(QUICK_PROBES)
}

fn grown(pause: Duration, steps: u32) -> Duration {
    let growth = 1.5_f64.powf(f64::from(steps.min(MOST_GROWTH)));
    pause.mul_f64(growth).min(LONGEST_PROBE_PAUSE)
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

    #[test]
    fn one_probe_at_a_time() {
        let outage = outage();
        assert!(!outage.is_probe_due(NOW));
        let first = NOW + SECOND;
        assert!(outage.is_probe_due(first));
        let probing = outage.probing(AccountId(1), first + 15 * SECOND);
        assert!(!probing.is_probe_due(first));
        assert!(probing.is_probed_by(AccountId(1)));
        let failed = probing.after_failed_probe(0, gone(), None, first, 0.0);
        assert!(failed.is_probe_due(first + SECOND));
    }

    #[test]
    fn after_many_accounts_each_pause_is_half_as_long_again() {
        let mut pauses = vec![];
        let mut outage = outage();
        for _ in 0..QUICK_PROBES + 15 {
            pauses.push(outage.probe_at.since(NOW).as_millis());
            outage = outage.after_failed_probe(0, gone(), None, NOW, 0.0);
        }
        let (quick, slow) = pauses.split_at(QUICK_PROBES as usize + 1);
        assert!(quick.iter().all(|pause| *pause == 1000), "{quick:?}");
        assert_eq!(slow[..3], [1500, 2250, 3375]);
        assert_eq!(slow.last(), Some(&LONGEST_PROBE_PAUSE.as_millis()));
    }

    #[test]
    fn accounts_that_have_failed_before_are_probed_less_often() {
        let sick = Waiting {
            account: AccountId(1),
            failures: 1,
        };
        let well = Waiting {
            account: AccountId(2),
            failures: 0,
        };
        let failed = (0..10).fold(outage(), |outage, _| {
            outage.after_failed_probe(0, gone(), None, NOW, 0.0)
        });
        let next = NOW + SECOND;
        assert!(failed.is_probe_due(next));
        assert_eq!(failed.choose([sick], next), None);
        assert_eq!(failed.choose([sick, well], next), Some(well.account));
        let later = failed.repeats_at();
        assert!(later > NOW + 50 * SECOND && later < NOW + 60 * SECOND);
        assert_eq!(failed.choose([sick], later), Some(sick.account));
        let given_back = failed.with_probe_given_back(next);
        assert_eq!(given_back.choose([sick], next), Some(sick.account));
    }

    #[test]
    fn an_account_is_remembered_once() {
        let probing = |outage: Outage, account| outage.probing(AccountId(account), NOW);
        let outage = [7, 8, 7, 7, 9].into_iter().fold(outage(), probing);
        let probed = outage.probed.iter();
        let probed: Vec<_> = probed.map(|it| (it.account.0, it.times)).collect();
        assert_eq!(probed, [(8, 1), (7, 3), (9, 1)]);
        let many = (0..2000).fold(outage, probing);
        assert_eq!(many.probed.len(), PROBED_AT_MOST);
    }

    #[test]
    fn probes_of_accounts_that_had_failed_before_delay_nobody() {
        let failed = (1..100).fold(outage(), |outage, failures| {
            outage.after_failed_probe(failures, gone(), None, NOW, 0.0)
        });
        assert_eq!(failed.probe_at, NOW + SECOND);
    }

    #[test]
    fn the_fewest_failures_come_first_and_then_the_probe_that_is_the_longest_ago() {
        let mut outage = outage();
        for (waiting, next) in [
            (vec![(1, 2), (2, 0), (3, 1)], 2),
            (vec![(1, 2), (2, 1), (3, 1)], 3),
            (vec![(1, 2), (2, 1), (3, 2)], 2),
            (vec![(1, 2), (2, 2), (3, 2)], 1),
            (vec![(1, 3), (2, 2), (3, 2), (4, 0)], 4),
            // Three processes were killed before the result of their probe was recorded.
            (vec![(1, 3), (4, 0)], 4),
            (vec![(1, 3), (4, 0)], 4),
            (vec![(1, 3), (4, 0)], 1),
        ] {
            let waiting = waiting.into_iter().map(|(id, failures)| Waiting {
                account: AccountId(id),
                failures,
            });
            let chosen = outage.choose(waiting, NOW + SECOND);
            assert_eq!(chosen, Some(AccountId(next)));
            outage = outage.probing(AccountId(next), NOW);
        }
        assert_eq!(outage.choose([], NOW + SECOND), None);
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

    /// Returns for how long the first of the well accounts that gets a probe has been waiting, and how many accounts have
    /// failed for the first time until then. Each account is due at its second; the sick ones keep failing.
    fn longest_wait(sick: &[u64], well: &[u64], spread: f64) -> (Duration, u32) {
        let seconds = sick.iter().chain(well);
        let due = seconds.map(|second| NOW + Duration::from_secs(*second));
        let ids = (0..).map(AccountId);
        let mut accounts: Vec<_> = ids.zip(due).map(|(id, due)| (id, due, 0)).collect();
        let (mut outage, mut now) = (outage(), NOW);
        loop {
            let may_be_probed = accounts.iter().map(|(_, due, failures)| match failures {
                0 => *due,
                _ => outage.repeats_at().max(*due),
            });
            now = now
                .max(outage.probe_at)
                .max(may_be_probed.min().unwrap_or(now));
            let waiting = accounts.iter().filter(|(_, due, _)| *due <= now);
            let mut waiting: Vec<_> = waiting.copied().collect();
            waiting.sort_by_key(|(_, due, _)| std::cmp::Reverse(*due));
            let waiting = waiting.into_iter();
            let waiting = waiting.map(|(account, _, failures)| Waiting { account, failures });
            let chosen = outage.choose(waiting, now);
            let is_sick = |at: &usize| *at < sick.len();
            let at = accounts.iter().position(|(id, ..)| Some(*id) == chosen);
            let Some(at) = at.filter(is_sick) else {
                let waits = accounts[sick.len()..]
                    .iter()
                    .map(|(_, due, _)| now.since(*due));
                let begun = accounts.iter().map(|(_, _, failures)| *failures.min(&1));
                return (waits.max().unwrap_or_default(), begun.sum());
            };
            let (account, due, failures) = &mut accounts[at];
            outage = outage.probing(*account, now);
            outage = outage.after_failed_probe(*failures, gone(), None, now, spread);
            *failures += 1;
            *due = now + pause_after(*failures, None, spread);
        }
    }

    proptest! {
        /// Whenever they become due, and although nothing tells them from sick ones. The well account that is probed first
        /// ends the outage for all.
        #[test]
        fn well_accounts_wait_for_a_second_for_each_that_begins_to_fail(
            sick in proptest::collection::vec(0..200_u64, 0..=QUICK_PROBES as usize),
            well in proptest::collection::vec(0..200_u64, 1..5),
            spread in 0.0..1.0_f64,
        ) {
            let (waited, begun) = longest_wait(&sick, &well, spread);
            prop_assert!(waited <= (begun + 1) * SECOND * 5 / 4, "{:?} {}", waited, begun);
        }

        /// However many accounts always fail and however often they were probed, one that has not failed waits for one
        /// pause of a second.
        #[test]
        fn sick_accounts_cannot_starve_a_well_one(
            sick in proptest::collection::vec(1..100_u32, 1..60), rounds in 0..200_usize, reversed: bool,
        ) {
            let well = Waiting { account: AccountId(99), failures: 0 };
            let ids = (0..).map(AccountId);
            let mut waiting: Vec<_> = ids.zip(sick).map(|(account, failures)| Waiting { account, failures }).collect();
            let (mut outage, mut now) = (outage(), NOW);
            for _ in 0..rounds {
                now = outage.probe_at;
                let chosen = outage.choose(waiting.iter().copied(), now);
                let probe = waiting.iter_mut().find(|waiting| Some(waiting.account) == chosen);
                let probe = probe.ok_or_else(|| TestCaseError::fail("nobody"))?;
                outage = outage.probing(probe.account, now);
                outage = outage.after_failed_probe(probe.failures, gone(), None, now, 0.0);
                probe.failures += 1;
            }
            waiting.push(well);
            if reversed {
                waiting.reverse();
            }
            prop_assert_eq!(outage.choose(waiting, outage.probe_at), Some(well.account));
            prop_assert!(outage.probe_at.since(now) <= SECOND);
        }

        /// The probes that a provider gets which is down: each fails, and each account fails for the first time.
        #[test]
        fn an_outage_of_all_accounts_costs_few_probes(spread in 0.0..1.0_f64) {
            let mut outage = outage();
            for probe in 0.. {
                let now = outage.probe_at;
                if now.since(NOW) > 300 * SECOND {
                    prop_assert!(probe <= 40, "{}", probe);
                    break;
                }
                outage = outage.probing(AccountId(probe), now);
                outage = outage.after_failed_probe(0, gone(), None, now, spread);
            }
        }

        #[test]
        fn probes_come_within_the_horizon(
            failed in any::<u32>(), asked_for in proptest::option::of(any::<u64>()), spread in 0.0..1.0_f64,
        ) {
            let asked_for = asked_for.map(Duration::from_secs);
            let failing = Outage { failed_probes: failed, ..outage() };
            let next = failing.after_failed_probe(0, gone(), asked_for, NOW, spread).probe_at;
            prop_assert!(next.is_ahead(NOW, REFRESH_HORIZON.pause));
            prop_assert!(asked_for.is_some() || next.since(NOW) <= LONGEST_PROBE_PAUSE);
        }
    }
}
