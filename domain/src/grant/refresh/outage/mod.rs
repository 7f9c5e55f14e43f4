//! Outages: while a provider serves nobody, the service probes it with one account after another.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::fault::Fault;
use crate::grant::{AccountId, ProviderName};
use crate::time::Timestamp;

/// An outage begins when this many different accounts have failed in a row without a definite response. For fewer
/// accounts, their own backoff suffices.
pub const OUTAGE_AFTER: usize = 5;
/// Until this many accounts without earlier failures have been probed, probes are sent one second apart. Then the pause
/// grows. So up to this many accounts that fail for their own reasons delay a healthy account by one second each.
const QUICK_PROBES: u32 = 25;
const FIRST_PROBE_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two probes, unless the provider asks for a longer one. It also limits how long a healthy
/// account waits if it becomes due during an outage.
const LONGEST_PROBE_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that delays other accounts; the account that received it may wait longer. A healthy
/// account with a one-hour token is refreshed three to six minutes before the expiry, so it is still probed in time.
const LONGEST_RETRY_AFTER_FOR_OTHERS: Duration = Duration::from_secs(180);
/// How far in the future the next probe may be, including the extra wait of accounts that have failed or were probed
/// before. A later time was stored by a clock that has been set back since.
pub const PROBE_HORIZON: Duration =
    LONGEST_RETRY_AFTER_FOR_OTHERS.saturating_add(LONGEST_PROBE_PAUSE);
/// Bounds the exponent, because [`Duration::mul_f64`] panics on overflow.
const MOST_GROWTH: u32 = 16;
/// How many probed accounts are remembered.
const PROBED_AT_MOST: usize = 1000;

/// The version of an outage. Every change makes it greater, and so does a later outage of the same provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutageVersion {
    /// The store's number of the outage; 0 until it is stored.
    pub outage: i64,
    /// Incremented with every change of this outage.
    pub change: i64,
}

/// An outage of a provider, shared by all replicas.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The provider.
    pub provider: ProviderName,
    /// Its version.
    pub version: OutageVersion,
    /// When the next probe may be sent.
    pub probe_at: Timestamp,
    /// How many accounts were probed that had not failed before.
    pub first_probes: u32,
    /// The error that waiting accounts show.
    pub fault: Fault,
    /// The accounts that were probed in this outage, the latest last.
    pub probed: Vec<ProbedAccount>,
}

/// An account that was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbedAccount {
    /// The account.
    pub account: AccountId,
    /// How often it was probed.
    pub times: u32,
}

/// An account that waits for a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingAccount {
    /// The account.
    pub account: AccountId,
    /// Its failures in a row.
    pub failures: u32,
}

impl Outage {
    /// Begins an outage now.
    pub fn begin(
        provider: ProviderName,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        Self {
            provider,
            version: OutageVersion {
                outage: 0,
                change: 1,
            },
            probe_at: now + FIRST_PROBE_PAUSE.max(for_others(retry_after.unwrap_or_default())),
            first_probes: 0,
            fault,
            probed: Vec::new(),
        }
    }

    /// Returns the outage with the next version, as the store saves it.
    pub const fn changed(mut self) -> Self {
        self.version.change += 1;
        self
    }

