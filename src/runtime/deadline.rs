//! Timeouts that include the time in which the machine is suspended. tokio's own timeouts do not: its clock stops then.

use std::pin::pin;
use std::time::Duration;

use central_oauth_domain::ports::Clock;
use tokio::time::{Instant, timeout};

/// The maximum delay with which an expired timeout is noticed after a suspension.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A running timeout.
pub(super) struct Deadline<'a> {
    clock: &'a dyn Clock,
    until: Instant,
    uptime: Duration,
}

impl<'a> Deadline<'a> {
    pub(super) fn after(clock: &'a dyn Clock, timeout: Duration) -> Self {
        Self {
            clock,
            until: Instant::now() + timeout,
            uptime: clock.uptime() + timeout,
        }
    }

    pub(super) fn left(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.min(self.uptime.saturating_sub(self.clock.uptime()))
    }

    /// Returns the output of the future, or `None` if the timeout expires first.
    pub(super) async fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let left = self.left();
            match timeout(left.min(LOOK_EVERY), &mut future).await {
                Ok(done) => return Some(done),
                Err(_) if left.is_zero() => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use central_oauth_domain::testing::FixedClock;

    use super::*;

    #[tokio::test]
    async fn ends_after_its_time() {
        let clock = FixedClock::default();
        let limit = Duration::from_millis(30);
        let deadline = Deadline::after(&clock, limit);
        let began = Instant::now();
        assert_eq!(deadline.wait(pending::<()>()).await, None);
        assert!(began.elapsed() >= limit);
        let deadline = Deadline::after(&clock, Duration::from_secs(14));
        assert_eq!(deadline.wait(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn time_in_which_the_machine_is_suspended_counts() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(&clock, Duration::from_secs(14));
        clock.advance(Duration::from_secs(3600));
        assert!(deadline.left().is_zero());
        assert_eq!(deadline.wait(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_changes_nothing() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(&clock, Duration::from_secs(14));
        clock.set(central_oauth_domain::Timestamp::from_millis(0));
        assert!(deadline.left() > Duration::from_secs(10));
    }
}
