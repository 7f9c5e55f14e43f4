//! Polls of providers for the links that wait for consent.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Broker, Outcome};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{BATCH, GRACE, LONGEST_IDLE, STORE_PAUSE, Stop};

/// Questions to one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 16;

/// Polls providers for the links that wait for consent, until told to stop; then finishes what is under way.
/// Returns whether everything was recorded.
pub(crate) async fn coordinate(broker: Arc<Broker>, mut stop: Stop) -> bool {
    let mut coordinator = Coordinator {
        broker,
        places: HashMap::new(),
        tasks: JoinSet::new(),
    };
    while !*stop.borrow() {
        while coordinator.tasks.try_join_next().is_some() {}
        let pause = coordinator.start_due().await;
        coordinator.rest(pause, &mut stop).await;
    }
    coordinator.finish().await
}

struct Coordinator {
    broker: Arc<Broker>,
    places: HashMap<ProviderName, Arc<Semaphore>>,
    tasks: JoinSet<()>,
}

impl Coordinator {
    /// Starts a task for each due link; how long nothing more is due then.
    async fn start_due(&mut self) -> Duration {
        let claimed = match self.broker.idle_for().await {
            // Only what is due is worth a write transaction.
            Ok(Some(Duration::ZERO)) => self.broker.claim_due_polls(BATCH).await,
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
        let places = self.places.entry(link.provider.clone());
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(MOST_PER_PROVIDER)));
        let (broker, places) = (Arc::clone(&self.broker), Arc::clone(places));
        self.tasks.spawn(async move {
            // Never closed; and a link whose lease ran out while it waited for a place is somebody else's now.
            let place = places.acquire_owned().await;
            if place.is_ok() && broker.holds_lease(&link) {
                see_through(&broker, link).await;
            }
        });
    }

    /// Waits until something may be due, a consent starts, or the signal to stop comes.
    async fn rest(&self, pause: Duration, stop: &mut Stop) {
        tokio::select! {
            () = sleep(pause.min(LONGEST_IDLE)) => {}
            () = self.broker.consent_started() => {}
            _ = stop.changed() => {}
        }
    }

    async fn finish(mut self) -> bool {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        timeout(GRACE, all).await.is_ok()
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
