//! Drives what happens by itself: polls of providers, purges. No rules here: the domain says what is due, what an
//! answer means and when to come back.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Broker, Outcome};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Links claimed in one transaction.
const BATCH: u64 = 100;
/// Questions to one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 16;
/// The store is asked for due work at least this often: another process may have added some.
const LONGEST_IDLE: Duration = Duration::from_secs(1);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How often ended links are forgotten.
const PURGE_EVERY: Duration = Duration::from_secs(300);
/// Work under way gets this long to finish after the signal to stop: a provider call and its recording.
const GRACE: Duration = Duration::from_secs(20);

/// Tells everything that runs to stop; all clones see it.
pub(crate) type Stop = watch::Receiver<bool>;

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

/// Forgets what has ended long ago, until told to stop.
pub(crate) async fn purge(broker: Arc<Broker>, mut stop: Stop) {
    while !*stop.borrow() {
        match broker.purge_links(BATCH).await {
            Ok(BATCH) => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "ended links could not be purged"
                );
            }
        }
        tokio::select! {
            () = sleep(PURGE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Listens from now on for the signal to end (SIGTERM, or Ctrl-C at a terminal); the future completes with it.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
