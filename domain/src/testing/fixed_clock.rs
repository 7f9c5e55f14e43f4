//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::ports::Clock;
use crate::time::Timestamp;

/// A clock that a test controls. Clones share their time, so a test can keep a clone of a clock that it passes on.
#[derive(Debug, Clone)]
pub struct FixedClock {
    now: Arc<AtomicI64>,
    uptime: Arc<AtomicU64>,
}

impl FixedClock {
    /// Creates a clock with the time `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now: Arc::new(AtomicI64::new(now.as_millis())),
            uptime: Arc::default(),
        }
    }

    /// Sets the time, which may be in the past. The uptime does not change.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Advances the time and the uptime.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.uptime.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// Creates a clock with an arbitrary time in 2026.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_790_000_000_000))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime.load(Ordering::SeqCst))
    }
}
