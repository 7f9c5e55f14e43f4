//! Accounts are counted now and then, never because somebody looks.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{Census, CensusStore, Clock};
use tokio::time::{Instant, sleep};

use super::Stop;

/// Grants that die within this time are counted.
const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody looks more often than that.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
/// A census passes over all accounts: it takes up a hundredth of one connection's time at the most.
const PAUSE_PER_CENSUS: u32 = 100;

/// Counts until told to stop, and tells the figures, when they were true and how long that took.
pub(crate) async fn take_census(
    store: Arc<dyn CensusStore>,
    clock: Arc<dyn Clock>,
    mut stop: Stop,
    tell: impl Fn(&Census, Timestamp, Duration) + Send + Sync,
) {
    while !*stop.borrow() {
        let (started, now) = (Instant::now(), clock.now());
        let census = tokio::select! {
            census = store.census(now + HORIZON) => census,
            _ = stop.changed() => return,
        };
        let took = started.elapsed();
        match census {
            Ok(census) => tell(&census, now, took),
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, "accounts could not be counted");
            }
        }
        tokio::select! {
            () = sleep((took * PAUSE_PER_CENSUS).max(SHORTEST_PAUSE)) => {}
            _ = stop.changed() => {}
        }
    }
}
