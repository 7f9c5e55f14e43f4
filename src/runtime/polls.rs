//! Polls of providers for the links that wait for consent.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Broker, Outcome};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::places::Places;
use super::{GRACE, LONGEST_IDLE, STORE_PAUSE, Stop};

/// Questions to one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 16;

/// Polls providers for the links that wait for consent, until told to stop; then finishes what is under way.
/// Returns whether everything was recorded.
pub(crate) async fn coordinate(broker: Arc<Broker>, mut stop: Stop) -> bool {
    let mut coordinator = Coordinator {
        broker,
        places: Places::new(MOST_PER_PROVIDER),
        tasks: JoinSet::new(),
    };
    while !*stop.borrow() {
        let (busy, room) = coordinator.places.room();
        let pause = coordinator.start_due(&busy, room).await;
        tokio::select! {
            () = sleep(pause.min(LONGEST_IDLE)) => {}
            Some(ended) = coordinator.tasks.join_next() => told(ended),
            _ = stop.changed() => {}
        }
    }
    coordinator.finish().await
}

struct Coordinator {
    broker: Arc<Broker>,
    places: Places,
    tasks: JoinSet<()>,
}

impl Coordinator {
    /// Starts a task for each due link that there is room for; how long nothing more is due then.
    async fn start_due(&mut self, busy: &[ProviderName], room: u64) -> Duration {
        let claimed = match self.broker.idle_for(busy).await {
            // Only what is due is worth a write transaction.
            Ok(Some(Duration::ZERO)) => self.broker.claim_due_polls(room, busy).await,
            Ok(idle) => return idle.unwrap_or(LONGEST_IDLE),
            Err(error) => Err(error),
        };
        match claimed {
            Ok(links) => {
                links.into_iter().for_each(|link| self.start(link));
                Duration::ZERO
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "due links could not be read");
                STORE_PAUSE
            }
        }
    }

    fn start(&mut self, link: Link) {
        // Taken here, so that the next look around sees it taken; there was room when the link was claimed.
        let place = self.places.at(&link.provider).try_acquire_owned();
        let broker = Arc::clone(&self.broker);
        self.tasks.spawn(async move {
            if place.is_ok() && broker.holds_lease(&link) {
                see_through(&broker, link).await;
            }
        });
    }

    async fn finish(mut self) -> bool {
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                told(ended);
            }
        };
        timeout(GRACE, all).await.is_ok()
    }
}

/// A task that panicked leaves its link to the next lease.
fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(
            error = &error as &dyn Error,
            "a link could not be seen through"
        );
    }
}

/// Asks and records until the link has nothing more to do under this lease.
async fn see_through(broker: &Broker, link: Link) {
    let mut next = Some(link);
    while let Some(link) = next {
        let outcome = broker.advance(&link).await;
        next = record(broker, &link, &outcome).await;
    }
}

/// Records an outcome, for as long as the store is away: it may hold tokens that exist nowhere else.
async fn record(broker: &Broker, link: &Link, outcome: &Outcome) -> Option<Link> {
    loop {
        match broker.record(link, outcome).await {
            Ok(next) => return next,
            Err(StoreError::Unavailable(error)) => {
                tracing::error!(
                    link = link.id.0,
                    error = &*error as &dyn Error,
                    "not recorded yet"
                );
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
