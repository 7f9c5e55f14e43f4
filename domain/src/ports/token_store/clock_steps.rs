//! Repairs stored times that come from a clock that was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
#[cfg(doc)]
use crate::link::Link;
use crate::time::Timestamp;

/// Work that waits for a time that a wrong clock has stored.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Makes work due that waits for a time further ahead than any rule allows: refreshes, polls and revocations whose
    /// lease or pause lies beyond the [`Horizon`] of their kind, [cut](Horizon::cut) to `pause`, and refreshes of
    /// tokens that were obtained more than [`CLOCKS_DIFFER`] after `now`. If a provider has answered, and its next poll is
    /// more than [`STORED_WITHIN`] beyond one interval, the interval begins again at `now`. A lease that is cut short
    /// counts as expired. A link that expires further ahead than [`Link::LONGEST`] is [over](Link::is_over) at `now`.
    /// Writes nothing if there is no such work. Handles up to `limit` rows of each kind. Returns how many rows were
    /// changed.
    ///
    /// [`Horizon`]: crate::clock_step::Horizon
    /// [`CLOCKS_DIFFER`]: crate::clock_step::CLOCKS_DIFFER
    /// [`STORED_WITHIN`]: crate::link::polling::STORED_WITHIN
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
