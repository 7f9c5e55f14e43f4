//! Outages. While a provider fails for all accounts, the service probes it with one account at a time.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::fault::Fault;
use crate::grant::{AccountId, ProviderName};
use crate::time::Timestamp;

/// An outage begins when this many different accounts have failed in a row without a definite response. For fewer
/// accounts, the backoff of each account suffices.
pub const OUTAGE_AFTER: usize = 5;
/// How many accounts without earlier failures are probed at intervals of one second, before the pause between probes
/// grows. An account may fail for a reason of its own. Up to this number, each such account delays a healthy account by
/// only one second.
const QUICK_PROBES: u32 = 25;
const FIRST_PROBE_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two probes, unless the provider requests a longer pause. It also limits the wait of a
/// healthy account that becomes due during an outage.
const LONGEST_PROBE_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that delays other accounts. The account that received it may wait longer. A healthy
/// account with a one-hour token is refreshed three to six minutes before the expiry, so it is still probed in time.
const LONGEST_RETRY_AFTER_FOR_OTHERS: Duration = Duration::from_secs(180);
/// How far in the future the next probe may be, including the extra wait of accounts that have failed or were probed
/// before. A later time was stored before the clock was set back.
pub const PROBE_HORIZON: Duration =
    LONGEST_RETRY_AFTER_FOR_OTHERS.saturating_add(LONGEST_PROBE_PAUSE);
/// Bounds the exponent, because [`Duration::mul_f64`] panics on overflow.
const MOST_GROWTH: u32 = 16;
/// How many probed accounts are remembered.
const PROBED_AT_MOST: usize = 1000;

/// The version of an outage. It increases with every change, and with every later outage of the same provider.
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
    /// The number of probed accounts that had no earlier failure.
    pub first_probes: u32,
    /// The error that is shown for waiting accounts.
    pub fault: Fault,
    /// The accounts that were probed in this outage, in the order of their latest probe.
    pub probed: Vec<ProbedAccount>,
}

/// An account that was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbedAccount {
    /// The account.
    pub account: AccountId,
    /// How often the account was probed.
    pub times: u32,
}

/// An account that waits for a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingAccount {
    /// The account.
    pub account: AccountId,
    /// The account's failures in a row.
    pub failures: u32,
}

impl Outage {
    /// Creates an outage that begins now.
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

    /// Whether a probe may be sent now. A time beyond `PROBE_HORIZON` was stored while the clock was ahead, and counts
    /// as past.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        !self.probe_at.is_ahead(now, PROBE_HORIZON)
    }

    /// Returns when an account that has failed or was probed before may be probed again. Such accounts are probed less
    /// often, because they will probably fail again.
    pub fn repeats_at(&self) -> Timestamp {
        self.probe_at + self.repetitions_wait()
    }

    /// Returns how long after `probe_at` an account that has failed or was probed before may be probed again. The next
    /// probe of such an account follows the latest probe after as many seconds as there were probes in this outage, up
    /// to a minute. So this pause is no longer than the outage has lasted.
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

    /// Chooses the account that is probed next. Takes the account with the fewest failures, so that accounts which
    /// always fail do not delay a working account. Among accounts with equally many, takes the account whose last probe
    /// was the longest ago. A probe without a recorded result counts as a failure.
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

    /// Returns the outage after a probe with this account has begun. The next probe is due after a pause, even if this
    /// probe has no result by then, because the provider may hang or the process may be killed.
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

    /// Returns the outage after a probe for which no request was sent. Another account may be probed at once.
    pub fn with_probe_given_back(mut self, probe: WaitingAccount, now: Timestamp) -> Self {
        let times = self.place_of(probe.account).map(|at| self.probed[at].times);
        let was_first = probe.failures == 0 && times == Some(1);
        self.first_probes = self.first_probes.saturating_sub(was_first.into());
        self.probe_at = self.probe_at.min(now - self.repetitions_wait());
        self
    }

    /// Returns the outage after a failed request. The request may change the error that is shown for waiting accounts,
    /// and its `Retry-After` may postpone the next probe. `None` if nothing changes.
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

/// Returns the part of a `Retry-After` that delays other accounts.
fn for_others(retry_after: Duration) -> Duration {
    retry_after.min(LONGEST_RETRY_AFTER_FOR_OTHERS)
}

/// Returns how many probes lengthen the pause.
const fn slower(first_probes: u32) -> u32 {
    first_probes.saturating_sub(QUICK_PROBES)
}

fn growth(steps: u32) -> Duration {
    let growth = 1.5_f64.powf(f64::from(steps.min(MOST_GROWTH)));
    FIRST_PROBE_PAUSE.mul_f64(growth).min(LONGEST_PROBE_PAUSE)
}
