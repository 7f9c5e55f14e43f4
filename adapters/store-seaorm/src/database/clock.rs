use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;

/// Smaller differences are ignored. Leases last seconds longer than the work under them.
const TOLERANCE_MS: u64 = 250;

/// This machine's clock, corrected by that of the database server at each reading, so that all processes on the server
/// agree when a lease has expired. With a SQLite file, this machine's clock without corrections.
pub struct DatabaseClock {
    machine: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl DatabaseClock {
    /// Creates a clock without a correction.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let ahead_ms = AtomicI64::new(0);
        Self { machine, ahead_ms }
    }

    /// This machine's own clock.
    pub(crate) fn machine(&self) -> Timestamp {
        self.machine.now()
    }

    /// Processes a reading of the server's clock, taken between two times of this machine. Returns by how many
    /// milliseconds this clock has been moved: only by the part of the difference that is certain. The query or the
    /// response may have been delayed, or this process suspended meanwhile, which is no reason to move the clock.
    pub(crate) fn correct(&self, asked: Timestamp, server: i64, answered: Timestamp) -> i64 {
        let least = server.saturating_sub(answered.as_millis());
        let most = server.saturating_sub(asked.as_millis()).max(least);
        // Concurrent readings are compared with each other's corrections.
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
        // The process was suspended, or packets were lost, in either direction.
        assert_eq!(clock.correct(at(1_000_000), 1_000_000, at(1_008_000)), 0);
        assert_eq!(clock.correct(at(1_000_000), 1_008_000, at(1_008_000)), 0);
        // Neither can explain such a difference.
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
