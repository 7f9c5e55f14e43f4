//! Revocations: at once when somebody asks, and again until the provider confirms.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::grant::revocation::{RevocationId, RevocationLease, RevocationResult};
use central_oauth_domain::usecases::{RevokeOnDemand, Revoker};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::due::due;
use super::flights::Flights;
use super::patience::Patience;
use super::places::Places;
use super::recovery::Recovery;
use super::{ATTEMPTS_PER_LINE, LONGEST_IDLE, STORE_PAUSE, Stop};

/// Revocations at one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 8;
/// Attempts to record what came of it; afterwards the lease lapses, and it is asked again, which does no harm.
const TRIES: u32 = 10;

/// All revocations of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    revoker: Arc<Revoker>,
    places: Places,
    flights: Flights<RevocationId>,
    /// A place has become free.
    landed: Notify,
    recovery: Recovery,
}

#[async_trait]
impl RevokeOnDemand for Outbox {
    async fn revoke(&self, lease: RevocationLease, patience: Duration) {
        let id = lease.revocation.id;
        let landed = self
            .0
            .flights
            .join(id, || Arc::clone(&self.0).see_to(lease));
        // Whether it has landed or the patience is at an end: the store says how things are.
        let clock = self.0.revoker.clock();
        Patience::new(clock, patience).wait(landed.wait()).await;
    }
}

impl Outbox {
    pub(crate) fn new(revoker: Arc<Revoker>) -> Self {
        Self(Arc::new(Inner {
            revoker,
            places: Places::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
            landed: Notify::new(),
            recovery: Recovery::default(),
        }))
    }

    /// Revokes what is due, until told to stop.
    pub(crate) async fn work_off(self, mut stop: Stop) {
        while !*stop.borrow() {
            let (busy, room) = self.0.places.room();
            let pause = self.0.start_due(&busy, room).await;
            tokio::select! {
                () = sleep(pause.min(LONGEST_IDLE)) => {}
                () = self.0.landed.notified(), if !busy.is_empty() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Waits for what is under way, within `grace`: what is not confirmed is asked again after the next start.
    pub(crate) async fn finish(self, grace: Duration) {
        let _ = timeout(grace, self.0.flights.finish()).await;
    }
}

impl Inner {
    /// Starts what is due; how long nothing more is due then.
    async fn start_due(self: &Arc<Self>, busy: &[ProviderName], room: u64) -> Duration {
        let idle = self.revoker.idle_for(busy);
        let claim = self.revoker.claim_due(room, busy);
        let (leases, idle) = due("revocations", &self.recovery, idle, claim).await;
        leases.into_iter().for_each(|lease| self.start(lease));
        idle
    }

    fn start(self: &Arc<Self>, lease: RevocationLease) {
        let (inner, id) = (Arc::clone(self), lease.revocation.id);
        // Taken here, so that the next look around sees it taken.
        let place = self.places.at(&lease.revocation.provider);
        let place = place.try_acquire_owned();
        self.flights.start(id, async move {
            // Without a place, which somebody who asked has taken in between, it is due again when the lease lapses.
            if let Ok(place) = place {
                inner.see_through(&lease, place).await;
            }
        });
    }

    async fn see_to(self: Arc<Self>, lease: RevocationLease) {
        let places = self.places.at(&lease.revocation.provider);
        // Never closed.
        if let Ok(place) = places.acquire_owned().await {
            self.see_through(&lease, place).await;
        }
    }

    async fn see_through(&self, lease: &RevocationLease, place: OwnedSemaphorePermit) {
        let (revocation, provider) = (lease.revocation.id.0, &lease.revocation.provider);
        // At the highest level, as that of a request is.
        let span = tracing::error_span!("revocation", revocation, %provider);
        let attempt = async {
            let result = self.revoker.attempt(lease).await;
            self.record(lease, result.as_ref()).await;
        };
        attempt.instrument(span).await;
        drop(place);
        self.landed.notify_one();
    }

    async fn record(&self, lease: &RevocationLease, result: Option<&RevocationResult>) {
        for attempt in 0..TRIES {
            let Err(error) = self.revoker.record(lease, result).await else {
                return;
            };
            if attempt.is_multiple_of(ATTEMPTS_PER_LINE) {
                let (revocation, error) = (lease.revocation.id.0, &error as &dyn Error);
                tracing::error!(revocation, error, "a revocation is not recorded yet");
            }
            sleep(STORE_PAUSE).await;
        }
    }
}
