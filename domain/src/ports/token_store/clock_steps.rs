//! Repairs times that were stored while the clock was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::time::Timestamp;
#[cfg(doc)]
use crate::{clock_step::Horizon, grant::refresh::PROBE_HORIZON, link::Link};

/// Repairs stored times that would delay work because the clock was ahead.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Repairs stored times that are further ahead than any rule allows:
    ///
    /// - Refreshes, polls and revocations become due if their lease or pause ends beyond the [`Horizon`] of their kind,
    ///   with pauses [limited](Horizon::cut) to `pause`. Probes of outages become due if they are scheduled beyond
    ///   [`PROBE_HORIZON`] or `pause`, whichever is shorter.
    /// - If tokens with a scheduled refresh were obtained in the future, their access token expires and their refresh
    ///   becomes due, because the remaining lifetime is unknown. A pause after a failure stays.
    /// - If the next poll of an authorizing link without failures is more than one interval and [`STORED_WITHIN`] after
    ///   `now`, it moves to one interval after `now`.
    /// - A link with a deadline further ahead than [`Link::LONGEST`] becomes [over](Link::is_over) at `now`.
    ///
    /// A lease that this method ends counts as expired. Changes up to `limit` rows of each kind, and writes nothing if
    /// no row needs a change. Returns how many rows were changed.
    ///
    /// [`STORED_WITHIN`]: crate::link::polling::STORED_WITHIN
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
