//! Implements the [`Clock`] port with the operating system's clock.

use std::time::{Duration, SystemTime};

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;
use rustix::time::{ClockId, clock_gettime};

/// The operating system's clock. The clock can be set back, so compute differences with [`Timestamp::since`], which is
/// never negative.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        let epoch = Timestamp::from_millis(0);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => epoch + after,
            Err(before) => epoch - before.duration(),
        }
    }

    /// `CLOCK_BOOTTIME` continues while the machine is suspended; `CLOCK_MONOTONIC` does not.
    fn uptime(&self) -> Duration {
        clock_gettime(ClockId::Boottime)
            .try_into()
            .unwrap_or_default()
    }
}
