//! Counts accounts periodically, never because of a request.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{Census, CensusStore, Clock};
use tokio::time::Instant;

use super::{Stop, pause};

/// The shortest pause between two counts.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
/// The minimum pause as a multiple of the duration of the last count. A count scans all accounts. With this pause,
/// counting keeps one connection busy for at most 1 % of the time.
const PAUSE_PER_CENSUS: u32 = 100;

/// Counts accounts until told to stop. Passes each census, its time and its duration to `report`.
pub(crate) async fn take_census(
    store: Arc<dyn CensusStore>,
    clock: Arc<dyn Clock>,
    mut stop: Stop,
    report: impl Fn(&Census, Timestamp, Duration) + Send + Sync,
) {
    while !*stop.borrow() {
        let (started, now) = (Instant::now(), clock.now());
        let census = tokio::select! {
            census = store.census(now) => census,
            _ = stop.changed() => return,
        };
        let took = started.elapsed();
        match census {
            Ok(census) => report(&census, now, took),
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, "accounts could not be counted");
            }
        }
        pause((took * PAUSE_PER_CENSUS).max(SHORTEST_PAUSE), &mut stop).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use async_trait::async_trait;
    use central_oauth_domain::ports::StoreError;
    use central_oauth_domain::testing::{FixedClock, MemoryStore};
    use tokio::sync::{mpsc, watch};
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// A permanently locked database.
    struct Locked;

    #[async_trait]
    impl CensusStore for Locked {
        async fn census(&self, _: Timestamp) -> Result<Census, StoreError> {
            pending().await
        }
    }

    #[tokio::test]
    async fn figures_are_told_at_once_and_counting_ends_when_told_to() {
        let (stop, stopped) = watch::channel(false);
        let (sender, mut figures) = mpsc::unbounded_channel();
        let clock = Arc::new(FixedClock::default());
        let now = clock.now();
        let counting = take_census(
            Arc::new(MemoryStore::default()),
            clock,
            stopped,
            move |census, at, _| sender.send((census.clone(), at)).unwrap(),
        );
        let counting = tokio::spawn(counting);
        let first = timeout(SOON, figures.recv()).await.unwrap();
        assert_eq!(first, Some((Census::default(), now)));
        stop.send_replace(true);
        timeout(SOON, counting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_store_that_never_answers_holds_up_no_end() {
        let (stop, stopped) = watch::channel(false);
        let clock = Arc::new(FixedClock::default());
        let counting = take_census(Arc::new(Locked), clock, stopped, |_, _, _| {});
        let counting = tokio::spawn(counting);
        stop.send_replace(true);
        timeout(SOON, counting).await.unwrap().unwrap();
    }
}
