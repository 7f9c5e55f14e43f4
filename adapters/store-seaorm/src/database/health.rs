//! Tracks whether the database is writable, by the results of recent writes.

use std::sync::Mutex;
use std::time::Duration;

use central_oauth_domain::lock::lock;

use tokio::time::Instant;

/// The results of this process's writes.
#[derive(Default)]
pub(crate) struct WriteHealth(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u64,
    /// The value of `failures` when the last successful write test began.
    proved_over: u64,
    committed_at: Option<Instant>,
}

impl WriteHealth {
    pub(super) fn failed(&self) {
        let mut state = lock(&self.0);
        if state.failures == state.proved_over {
            tracing::warn!(
                "a database write failed; refreshes and links are paused until a test write succeeds"
            );
        }
        state.failures += 1;
    }

    /// Records a commit. A commit does not clear a failure, because a small commit may succeed where a larger commit
    /// fails.
    pub(super) fn committed(&self) {
        lock(&self.0).committed_at = Some(Instant::now());
    }

    /// Whether no write has failed since the last successful write test began. With `recent`, also whether a write was
    /// committed within that time.
    pub(crate) fn is_well(&self, recent: Option<Duration>) -> bool {
        let state = lock(&self.0);
        let is_recent = |at: Instant| recent.is_none_or(|recent| at.elapsed() < recent);
        state.failures == state.proved_over
            && (recent.is_none() || state.committed_at.is_some_and(is_recent))
    }

    /// Returns the number of failures so far, for [`WriteHealth::proved`].
    pub(crate) fn failures(&self) -> u64 {
        lock(&self.0).failures
    }

    /// Records a successful write test. `failures` is the number of failures when the test began.
    pub(crate) fn proved(&self, failures: u64) {
        let mut state = lock(&self.0);
        let was_over = state.failures == state.proved_over;
        state.proved_over = state.proved_over.max(failures);
        if !was_over && state.failures == state.proved_over {
            tracing::info!("the database takes writes again; refreshes and links go on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_that_began_later_proves_a_failure_over() {
        let health = WriteHealth::default();
        let recent = Some(Duration::from_secs(10));
        assert!(health.is_well(None) && !health.is_well(recent));
        health.committed();
        assert!(health.is_well(recent));
        let before = health.failures();
        health.failed();
        health.committed();
        health.proved(before);
        assert!(!health.is_well(None) && !health.is_well(recent));
        health.proved(health.failures());
        assert!(health.is_well(None) && health.is_well(recent));
        assert!(!health.is_well(Some(Duration::ZERO)));
    }
}
