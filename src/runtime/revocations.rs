//! Revokes tokens: at once on request, and again until the provider confirms.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::grant::revocation::{RevocationId, RevocationLease, RevocationResult};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{RevokeOnDemand, Revoker};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::deadline::Deadline;
use super::flights::Flights;
use super::pump::{Pump, Work};
use super::{ATTEMPTS_PER_LINE, STORE_PAUSE, Stop};

/// Concurrent revocations per provider.
const MOST_PER_PROVIDER: usize = 8;
/// Attempts to record a result. Afterwards the lease expires and the provider is asked again, which does no harm.
const TRIES: u32 = 10;

/// All revocations of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    revoker: Arc<Revoker>,
    pump: Pump,
    flights: Flights<RevocationId>,
}

#[async_trait]
impl RevokeOnDemand for Outbox {
    async fn revoke(&self, lease: RevocationLease, timeout: Duration) {
        let id = lease.revocation.id;
        let landed = self
            .0
            .flights
            .join(id, || Arc::clone(&self.0).see_to(lease));
        // Whether it has ended or the timeout has expired: the store has the result.
        let clock = self.0.revoker.clock();
        Deadline::after(clock, timeout).wait(landed.wait()).await;
    }
}

impl Outbox {
    pub(crate) fn new(revoker: Arc<Revoker>) -> Self {
        Self(Arc::new(Inner {
            revoker,
            pump: Pump::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
        }))
    }

    /// Revokes due tokens, until told to stop.
    pub(crate) async fn work_off(self, stop: Stop) {
        self.0.pump.run(&self, stop).await;
    }

    /// Waits for revocations in progress, within `grace`. Those that are not confirmed are retried after the next
    /// start.
    pub(crate) async fn finish(self, grace: Duration) {
        let _ = timeout(grace, self.0.flights.finish()).await;
    }
}

#[async_trait]
impl Work for Outbox {
    type Lease = RevocationLease;

    const NAME: &'static str = "revocations";

    async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        self.0.revoker.idle_for(busy).await
    }

    async fn claim(
        &self,
        room: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError> {
        self.0.revoker.claim_due(room, busy).await
    }

    fn provider(lease: &RevocationLease) -> &ProviderName {
        &lease.revocation.provider
    }

    fn start(&self, lease: &RevocationLease, place: OwnedSemaphorePermit) -> bool {
        let (inner, lease) = (Arc::clone(&self.0), lease.clone());
        self.0.flights.start(lease.revocation.id, async move {
            inner.see_through(&lease, place).await;
        })
    }
}

impl Inner {
    async fn see_to(self: Arc<Self>, lease: RevocationLease) {
        let places = self.pump.places_at(&lease.revocation.provider);
        // The semaphore is never closed.
        if let Ok(place) = places.acquire_owned().await {
            self.see_through(&lease, place).await;
        }
    }

    async fn see_through(&self, lease: &RevocationLease, place: OwnedSemaphorePermit) {
        let (revocation, provider) = (lease.revocation.id.0, &lease.revocation.provider);
        // At the highest level, like that of a request.
        let span = tracing::error_span!("revocation", revocation, %provider);
        let attempt = async {
            let result = self.revoker.attempt(lease).await;
            self.record(lease, result.as_ref()).await;
        };
        attempt.instrument(span).await;
        self.pump.free(place);
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
