//! Polls of providers for the links that wait for consent.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Link, LinkId};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Outcome, Redeemer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::flights::Flights;
use super::pump::{Pump, Work};
use super::{ATTEMPTS_PER_LINE, STORE_PAUSE, Stop};

/// Concurrent polls per provider.
const MOST_PER_PROVIDER: usize = 16;

/// Polls providers for the links that wait for consent, until told to stop; then finishes polls in progress within
/// `grace`. Returns whether everything was recorded.
pub(crate) async fn coordinate(redeemer: Arc<Redeemer>, stop: Stop, grace: Duration) -> bool {
    let polls = Polls {
        redeemer,
        pump: Arc::new(Pump::new(MOST_PER_PROVIDER)),
        flights: Flights::default(),
    };
    polls.pump.run(&polls, stop).await;
    // Dropped last, because dropping it ends all flights.
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
    pump: Arc<Pump>,
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

    /// If this process is still working on the link, the device code may have been redeemed: for example the machine
    /// was suspended, and the lease expired meanwhile. Then the link is due again once the new lease has expired too.
    fn start(&self, link: &Link, place: OwnedSemaphorePermit) -> bool {
        let (redeemer, pump) = (Arc::clone(&self.redeemer), Arc::clone(&self.pump));
        let link = link.clone();
        self.flights.start(link.id, async move {
            if redeemer.holds_lease(&link) {
                // At the highest level, like that of a request.
                let span =
                    tracing::error_span!("link", link = link.id.0, provider = %link.provider);
                see_through(&redeemer, link).instrument(span).await;
            }
            pump.free(place);
        })
    }
}

/// Polls and records until the link has no further step under this lease.
async fn see_through(redeemer: &Redeemer, link: Link) {
    let mut next = Some(link);
    while let Some(link) = next {
        let outcome = redeemer.advance(&link).await;
        next = record(redeemer, &link, &outcome).await;
    }
}

/// Records an outcome, repeatedly while the store is unavailable: it may hold tokens that exist nowhere else.
pub(super) async fn record(redeemer: &Redeemer, link: &Link, outcome: &Outcome) -> Option<Link> {
    let mut attempts = 0_u64;
    loop {
        match redeemer.record(link, outcome).await {
            Ok(next) => return next,
            Err(StoreError::Unavailable(error) | StoreError::Busy(error)) => {
                if attempts.is_multiple_of(ATTEMPTS_PER_LINE.into()) {
                    let error = &*error as &dyn Error;
                    tracing::error!(link = link.id.0, error, "not recorded yet");
                }
                attempts += 1;
                sleep(STORE_PAUSE).await;
            }
            Err(StoreError::Conflict) => {
                tracing::debug!(link = link.id.0, "the link has changed meanwhile");
                return None;
            }
            Err(error) => {
                tracing::error!(
                    link = link.id.0,
                    error = &error as &dyn Error,
                    "not recorded"
                );
                return None;
            }
        }
    }
}
