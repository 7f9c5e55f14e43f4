//! The [`Clock`] port on the clock of the operating system.

use std::time::{Duration, SystemTime};

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;
use rustix::time::{ClockId, clock_gettime};

/// The operating system's clock. It follows corrections of that clock, backwards ones too; whoever computes with two
/// readings uses [`Timestamp::since`], which knows no negative time.
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

    /// `CLOCK_BOOTTIME`, which goes on while the machine is suspended; `CLOCK_MONOTONIC` stands still meanwhile.
    fn uptime(&self) -> Duration {
        clock_gettime(ClockId::Boottime)
            .try_into()
            .unwrap_or_default()
    }
}
