//! Repairs stored times that come from a clock that was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::time::Timestamp;
#[cfg(doc)]
use crate::{clock_step::Horizon, grant::refresh::PROBE_HORIZON, link::Link};

/// Repairs work that waits for a time which a wrong clock has stored.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Repairs stored times that are further ahead than any rule allows:
    ///
    /// - Refreshes, polls and revocations become due if their lease or pause ends beyond the [`Horizon`] of their kind,
    ///   [limited](Horizon::cut) to `pause`. Probes of outages become due beyond [`PROBE_HORIZON`] or `pause`.
    /// - Tokens that were obtained in the future and that are refreshed become due and expired, because their remaining
    ///   lifetime is unknown. A pause after a failure stays.
    /// - The next poll of an authorizing link without failures moves to one interval after `now`, if it is more than
    ///   [`STORED_WITHIN`] later than that.
    /// - A link with a deadline further ahead than [`Link::LONGEST`] becomes [over](Link::is_over) at `now`.
    ///
    /// A lease that is ended here counts as expired. Handles up to `limit` rows of each kind, and writes nothing if
    /// there is no such work. Returns how many rows were changed.
    ///
    /// [`STORED_WITHIN`]: crate::link::polling::STORED_WITHIN
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
