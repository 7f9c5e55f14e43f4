//! What a clock that was ahead has left in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::time::Timestamp;

/// Work that waits for a time that a wrong clock has written.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Makes work due again that waits for a time further ahead than any rule puts it: refreshes, polls and revocations
    /// whose lease or pause lies beyond the [`Horizon`] of their kind, and refreshes planned for tokens that were obtained
    /// more than [`CLOCKS_DIFFER`] after `now`. A lease that is cut short counts as one that has lapsed. Writes nothing
    /// where there is no such work, and handles up to `limit` rows of each kind. Returns how many rows were changed.
    ///
    /// [`Horizon`]: crate::clock_step::Horizon
    /// [`CLOCKS_DIFFER`]: crate::clock_step::CLOCKS_DIFFER
    async fn undo_clock_steps(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError>;
}
