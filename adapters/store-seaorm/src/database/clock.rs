use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;

/// Differences up to this many milliseconds are ignored, because leases last seconds longer than the work that they
/// cover.
const TOLERANCE_MS: u64 = 250;

/// This machine's clock, corrected by the clock of the database server, so that all replicas agree whether a lease has
/// expired. On SQLite, the clock is never corrected.
pub struct DatabaseClock {
    machine: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl DatabaseClock {
    /// Creates a clock that is not corrected yet.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let ahead_ms = AtomicI64::new(0);
        Self { machine, ahead_ms }
    }

    /// Returns the time of this machine without the correction.
    pub(crate) fn machine(&self) -> Timestamp {
        self.machine.now()
    }

    /// Corrects this clock by the server's time, which was read between the machine's times `asked` and `answered`.
    /// Returns the correction in milliseconds. Ignores the part of the difference that may result from a delay of the
    /// query, the response or this process.
    pub(crate) fn correct(&self, asked: Timestamp, server: i64, answered: Timestamp) -> i64 {
        let least = server.saturating_sub(answered.as_millis());
        let most = server.saturating_sub(asked.as_millis()).max(least);
        // Starts from the latest correction, which a concurrent call may have changed.
        let moved = |ahead: i64| {
            let right = ahead.clamp(least, most);
            (right.abs_diff(ahead) > TOLERANCE_MS).then_some(right)
        };
        let moving = self
            .ahead_ms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
        let drift = match moving {
            Ok(before) => before.clamp(least, most).saturating_sub(before),
            Err(_) => return 0,
        };
        tracing::warn!(
            drift_ms = drift,
            "this machine's clock differs from the database's; the database's clock is used"
        );
        drift
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::Relaxed);
        let machine = self.machine.now().as_millis();
        Timestamp::from_millis(machine.saturating_add(ahead))
    }

    fn uptime(&self) -> Duration {
        self.machine.uptime()
    }
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::testing::FixedClock;

    use super::*;

    #[test]
    fn follows_the_server_and_not_the_way_to_it() {
        let machine = Arc::new(FixedClock::new(Timestamp::from_millis(1_000_000)));
        let clock = DatabaseClock::new(machine);
        let now = || clock.now().as_millis();
        assert_eq!(now(), 1_000_000);
        let correct = |server| clock.correct(clock.machine(), server, clock.machine());
        assert_eq!(correct(1_000_200), 0);
        assert_eq!(now(), 1_000_000);
        assert_eq!(correct(4_600_000), 3_600_000);
        assert_eq!(now(), 4_600_000);
        assert_eq!(correct(4_599_800), 0);
        assert_eq!(correct(990_000), -3_610_000);
        assert_eq!(now(), 990_000);
    }

    #[test]
    fn a_late_answer_moves_it_no_further_than_it_proves() {
        let at = Timestamp::from_millis;
        let machine = Arc::new(FixedClock::new(at(1_000_000)));
        let clock = DatabaseClock::new(machine);
        // The process was suspended, or packets were lost, before or after the server read its clock.
        assert_eq!(clock.correct(at(1_000_000), 1_000_000, at(1_008_000)), 0);
        assert_eq!(clock.correct(at(1_000_000), 1_008_000, at(1_008_000)), 0);
        // A suspended process or lost packets cannot explain this difference.
        let moved = clock.correct(at(1_000_000), 1_010_000, at(1_008_000));
        assert_eq!(moved, 2000);
        assert_eq!(clock.now(), at(1_002_000));
    }

    #[test]
    fn is_moved_once_by_two_answers_at_a_time() {
        let at = Timestamp::from_millis;
        let machine = Arc::new(FixedClock::new(at(1_000_000)));
        let clock = DatabaseClock::new(machine);
        for moved in [500_000, 0] {
            assert_eq!(
                clock.correct(at(1_000_000), 1_500_000, at(1_000_000)),
                moved
            );
        }
        assert_eq!(clock.now(), at(1_500_000));
    }
}
