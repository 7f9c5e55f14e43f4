//! Outages: the service probes a provider that serves nobody with one account at a time.

#[cfg(test)]
mod tests;

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
