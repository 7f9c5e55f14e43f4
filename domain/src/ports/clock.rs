use std::time::Duration;

use crate::time::Timestamp;

/// Tells the time. The domain reads no other clock.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns how long this machine has been running, including the time in which it was suspended. Nobody can set
    /// this clock, so it measures timeouts. Only differences have a meaning.
    fn uptime(&self) -> Duration;
}
