//! Polls of providers for the links that wait for consent.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Link, LinkId};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Outcome, Redeemer};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::due::due;
use super::flights::Flights;
use super::places::Places;
use super::recovery::Recovery;
use super::{ATTEMPTS_PER_LINE, LONGEST_IDLE, STORE_PAUSE, Stop};

/// Questions to one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 16;

/// Polls providers for the links that wait for consent, until told to stop; then finishes what is under way, within `grace`.
/// Returns whether everything was recorded.
pub(crate) async fn coordinate(redeemer: Arc<Redeemer>, mut stop: Stop, grace: Duration) -> bool {
    let coordinator = Coordinator {
        redeemer,
        places: Places::new(MOST_PER_PROVIDER),
        flights: Flights::default(),
        landed: Arc::default(),
        recovery: Recovery::default(),
    };
    while !*stop.borrow() {
        let (busy, room) = coordinator.places.room();
        let pause = coordinator.start_due(&busy, room).await;
        tokio::select! {
            () = sleep(pause.min(LONGEST_IDLE)) => {}
            () = coordinator.landed.notified(), if !busy.is_empty() => {}
            _ = stop.changed() => {}
        }
    }
    // Kept until it is known what is left: dropping it ends all flights.
    let mut all_landed = pin!(coordinator.flights.finish());
    let is_recorded = timeout(grace, &mut all_landed).await.is_ok();
    for link in coordinator.flights.running() {
        tracing::error!(
            link = link.0,
            "stopping before the provider's answer for a link was saved; the person may have to link again"
        );
    }
    is_recorded
}

struct Coordinator {
    redeemer: Arc<Redeemer>,
    places: Places,
    flights: Flights<LinkId>,
    /// A place has become free.
    landed: Arc<Notify>,
    recovery: Recovery,
}

impl Coordinator {
    /// Starts a task for each due link that there is room for; how long nothing more is due then.
    async fn start_due(&self, busy: &[ProviderName], room: u64) -> Duration {
        let idle = self.redeemer.idle_for(busy);
        let claim = self.redeemer.claim_due(room, busy);
        let (links, idle) = due("polls", &self.recovery, idle, claim).await;
        links.into_iter().for_each(|link| self.start(link));
        idle
    }

    /// Starts to see a lease through. While this process has the link in hand already, the device code may have been
    /// redeemed: the machine was suspended, say, and the lease has lapsed over it. Then it is due again once this one
    /// has lapsed too.
    fn start(&self, link: Link) {
        // Taken here, so that the next look around sees it taken; there was room when the link was claimed.
        let Ok(place) = self.places.at(&link.provider).try_acquire_owned() else {
            return;
        };
        let (redeemer, landed) = (Arc::clone(&self.redeemer), Arc::clone(&self.landed));
        self.flights.start(link.id, async move {
            if redeemer.holds_lease(&link) {
                // At the highest level, as that of a request is.
                let span =
                    tracing::error_span!("link", link = link.id.0, provider = %link.provider);
                see_through(&redeemer, link).instrument(span).await;
            }
            drop(place);
            landed.notify_one();
        });
    }
}

/// Asks and records until the link has nothing more to do under this lease.
async fn see_through(redeemer: &Redeemer, link: Link) {
    let mut next = Some(link);
    while let Some(link) = next {
        let outcome = redeemer.advance(&link).await;
        next = record(redeemer, &link, &outcome).await;
    }
}

/// Records an outcome, for as long as the store is away: it may hold tokens that exist nowhere else.
pub(super) async fn record(redeemer: &Redeemer, link: &Link, outcome: &Outcome) -> Option<Link> {
    let mut attempts = 0_u64;
    loop {
        match redeemer.record(link, outcome).await {
            Ok(next) => return next,
            Err(StoreError::Unavailable(error)) => {
                if attempts.is_multiple_of(ATTEMPTS_PER_LINE.into()) {
                    let error = &*error as &dyn Error;
                    tracing::error!(link = link.id.0, error, "not recorded yet");
                }
                attempts += 1;
                sleep(STORE_PAUSE).await;
            }
            Err(StoreError::Conflict) => {
                tracing::debug!(link = link.id.0, "the link has moved on");
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
