//! Which providers serve us. One that is down, or that refuses our client, is probed with one refresh at a time, not with
//! all that are due.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::Fault;
use crate::grant::ProviderName;
use crate::grant::refresh::pause_after;
use crate::time::Timestamp;

/// So many failures in a row, over all accounts of a provider, are an outage.
const OUTAGE_AFTER: u32 = 5;

/// What this process has seen of each provider since it started. Kept in memory: a process that starts in the middle
/// of an outage finds out for itself.
#[derive(Default)]
pub(in crate::usecases) struct Outages(Mutex<HashMap<ProviderName, Seen>>);

/// What outages mean for whoever looks for work.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Providers that are not asked now.
    pub(super) closed: Vec<ProviderName>,
    /// When the first of them is probed.
    pub(super) opens_at: Option<Timestamp>,
    /// Those that wait for their probe.
    pub(super) to_probe: Vec<ProviderName>,
}

#[derive(Default)]
struct Seen {
    refreshed_at: Option<Timestamp>,
    /// In a row, before they are an outage.
    failures: u32,
    /// While there is an outage.
    outage: Option<Outage>,
    /// How many probes have failed in it.
    probes: u32,
    /// One is under way.
    is_probed: bool,
}

/// Who may ask a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Anybody.
    Freely,
    /// This one, to find out whether an outage is over. If nothing is asked after all it must be
    /// [given back](Outages::give_probe_back).
    AsProbe,
}

/// Why a provider is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    /// When the next one may ask.
    pub(super) probe_at: Timestamp,
    /// What the last one was told.
    pub(super) fault: Fault,
}

impl Outages {
    /// Whether a provider may be asked now; otherwise why not, and when the next probe is. Whoever is let in during an
    /// outage is the probe, and alone with it for as long as its answer may take.
    pub(super) fn admit(
        &self,
        provider: &ProviderName,
        now: Timestamp,
        answer_takes: Duration,
    ) -> Result<Admitted, Outage> {
        let mut all = self.lock();
        let Some(seen) = all.get_mut(provider) else {
            return Ok(Admitted::Freely);
        };
        match &mut seen.outage {
            None => Ok(Admitted::Freely),
            Some(outage) if outage.probe_at > now => Err(outage.clone()),
            Some(outage) => {
                outage.probe_at = now + answer_takes;
                seen.is_probed = true;
                Ok(Admitted::AsProbe)
            }
        }
    }

    /// The probe had nothing to ask: another one may.
    pub(super) fn give_probe_back(&self, provider: &ProviderName, now: Timestamp) {
        if let Some(seen) = self.lock().get_mut(provider)
            && seen.is_probed
            && let Some(outage) = &mut seen.outage
        {
            seen.is_probed = false;
            outage.probe_at = now;
        }
    }

    /// Which providers are not asked before their next probe, and what that means for looking for work.
    pub(super) fn look(&self, now: Timestamp) -> Look {
        let mut look = Look::default();
        for (provider, seen) in self.lock().iter() {
            match seen.outage.as_ref().map(|outage| outage.probe_at) {
                Some(probe_at) if probe_at > now => {
                    look.closed.push(provider.clone());
                    look.opens_at = look.opens_at.into_iter().chain([probe_at]).min();
                }
                Some(_) => look.to_probe.push(provider.clone()),
                None => {}
            }
        }
        look
    }

    /// The provider has refreshed a token. Returns whether that ended an outage.
    pub(super) fn refreshed(&self, provider: &ProviderName, now: Timestamp) -> bool {
        let seen = Seen {
            refreshed_at: Some(now),
            ..Seen::default()
        };
        let before = self.lock().insert(provider.clone(), seen);
        before.is_some_and(|before| before.outage.is_some())
    }

    /// The provider has given an answer of the protocol, if not the one that was hoped for. Returns whether that ended
    /// an outage.
    pub(super) fn answered(&self, provider: &ProviderName) -> bool {
        let mut seen = self.lock();
        seen.get_mut(provider).is_some_and(|seen| {
            let refreshed_at = seen.refreshed_at;
            let before = std::mem::take(seen);
            seen.refreshed_at = refreshed_at;
            before.outage.is_some()
        })
    }

    /// The provider has given none, or refuses our client. Returns whether an outage began with that. Each probe that
    /// fails puts the next one off for longer. What was under way when the outage began does not: all of it has seen one
    /// and the same trouble.
    pub(super) fn failed(
        &self,
        provider: &ProviderName,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
        spread: f64,
    ) -> bool {
        let mut seen = self.lock();
        let seen = seen.entry(provider.clone()).or_default();
        let Some(outage) = &mut seen.outage else {
            seen.failures += 1;
            if seen.failures >= OUTAGE_AFTER {
                let probe_at = now + pause_after(1, retry_after, spread);
                seen.outage = Some(Outage { probe_at, fault });
            }
            return seen.outage.is_some();
        };
        if std::mem::take(&mut seen.is_probed) {
            seen.probes = seen.probes.saturating_add(1);
            outage.probe_at = now + pause_after(seen.probes.saturating_add(1), retry_after, spread);
            outage.fault = fault;
        } else if retry_after.is_some() {
            let asked_for = now + pause_after(1, retry_after, spread);
            outage.probe_at = outage.probe_at.max(asked_for);
        }
        false
    }

