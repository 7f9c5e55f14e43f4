//! One deadline for a call of the port.

use std::time::Duration;

use central_oauth_domain::ports::{Clock, ProviderError};
use tokio::time::{Instant, timeout_at};

/// The deadline of a call. Discovery, fetching keys and the request itself share it.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    /// The same in uptime, which continues while the machine is suspended; `Instant` does not.
    uptime: Duration,
}

impl Deadline {
    /// Starts a call with this timeout.
    pub(crate) fn after(timeout: Duration, clock: &dyn Clock) -> Self {
        Self {
            at: Instant::now() + timeout,
            uptime: clock.uptime() + timeout,
        }
    }

    /// Returns half of the remaining time, for an optional step.
    pub(crate) fn half(self) -> Self {
        let half = self.at.saturating_duration_since(Instant::now()) / 2;
        Self {
            at: self.at - half,
            uptime: self.uptime.saturating_sub(half),
        }
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self, clock: &dyn Clock) -> bool {
        Instant::now() >= self.at || clock.uptime() >= self.uptime
    }

    /// Runs `step` with the remaining time as timeout.
    pub(crate) async fn bound<T>(self, step: impl Future<Output = T>) -> Result<T, ProviderError> {
        timeout_at(self.at, step)
            .await
            .map_err(|_| ProviderError::Unavailable {
                detail: "no response in time".to_owned(),
                retry_after: None,
            })
    }
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::testing::FixedClock;

    use super::*;

    #[test]
    fn suspended_time_counts() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(Duration::from_secs(10), &clock);
        // `Instant` stands still while the machine is suspended.
        clock.advance(Duration::from_secs(5));
        assert!(!deadline.is_over(&clock));
        clock.advance(Duration::from_secs(1));
        assert!(deadline.half().is_over(&clock) && !deadline.is_over(&clock));
        clock.advance(Duration::from_secs(4));
        assert!(deadline.is_over(&clock));
    }

    #[test]
    fn setting_the_clock_changes_nothing() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(Duration::from_secs(10), &clock);
        clock.set(central_oauth_domain::Timestamp::from_millis(i64::MAX));
        assert!(!deadline.half().is_over(&clock));
    }
}
