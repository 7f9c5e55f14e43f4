//! Several replicas on one store: each says that it is there, and one does what one has to do.

use super::Broker;
use crate::ports::StoreError;
use crate::replica::DUTY_LASTS;

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

    /// Says that this replica is there. Whether it is the one that does the housekeeping for all: it asks again before
    /// [`DUTY_LASTS`] is over, or somebody else takes over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_in(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let until = now + DUTY_LASTS;
        self.store.check_in(&self.presence, now, until).await
    }

    /// Says that this replica ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_out(&self) -> Result<(), StoreError> {
        self.store.check_out(&self.presence.instance).await
    }
}