    /// When the provider last refreshed a token, as far as this process knows.
    pub(super) fn last_refresh(&self, provider: &ProviderName) -> Option<Timestamp> {
        self.lock().get(provider)?.refreshed_at
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderName, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const TAKES: Duration = Duration::from_secs(10);

    fn gone() -> Fault {
        Fault::new(Fault::UNAVAILABLE, "gone")
    }

    fn until(probe_at: Timestamp) -> Result<Admitted, Outage> {
        let fault = gone();
        Err(Outage { probe_at, fault })
    }

    fn down(times: u32) -> (Outages, ProviderName) {
        let (outages, one) = (Outages::default(), ProviderName::new("one"));
        for _ in 0..times {
            outages.failed(&one, gone(), None, NOW, 0.0);
        }
        (outages, one)
    }

    #[test]
    fn a_few_failures_are_no_outage() {
        let (outages, one) = down(OUTAGE_AFTER - 1);
        assert!(outages.admit(&one, NOW, TAKES).is_ok());
    }

    #[test]
    fn an_outage_lets_one_probe_in_at_a_time() {
        let (outages, one) = down(OUTAGE_AFTER);
        let second = Duration::from_secs(1);
        assert_eq!(outages.admit(&one, NOW, TAKES), until(NOW + second));
        let probe = NOW + second;
        assert!(outages.admit(&one, probe, TAKES).is_ok());
        assert_eq!(outages.admit(&one, probe, TAKES), until(probe + TAKES));
        outages.failed(&one, gone(), None, probe, 0.0);
        assert_eq!(outages.admit(&one, probe, TAKES), until(probe + 2 * second));
        assert!(outages.admit(&ProviderName::new("two"), NOW, TAKES).is_ok());
    }

    #[test]
    fn the_crowd_that_was_under_way_is_no_probe() {
        let (outages, one) = down(32);
        let second = Duration::from_secs(1);
        assert_eq!(outages.admit(&one, NOW, TAKES), until(NOW + second));
        // But one that was told for how long is believed.
        outages.failed(&one, gone(), Some(second * 9), NOW, 0.0);
        assert_eq!(outages.admit(&one, NOW, TAKES), until(NOW + second * 9));
        outages.failed(&one, gone(), Some(second), NOW, 0.0);
        assert_eq!(outages.admit(&one, NOW, TAKES), until(NOW + second * 9));
    }

    #[test]
    fn a_probe_with_nothing_to_ask_is_given_back() {
        let (outages, one) = down(OUTAGE_AFTER);
        let probe = NOW + Duration::from_secs(1);
        for _ in 0..3 {
            assert_eq!(outages.admit(&one, probe, TAKES), Ok(Admitted::AsProbe));
            outages.give_probe_back(&one, probe);
        }
        assert_eq!(outages.admit(&one, probe, TAKES), Ok(Admitted::AsProbe));
        // What was asked is not given back.
        outages.failed(&one, gone(), None, probe, 0.0);
        outages.give_probe_back(&one, probe);
        assert!(outages.admit(&one, probe, TAKES).is_err());
        outages.refreshed(&one, probe);
        assert_eq!(outages.admit(&one, probe, TAKES), Ok(Admitted::Freely));
    }

    #[test]
    fn whoever_looks_for_work_is_told() {
        let (outages, one) = down(OUTAGE_AFTER);
        let probe_at = NOW + Duration::from_secs(1);
        let closed = |provider: &ProviderName, until| Look {
            closed: vec![provider.clone()],
            opens_at: Some(until),
            to_probe: Vec::new(),
        };
        assert_eq!(outages.look(NOW), closed(&one, probe_at));
        let due = outages.look(probe_at);
        assert_eq!(due.to_probe, std::slice::from_ref(&one));
        assert!(due.closed.is_empty(), "{due:?}");
        assert!(outages.admit(&one, probe_at, TAKES).is_ok());
        assert_eq!(outages.look(probe_at), closed(&one, probe_at + TAKES));
        outages.refreshed(&one, probe_at);
        assert_eq!(outages.look(probe_at), Look::default());
    }

    #[test]
    fn any_answer_ends_it() {
        let (outages, one) = down(OUTAGE_AFTER);
        outages.answered(&one);
        assert!(outages.admit(&one, NOW, TAKES).is_ok());
        let (outages, one) = down(OUTAGE_AFTER);
        outages.refreshed(&one, NOW);
        assert!(outages.admit(&one, NOW, TAKES).is_ok());
        assert_eq!(outages.last_refresh(&one), Some(NOW));
    }

    #[test]
    fn the_provider_s_pause_is_kept() {
        let (outages, one) = down(OUTAGE_AFTER - 1);
        let minute = Duration::from_secs(60);
        outages.failed(&one, gone(), Some(minute), NOW, 0.0);
        assert_eq!(outages.admit(&one, NOW, TAKES), until(NOW + minute));
    }
}
