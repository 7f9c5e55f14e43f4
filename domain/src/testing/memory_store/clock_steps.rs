//! Repairs times in memory that were stored while the clock was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock_step::{Horizon, OBTAINED_AHEAD};
use crate::grant::StoredTokens;
use crate::grant::refresh::{PROBE_HORIZON, REFRESH_HORIZON};
use crate::grant::revocation::REVOCATION_HORIZON;
use crate::link::polling::{POLL_HORIZON, STORED_WITHIN};
use crate::link::{Link, LinkState, PollSchedule};
use crate::ports::{ClockStepStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl ClockStepStore for MemoryStore {
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let refresh_horizon = REFRESH_HORIZON.cut(pause);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut state = self.lock();
        let obtained = state.accounts.values_mut().filter_map(|tokens| {
            *tokens = tokens.after_clock_step(now)?;
            Some(())
        });
        let obtained = obtained.take(limit).count();
        let tokens = state.accounts.values_mut().filter_map(|tokens| {
            let pauses = tokens.attempts.failures > 0;
            let next_at = tokens.account.next_refresh_at.as_mut();
            let next_at = next_at
                .filter(|at| is_beyond(**at, now, pauses, tokens.lease.until, refresh_horizon));
            next_at.map(|next_at| (next_at, &mut tokens.lease.until, refresh_horizon))
        });
        let refreshes = tokens.take(limit).map(|due| make_due(due, now)).count();
        let polled = state.links.values_mut().filter_map(|link| {
            link.poll = Some(sooner_poll(link, now)?);
            Some(())
        });
        let sooner = polled.take(limit).count();
        let links = state.links.values_mut().filter_map(|link| {
            let next_at = &mut link.poll.as_mut()?.next_at;
            is_beyond(
                *next_at,
                now,
                true,
                link.lease_until,
                POLL_HORIZON.cut(pause),
            )
            .then_some((next_at, &mut link.lease_until, POLL_HORIZON))
        });
        let polls = links.take(limit).map(|due| make_due(due, now)).count();
        let outbox = state.revocations.values_mut().filter_map(|kept| {
            let (revocation, horizon) = (&mut kept.revocation, REVOCATION_HORIZON.cut(pause));
            let next_at = revocation.next_attempt_at.as_mut()?;
            is_beyond(*next_at, now, true, revocation.lease.until, horizon).then_some((
                next_at,
                &mut revocation.lease.until,
                horizon,
            ))
        });
        let revocations = outbox.take(limit).map(|due| make_due(due, now)).count();
        let open = state
            .links
            .values_mut()
            .filter(|link| link.ended_at().is_none());
        let endless = open.filter(|link| link.expires_at > now + Link::LONGEST);
        let expire = |link: &mut Link| link.expires_at = now - Link::FINAL_POLL_GRACE;
        let deadlines = endless.take(limit).map(expire).count();
        let probe = now + PROBE_HORIZON.min(pause);
        let outages = state
            .outages
            .iter_mut()
            .filter(|outage| outage.probe_at > probe);
        let changed = outages.map(|outage| {
            outage.probe_at = now;
            *outage = outage.clone().changed();
        });
        let probes = changed.count();
        Ok((obtained + refreshes + probes + sooner + polls + revocations + deadlines) as u64)
    }
}

impl StoredTokens {
    /// Makes the refresh due if the tokens were obtained before the clock was set back. The remaining lifetime is
    /// unknown, so the access token counts as expired. A pause after a failure stays. `None` if the tokens were not
    /// obtained in the future, or if no refresh is scheduled.
    #[must_use]
    pub fn after_clock_step(&self, now: Timestamp) -> Option<Self> {
        let is_ahead = self.obtained_at > now + OBTAINED_AHEAD;
        let planned = self.account.next_refresh_at.filter(|_| is_ahead)?;
        let mut next = self.clone();
        next.obtained_at = now;
        let end = &mut next.account.access_token_expires_at;
        *end = end.map(|end| end.min(now));
        if self.attempts.failures == 0 {
            next.account.next_refresh_at = Some(planned.min(now));
        }
        Some(next)
    }
}

/// Returns a new schedule for a link without failures whose next poll is too far beyond its interval.
fn sooner_poll(link: &Link, now: Timestamp) -> Option<PollSchedule> {
    let polled = matches!(link.state, LinkState::Authorizing(_));
    let poll = link.poll.filter(|poll| polled && poll.failures == 0)?;
    let next_at = now + poll.interval;
    (poll.next_at > next_at + STORED_WITHIN).then_some(PollSchedule { next_at, ..poll })
}

fn is_beyond(
    next_at: Timestamp,
    now: Timestamp,
    pauses: bool,
    lease_until: Option<Timestamp>,
    horizon: Horizon,
) -> bool {
    pauses && next_at > now + horizon.pause
        || lease_until.is_some_and(|until| until > now + horizon.lease)
}

fn make_due(
    (next_at, lease_until, horizon): (&mut Timestamp, &mut Option<Timestamp>, Horizon),
    now: Timestamp,
) {
    *next_at = now.min(*next_at);
    if let Some(until) = lease_until
        && *until > now + horizon.lease
    {
        *until = now;
    }
}
