//! Repairs stored times that come from a clock that was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
#[cfg(doc)]
use crate::link::Link;
use crate::time::Timestamp;

/// Repairs work that waits for a time which a wrong clock has stored.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Repairs stored times that are further ahead than any rule allows:
    ///
    /// - Refreshes, polls and revocations become due if their lease or pause ends beyond the [`Horizon`] of their kind,
    ///   [limited](crate::clock_step::Horizon::cut) to `pause`.
    /// - Refreshes become due if the tokens were obtained more than [`MAX_CLOCK_DIFFERENCE`] after `now`.
    /// - If a provider has answered and its next poll is more than [`STORED_WITHIN`] beyond one interval, the interval
    ///   begins again at `now`.
    /// - A link with a deadline further ahead than [`Link::LONGEST`] becomes [over](Link::is_over) at `now`.
    ///
    /// A lease that is ended here counts as expired. Handles up to `limit` rows of each kind, and writes nothing if
    /// there is no such work. Returns how many rows were changed.
    ///
    /// [`Horizon`]: crate::clock_step::Horizon
    /// [`STORED_WITHIN`]: crate::link::polling::STORED_WITHIN
    /// [`MAX_CLOCK_DIFFERENCE`]: crate::clock_step::MAX_CLOCK_DIFFERENCE
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
