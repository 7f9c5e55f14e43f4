//! Several replicas on one store: each records its presence.

use super::Broker;
use crate::ports::StoreError;

/// Rows of each kind that are made due at a time: what was dated wrongly is not all due in the same second.
const CLOCK_STEP_BATCH: u64 = 500;

impl Broker {
    /// Makes work due again that waits for a time which a clock that was ahead has written
    /// ([`ClockStepStore::undo_clock_steps`]).
    ///
    /// # Errors
    /// When the store fails.
    ///
    /// [`ClockStepStore::undo_clock_steps`]: crate::ports::ClockStepStore::undo_clock_steps
    pub async fn undo_clock_steps(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let rows = self.store.undo_clock_steps(now, CLOCK_STEP_BATCH).await?;
        if rows > 0 {
            tracing::warn!(
                rows,
                "the clock has been set back: what was dated too far ahead is due now"
            );
        }
        Ok(())
    }

    /// Records that this replica is running.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_in(&self) -> Result<(), StoreError> {
        self.store.check_in(&self.presence, self.clock.now()).await
    }

    /// Says that this replica ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_out(&self) -> Result<(), StoreError> {
        self.store.check_out(&self.presence.instance).await
    }
}
