//! Revokes tokens: at once on request, and with retries until the provider confirms.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::grant::revocation::{RevocationId, RevocationLease, RevocationResult};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{RevokeOnDemand, Revoker};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::deadline::Deadline;
use super::flights::Flights;
use super::scheduler::{Work, WorkScheduler};
use super::{Stop, record_repeatedly};

/// Concurrent revocations per provider.
const MOST_PER_PROVIDER: usize = 8;
/// Attempts to record a result. After the last one, the lease expires and the tokens are revoked again, which is
/// harmless.
const TRIES: u32 = 10;

/// All revocations of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    revoker: Arc<Revoker>,
    scheduler: WorkScheduler,
    flights: Flights<RevocationId>,
}

#[async_trait]
impl RevokeOnDemand for Outbox {
    async fn revoke(&self, lease: RevocationLease, timeout: Duration) {
        let id = lease.revocation.id;
        let landed = self
            .0
            .flights
            .join(id, || Arc::clone(&self.0).run_on_demand(lease));
        // The output is ignored: the caller reads the result from the store.
        let clock = self.0.revoker.clock();
        Deadline::after(clock, timeout).wait(landed.wait()).await;
    }
}

impl Outbox {
    pub(crate) fn new(revoker: Arc<Revoker>) -> Self {
        Self(Arc::new(Inner {
            revoker,
            scheduler: WorkScheduler::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
        }))
    }

    /// Revokes due tokens, until told to stop.
    pub(crate) async fn run(self, stop: Stop) {
        self.0.scheduler.run(&self, stop).await;
    }

    /// Waits for revocations in progress, within `grace`. Unconfirmed revocations are retried after the next start.
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

    fn start(&self, lease: &RevocationLease, permit: OwnedSemaphorePermit) -> bool {
        let (inner, lease) = (Arc::clone(&self.0), lease.clone());
        self.0.flights.start(lease.revocation.id, async move {
            inner.revoke_leased(&lease, permit).await;
        })
    }
}

impl Inner {
    async fn run_on_demand(self: Arc<Self>, lease: RevocationLease) {
        let permits = self.scheduler.permits_at(&lease.revocation.provider);
        // The semaphore is never closed.
        if let Ok(permit) = permits.acquire_owned().await {
            self.revoke_leased(&lease, permit).await;
        }
    }

    async fn revoke_leased(&self, lease: &RevocationLease, permit: OwnedSemaphorePermit) {
        let (revocation, provider) = (lease.revocation.id.0, &lease.revocation.provider);
        // An `ERROR` span, like that of a request, so that no log level hides it.
        let span = tracing::error_span!("revocation", revocation, %provider);
        let attempt = async {
            let result = self.revoker.attempt(lease).await;
            self.record(lease, result.as_ref()).await;
        };
        attempt.instrument(span).await;
        self.scheduler.free(permit);
    }

    async fn record(&self, lease: &RevocationLease, result: Option<&RevocationResult>) {
        let may_retry = |error: &StoreError, is_logged: bool| {
            if is_logged {
                let (revocation, error) = (lease.revocation.id.0, error as &dyn Error);
                tracing::error!(revocation, error, "a revocation is not recorded yet");
            }
            true
        };
        let record = || self.revoker.record_result(lease, result);
        record_repeatedly(TRIES, record, may_retry).await;
    }
}
