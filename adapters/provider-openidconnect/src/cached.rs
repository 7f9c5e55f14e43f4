//! A cache for the provider's metadata and signing keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use central_oauth_domain::ports::{Clock, ProviderError};
use tokio::sync::{Mutex, MutexGuard};

use crate::deadline::Deadline;

/// How long a fetched value is fresh.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// Minimum time between two attempts to replace a stale value.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// How long a caller waits for the replacement of a stale value that may still work. The lease of a refresh outlasts
/// the provider call by twice this time, so the refresh is sent while its lease is valid.
const WAIT: Duration = Duration::from_millis(2500);
/// A value younger than this is not fetched again on demand.
const MIN_AGE: Duration = Duration::from_secs(10);

/// A value that is fetched when it is first needed. Concurrent callers share one fetch and its failure. Failures are
/// not cached. A stale value stays in use until a fetch succeeds.
pub(crate) struct Cached<T> {
    clock: Arc<dyn Clock>,
    slot: Mutex<Slot<T>>,
    failures: AtomicU64,
}

struct Slot<T> {
    held: Option<Held<T>>,
    last_failure: Option<ProviderError>,
}

/// A cached value. Its times are uptimes, so setting the clock back does not extend them.
struct Held<T> {
    value: Arc<T>,
    fetched_at: Duration,
    stale_at: Duration,
    /// Whether a caller has reported that the value seems outdated.
    is_suspect: bool,
}

impl<T> Held<T> {
    /// Whether the value is younger than `MIN_AGE`.
    fn is_young(&self, now: Duration) -> bool {
        now < self.fetched_at + MIN_AGE
    }
}

impl<T> Cached<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            slot: Mutex::new(Slot {
                held: None,
                last_failure: None,
            }),
            failures: AtomicU64::new(0),
        }
    }

    /// Returns the value. The first caller that finds it stale fetches a new one, for at most half of its own timeout,
    /// and for at most `WAIT` unless the value is suspect. The fetch holds no lock, so other callers use the stale
    /// value meanwhile.
    pub(crate) async fn get(
        &self,
        deadline: Deadline,
        fetch: impl AsyncFnOnce(Deadline) -> Result<T, ProviderError>,
    ) -> Result<Arc<T>, ProviderError> {
        let failures = self.failures.load(Ordering::Relaxed);
        let mut slot = deadline.bound(self.slot.lock()).await?;
        let now = self.clock.uptime();
        match &mut slot.held {
            Some(held) if now < held.stale_at => Ok(Arc::clone(&held.value)),
            Some(held) => {
                held.stale_at = now + RETRY_AFTER;
                let (old, half) = (Arc::clone(&held.value), deadline.half());
                let is_suspect = held.is_suspect;
                drop(slot);
                let within = if is_suspect { half } else { half.at_most(WAIT) };
                match fetch(within).await {
                    Ok(value) => Ok(self.slot.lock().await.set(value, now)),
                    Err(_) => Ok(old),
                }
            }
            None => match slot.last_failure.clone() {
                Some(error) if self.failures.load(Ordering::Relaxed) != failures => Err(error),
                _ => self.fill(slot, fetch(deadline).await),
            },
        }
    }

    /// Marks a value that seems outdated as stale, so that the next caller fetches it again. Does nothing if the value
    /// is younger than `MIN_AGE`.
    pub(crate) async fn expire(&self) {
        let mut slot = self.slot.lock().await;
        let now = self.clock.uptime();
        if let Some(held) = &mut slot.held
            && !held.is_young(now)
        {
            held.stale_at = held.stale_at.min(now);
            held.is_suspect = true;
        }
    }

    /// Fetches the value again, because the cached value did not work. Returns the cached value if it is younger than
    /// `MIN_AGE`.
    pub(crate) async fn renew(
        &self,
        deadline: Deadline,
        fetch: impl AsyncFnOnce(Deadline) -> Result<T, ProviderError>,
    ) -> Result<Arc<T>, ProviderError> {
        let slot = deadline.bound(self.slot.lock()).await?;
        match &slot.held {
            Some(held) if held.is_young(self.clock.uptime()) => Ok(Arc::clone(&held.value)),
            _ => self.fill(slot, fetch(deadline).await),
        }
    }

    fn fill(
        &self,
        mut slot: MutexGuard<'_, Slot<T>>,
        fetched: Result<T, ProviderError>,
    ) -> Result<Arc<T>, ProviderError> {
        match fetched {
            Ok(value) => Ok(slot.set(value, self.clock.uptime())),
            Err(error) => {
                slot.last_failure = Some(error.clone());
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

impl<T> Slot<T> {
    fn set(&mut self, value: T, now: Duration) -> Arc<T> {
        let value = Arc::new(value);
        self.held = Some(Held {
            value: Arc::clone(&value),
            fetched_at: now,
            stale_at: now + KEPT_FOR,
            is_suspect: false,
        });
        value
    }
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::clock_step::LEASE_MARGIN;
    use central_oauth_domain::testing::FixedClock;
    use tokio::time::Instant;

    use super::*;

    async fn hang(deadline: Deadline) -> Result<u8, ProviderError> {
        deadline.bound(std::future::pending()).await?
    }

    /// Requests the value while the provider hangs. Returns the value (0 on failure) and how long the request took.
    async fn waited(cached: &Cached<u8>, timeout: Duration) -> (u8, Duration) {
        let began = Instant::now();
        let deadline = Deadline::after(timeout, &*cached.clock);
        let value = cached.get(deadline, hang).await.ok();
        (value.map_or(0, |value| *value), began.elapsed())
    }

    #[tokio::test]
    async fn who_needs_an_old_value_waits_less_than_a_lease_outlasts_a_call() {
        let clock = Arc::new(FixedClock::default());
        let cached = Cached::new(clock.clone());
        let deadline = Deadline::after(RETRY_AFTER, &*clock);
        let fetched = cached.get(deadline, async |_| Ok(7)).await;
        assert_eq!(fetched.ok().as_deref(), Some(&7));

        clock.advance(KEPT_FOR);
        let (value, waited_for) = waited(&cached, RETRY_AFTER).await;
        assert!(value == 7 && waited_for < LEASE_MARGIN, "{waited_for:?}");

        // After a value was marked as unusable, a caller waits longer than `WAIT` for its replacement.
        cached.expire().await;
        let (value, waited_for) = waited(&cached, WAIT * 4).await;
        assert!(value == 7 && waited_for >= WAIT * 2, "{waited_for:?}");
    }
}
