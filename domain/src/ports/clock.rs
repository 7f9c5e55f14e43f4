use std::time::Duration;

use crate::time::Timestamp;

/// Tells the time. The domain reads no other clock.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns how long this machine has been running, including suspended time. Timeouts use this clock, because
    /// nobody can set it. Only differences between two readings are meaningful.
    fn uptime(&self) -> Duration;
}
