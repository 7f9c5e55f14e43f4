use std::time::Duration;

use crate::time::Timestamp;

/// Tells the time; every decision about time uses it.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Returns how long this machine has been running, including the time in which it was suspended. Nobody can set
    /// this clock, so it measures timeouts. Only differences have a meaning.
    fn uptime(&self) -> Duration;
}
