//! Polls of providers for the links that wait for consent.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Link, LinkId};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{RedeemResult, Redeemer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::flights::Flights;
use super::scheduler::{Work, WorkScheduler};
use super::{Stop, record_repeatedly};

/// Concurrent polls per provider.
const MOST_PER_PROVIDER: usize = 16;

/// Polls providers for the links that wait for consent, until told to stop; then finishes polls in progress within
/// `grace`. Returns whether everything was recorded.
pub(crate) async fn coordinate(redeemer: Arc<Redeemer>, stop: Stop, grace: Duration) -> bool {
    let polls = Polls {
        redeemer,
        scheduler: Arc::new(WorkScheduler::new(MOST_PER_PROVIDER)),
        flights: Flights::default(),
    };
    polls.scheduler.run(&polls, stop).await;
    // This future is kept until the function ends, because dropping the future aborts all flights.
    let mut all_landed = pin!(polls.flights.finish());
    let is_recorded = timeout(grace, &mut all_landed).await.is_ok();
    for link in polls.flights.running(|()| true) {
        tracing::error!(
            link = link.0,
            "stopping before the provider's answer for a link was saved; the person may have to link again"
        );
    }
    is_recorded
}

struct Polls {
    redeemer: Arc<Redeemer>,
    scheduler: Arc<WorkScheduler>,
    flights: Flights<LinkId>,
}

#[async_trait]
impl Work for Polls {
    type Lease = Link;

    const NAME: &'static str = "polls";

    async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        self.redeemer.idle_for(busy).await
    }

    async fn claim(&self, room: u64, busy: &[ProviderName]) -> Result<Vec<Link>, StoreError> {
        self.redeemer.claim_due(room, busy).await
    }

    fn provider(link: &Link) -> &ProviderName {
        &link.provider
    }

    /// Starts a flight for the link, unless an earlier flight for the link is still running. That happens if its lease
    /// expires while the machine is suspended. The earlier flight may have redeemed the device code. The link is due
    /// again when the new lease expires.
    fn start(&self, link: &Link, permit: OwnedSemaphorePermit) -> bool {
        let (redeemer, scheduler) = (Arc::clone(&self.redeemer), Arc::clone(&self.scheduler));
        let link = link.clone();
        self.flights.start(link.id, async move {
            if redeemer.holds_lease(&link) {
                // An `ERROR` span, like that of a request, so that no log level hides it.
                let span =
                    tracing::error_span!("link", link = link.id.0, provider = %link.provider);
                poll_and_record(&redeemer, link).instrument(span).await;
            }
            scheduler.free(permit);
        })
    }
}

/// Polls and records until the link has no further step under this lease.
async fn poll_and_record(redeemer: &Redeemer, link: Link) {
    let mut next = Some(link);
    while let Some(link) = next {
        let result = redeemer.advance(&link).await;
        next = record(redeemer, &link, &result).await;
    }
}

/// Records a result, and retries while the store is unavailable: the result may contain tokens that exist nowhere else.
pub(super) async fn record(
    redeemer: &Redeemer,
    link: &Link,
    result: &RedeemResult,
) -> Option<Link> {
    let id = link.id.0;
    let may_retry = |error: &StoreError, is_logged: bool| match error {
        StoreError::Unavailable(cause) | StoreError::Busy(cause) => {
            if is_logged {
                tracing::error!(
                    link = id,
                    error = &**cause as &dyn Error,
                    "a poll is not recorded yet"
                );
            }
            true
        }
        StoreError::Conflict => {
            tracing::debug!(link = id, "the link has changed meanwhile");
            false
        }
        error => {
            tracing::error!(
                link = id,
                error = error as &dyn Error,
                "a poll cannot be recorded"
            );
            false
        }
    };
    let record = || redeemer.record_result(link, result);
    record_repeatedly(u32::MAX, record, may_retry).await?
}
