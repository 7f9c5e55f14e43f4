//! How long somebody waits. Time in which the machine is suspended counts, though tokio's clock stands still meanwhile.

use std::pin::pin;
use std::time::Duration;

use central_oauth_domain::ports::Clock;
use tokio::time::{Instant, timeout};

/// How late the end of a wait is noticed at the most after the machine has been suspended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A wait that has begun.
pub(super) struct Patience<'a> {
    clock: &'a dyn Clock,
    until: Instant,
    uptime: Duration,
}

impl<'a> Patience<'a> {
    /// Begins a wait that may last this long.
    pub(super) fn new(clock: &'a dyn Clock, lasts: Duration) -> Self {
        Self {
            clock,
            until: Instant::now() + lasts,
            uptime: clock.uptime() + lasts,
        }
    }

    /// How much of it is left.
    pub(super) fn left(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.min(self.uptime.saturating_sub(self.clock.uptime()))
    }

    /// What the future gives, if it does so in time.
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
        let lasts = Duration::from_millis(30);
        let patience = Patience::new(&clock, lasts);
        let began = Instant::now();
        assert_eq!(patience.wait(pending::<()>()).await, None);
        assert!(began.elapsed() >= lasts);
        let patience = Patience::new(&clock, Duration::from_secs(14));
        assert_eq!(patience.wait(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn time_in_which_the_machine_is_suspended_counts() {
        let clock = FixedClock::default();
        let patience = Patience::new(&clock, Duration::from_secs(14));
        clock.advance(Duration::from_secs(3600));
        assert!(patience.left().is_zero());
        assert_eq!(patience.wait(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_changes_nothing() {
        let clock = FixedClock::default();
        let patience = Patience::new(&clock, Duration::from_secs(14));
        clock.set(central_oauth_domain::Timestamp::from_millis(0));
        assert!(patience.left() > Duration::from_secs(10));
    }
}
