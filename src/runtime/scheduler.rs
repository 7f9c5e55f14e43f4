//! Claims work that is due and starts a task for each lease, up to a limit per provider.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::StoreError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::{STORE_PAUSE, Stop};

/// The store is asked for due work at least this often, because another process may have added work.
const LONGEST_IDLE: Duration = Duration::from_secs(1);
/// The pause when something is due and cannot be claimed, because another process is about to claim it.
const OTHERS_ARE_FASTER: Duration = Duration::from_millis(100);
/// How long nothing is claimed after a failure of the store. Leases may have expired meanwhile although their holders
/// have unsaved responses. The pause lets the holders save these first.
const HOLD_BACK: Duration = Duration::from_secs(3);

/// Work of one kind, which the store hands out under leases.
#[async_trait]
pub(super) trait Work: Sync {
    /// A piece of work that this process may do until its lease expires.
    type Lease: Send + Sync;

    /// The name in the log.
    const NAME: &'static str;

    /// Returns how long until work is due at a provider that is not busy; `None` if there is no such work.
    async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError>;

    /// Claims up to `room` pieces of work that are due at the providers that are not busy.
    async fn claim(&self, room: u64, busy: &[ProviderName])
    -> Result<Vec<Self::Lease>, StoreError>;

    /// Returns the provider at which the work is done.
    fn provider(lease: &Self::Lease) -> &ProviderName;

    /// Starts a task for a lease. Returns whether a task of this process holds the lease now.
    fn start(&self, lease: &Self::Lease, permit: OwnedSemaphorePermit) -> bool;

    /// Gives back a lease for which no task was started. The default implementation does nothing: the lease expires by
    /// itself.
    async fn give_back(&self, _: &Self::Lease) {}
}

/// Limits the concurrent work at each provider, and decides when to claim.
pub(super) struct WorkScheduler {
    permits_each: usize,
    permits: Mutex<HashMap<ProviderName, Arc<Semaphore>>>,
    permit_freed: Notify,
    /// Nothing is claimed before this time, because the store failed.
    hold_until: Mutex<Option<Instant>>,
}

impl WorkScheduler {
    /// Creates a scheduler that does up to `permits_each` pieces of work at a time at each provider, so that a provider
    /// that is down delays no other.
    pub(super) fn new(permits_each: usize) -> Self {
        Self {
            permits_each,
            permits: Mutex::default(),
            permit_freed: Notify::new(),
            hold_until: Mutex::default(),
        }
    }

    /// Claims and starts due work, until told to stop.
    pub(super) async fn run(&self, work: &impl Work, mut stop: Stop) {
        let mut expects_more = false;
        while !*stop.borrow() {
            let (busy, room) = self.room();
            let pause;
            (pause, expects_more) = self.start_due(work, &busy, room, expects_more).await;
            tokio::select! {
                () = sleep(pause.min(LONGEST_IDLE)) => {}
                () = self.permit_freed.notified(), if !busy.is_empty() => {}
                _ = stop.changed() => {}
            }
        }
    }

    pub(super) fn permits_at(&self, provider: &ProviderName) -> Arc<Semaphore> {
        let mut permits = lock(&self.permits);
        let permits = permits.entry(provider.clone());
        Arc::clone(permits.or_insert_with(|| Arc::new(Semaphore::new(self.permits_each))))
    }

    pub(super) fn free(&self, permit: OwnedSemaphorePermit) {
        drop(permit);
        self.permit_freed.notify_one();
    }

    /// Pauses claiming if the store failed. A row that is locked or damaged does not count: other rows are not
    /// affected.
    pub(super) fn note(&self, error: &StoreError) {
        if matches!(error, StoreError::Unavailable(_)) {
            *lock(&self.hold_until) = Some(Instant::now() + HOLD_BACK);
        }
    }

    /// Returns how long claiming stays paused; `None` if claiming is not paused.
    pub(super) fn held_back(&self) -> Option<Duration> {
        let until = (*lock(&self.hold_until))?;
        let pause = until.saturating_duration_since(Instant::now());
        (!pause.is_zero()).then_some(pause)
    }

    /// Returns the providers without a free permit, and how many pieces of work may be claimed at the others. No more
    /// is claimed than can start at once, so that no lease expires in a queue.
    fn room(&self) -> (Vec<ProviderName>, u64) {
        let (mut busy, mut room) = (Vec::new(), self.permits_each);
        for (name, permits) in lock(&self.permits).iter() {
            match permits.available_permits() {
                0 => busy.push(name.clone()),
                free => room = room.min(free),
            }
        }
        (busy, u64::try_from(room).unwrap_or(u64::MAX))
    }

    /// Claims due work and starts it. Returns how long to pause, and whether as much was claimed as `room` allows.
    async fn start_due<W: Work>(
        &self,
        work: &W,
        busy: &[ProviderName],
        room: u64,
        expects_more: bool,
    ) -> (Duration, bool) {
        let (leases, mut pause) = self.claim_due(work, busy, room, expects_more).await;
        let was_full = leases.len() as u64 >= room;
        for lease in leases {
            // The permit is acquired here and not in the task, so that the next claim counts the permit as used. This
            // may fail, because work on demand may have acquired the last permit.
            let permit = self.permits_at(W::provider(&lease)).try_acquire_owned();
            if !permit.is_ok_and(|permit| work.start(&lease, permit)) {
                work.give_back(&lease).await;
                pause = OTHERS_ARE_FASTER;
            }
        }
        (pause, was_full)
    }

    /// Claims due work. First queries whether anything is due, because a claim is a write transaction. Skips the query
    /// if `expects_more`.
    async fn claim_due<W: Work>(
        &self,
        work: &W,
        busy: &[ProviderName],
        room: u64,
        expects_more: bool,
    ) -> (Vec<W::Lease>, Duration) {
        let idle = if expects_more {
            Ok(Some(Duration::ZERO))
        } else {
            work.idle_for(busy).await
        };
        let claimed = match idle {
            Ok(Some(Duration::ZERO)) => match self.held_back() {
                None => work.claim(room, busy).await,
                Some(pause) => return (Vec::new(), pause),
            },
            Ok(idle) => return (Vec::new(), idle.unwrap_or(LONGEST_IDLE)),
            Err(error) => Err(error),
        };
        match claimed {
            Ok(claimed) if claimed.is_empty() && !expects_more => (claimed, OTHERS_ARE_FASTER),
            Ok(claimed) => (claimed, Duration::ZERO),
            Err(error) => {
                self.note(&error);
                let (what, error) = (W::NAME, &error as &dyn Error);
                tracing::error!(what, error, "due work could not be read");
                (Vec::new(), STORE_PAUSE)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_store_holds_claims_back() {
        let scheduler = WorkScheduler::new(1);
        for not_failed in [
            StoreError::Busy("the row is locked".into()),
            StoreError::Corrupt("a bit is wrong".into()),
            StoreError::Conflict,
        ] {
            scheduler.note(&not_failed);
            assert_eq!(scheduler.held_back(), None, "{not_failed:?}");
        }
        scheduler.note(&StoreError::Unavailable("the disk is full".into()));
        assert!(scheduler.held_back().is_some());
    }
}