    /// Whether a probe may be sent now. A time beyond `PROBE_HORIZON` was stored by a wrong clock, and counts as past.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        !self.probe_at.is_ahead(now, PROBE_HORIZON)
    }

    /// Returns when an account that has failed or was probed before may be probed again. Such accounts are probed less
    /// often, because they will probably fail again.
    pub fn repeats_at(&self) -> Timestamp {
        self.probe_at + self.repetitions_wait()
    }

    /// Returns how long after `probe_at` an account that has failed or was probed before may be probed again. Its probe
    /// and the last one are as many seconds apart as there were probes in this outage, up to a minute. So this pause is
    /// no longer than the outage has lasted.
    fn repetitions_wait(&self) -> Duration {
        let probes = self.probed.iter().map(|probed| probed.times);
        let probes = probes.fold(0, u32::saturating_add);
        let pause = FIRST_PROBE_PAUSE.saturating_mul(probes);
        let pause = pause.min(LONGEST_PROBE_PAUSE);
        pause.saturating_sub(growth(slower(self.first_probes)))
    }

    /// Whether accounts that have failed or were probed before may be probed again.
    pub fn may_repeat(&self, now: Timestamp) -> bool {
        !self.repeats_at().is_ahead(now, PROBE_HORIZON)
    }

    /// Chooses the account that is probed next: the one with the fewest failures, so that accounts which always fail do
    /// not delay one that works. Among equals, chooses the one whose last probe is the longest ago. A probe without a
    /// recorded result counts as a failure.
    pub fn choose(
        &self,
        waiting: impl IntoIterator<Item = WaitingAccount>,
        now: Timestamp,
    ) -> Option<WaitingAccount> {
        let turn = |waiting: &WaitingAccount| {
            let latest = self.place_of(waiting.account);
            let times = latest.map_or(0, |at| self.probed[at].times);
            (times.max(waiting.failures), latest)
        };
        let may_repeat = self.may_repeat(now);
        let may_be_probed = |waiting: &WaitingAccount| may_repeat || turn(waiting).0 == 0;
        let waiting = waiting.into_iter().filter(may_be_probed);
        waiting.min_by_key(turn)
    }

    /// Returns the outage once a probe with this account has begun. The next probe is due after a pause, even if this
    /// probe has no result by then: the provider may hang, and the process may be killed.
    pub fn probing(mut self, waiting: WaitingAccount, now: Timestamp) -> Self {
        let WaitingAccount { account, failures } = waiting;
        let earlier = self.place_of(account).map(|at| self.probed.remove(at));
        let is_first = earlier.is_none() && failures == 0;
        let times = earlier.map_or(0, |earlier| earlier.times).saturating_add(1);
        self.probed.push(ProbedAccount { account, times });
        let forgotten = self.probed.len().saturating_sub(PROBED_AT_MOST);
        self.probed.drain(..forgotten);
        self.first_probes = self.first_probes.saturating_add(is_first.into());
        self.probe_at = now + growth(slower(self.first_probes));
        self
    }

    fn place_of(&self, account: AccountId) -> Option<usize> {
        let mut probed = self.probed.iter();
        probed.position(|probed| probed.account == account)
    }

    /// Whether this account was probed in this outage.
    pub fn has_probed(&self, account: AccountId) -> bool {
        self.place_of(account).is_some()
    }

    /// Returns the outage after a probe for which nothing was sent: another account may be probed at once.
    pub fn with_probe_given_back(mut self, probe: WaitingAccount, now: Timestamp) -> Self {
        let times = self.place_of(probe.account).map(|at| self.probed[at].times);
        let was_first = probe.failures == 0 && times == Some(1);
        self.first_probes = self.first_probes.saturating_sub(was_first.into());
        self.probe_at = self.probe_at.min(now - self.repetitions_wait());
        self
    }

    /// Returns the outage after a failed request, if the request changes it: the error that waiting accounts show, or
    /// the time of the next probe because of a `Retry-After`.
    pub fn after_failure(
        &self,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Self> {
        let asked_for = retry_after.map(|asked_for| now + for_others(asked_for));
        let failed = Self {
            probe_at: asked_for.map_or(self.probe_at, |at| at.max(self.probe_at)),
            fault,
            ..self.clone()
        };
        (failed != *self).then_some(failed)
    }
}

/// Returns how long a `Retry-After` delays other accounts.
fn for_others(retry_after: Duration) -> Duration {
    retry_after.min(LONGEST_RETRY_AFTER_FOR_OTHERS)
}

/// Returns the number of probes that count towards longer pauses.
const fn slower(first_probes: u32) -> u32 {
    first_probes.saturating_sub(QUICK_PROBES)
}

fn growth(steps: u32) -> Duration {
    let growth = 1.5_f64.powf(f64::from(steps.min(MOST_GROWTH)));
    FIRST_PROBE_PAUSE.mul_f64(growth).min(LONGEST_PROBE_PAUSE)
}
