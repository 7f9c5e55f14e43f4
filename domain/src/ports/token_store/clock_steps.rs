//! Repairs stored times that come from a clock that was ahead.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::time::Timestamp;
#[cfg(doc)]
use crate::{
    clock_step::Horizon,
    grant::{StoredTokens, refresh::PROBE_HORIZON},
    link::Link,
};

/// Repairs work that waits for a time which a wrong clock has stored.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Repairs stored times that are further ahead than any rule allows:
    ///
    /// - Refreshes, polls and revocations become due if their lease or pause ends beyond the [`Horizon`] of their kind,
    ///   [limited](Horizon::cut) to `pause`. So do probes of outages beyond [`PROBE_HORIZON`].
    /// - Tokens that were obtained in the future become due and expired ([`StoredTokens::after_clock_step`]).
    /// - If a provider has answered and its next poll is more than [`STORED_WITHIN`] beyond one interval, the interval
    ///   begins again at `now`.
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
