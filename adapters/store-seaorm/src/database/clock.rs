//! The time as the database tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;

/// Less than this is the way to the server and back. Leases last seconds longer than what is done under them.
const TOLERANCE_MS: i64 = 250;

/// This machine's clock, put right by that of a database server whenever it is asked, so that all who share the server
/// agree when a lease has lapsed. With a file as the database it is this machine's clock as it is.
pub struct DatabaseClock {
    machine: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl DatabaseClock {
    /// A clock that has not been put right yet.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let ahead_ms = AtomicI64::new(0);
        Self { machine, ahead_ms }
    }

    /// Takes notice of what the server's clock showed at some moment between two of ours. Returns by how many
    /// milliseconds this clock has been moved.
    pub(crate) fn put_right(&self, asked: Timestamp, server: i64, answered: Timestamp) -> i64 {
        let between = asked.as_millis().midpoint(answered.as_millis());
        let drift = server.saturating_sub(between);
        if drift.saturating_abs() <= TOLERANCE_MS {
            return 0;
        }
        self.ahead_ms.fetch_add(drift, Ordering::Relaxed);
        tracing::warn!(
            drift_ms = drift,
            "this machine's clock is not the database's: the database's is used"
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
        let told = |server| clock.put_right(clock.now(), server, clock.now());
        assert_eq!(told(1_000_200), 0);
        assert_eq!(now(), 1_000_000);
        assert_eq!(told(4_600_000), 3_600_000);
        assert_eq!(now(), 4_600_000);
        assert_eq!(told(4_599_800), 0);
        assert_eq!(told(990_000), -3_610_000);
        assert_eq!(now(), 990_000);
    }
}
