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

/// Ends waits for times that a wrong clock has stored.
#[async_trait]
pub trait ClockStepStore: Send + Sync {
    /// Makes work due that waits for a time further ahead than any rule allows: refreshes, polls and revocations whose
    /// lease or pause ends beyond the [`Horizon`] of their kind, and probes of outages beyond [`PROBE_HORIZON`]. Both are
    /// [limited](Horizon::cut) to `pause`. Tokens that were obtained in the future are due and count as expired
    /// ([`StoredTokens::after_clock_step`]). The next poll of a provider that has answered is at most one interval ahead
    /// ([`Link::poll_after_clock_step`]). A lease that is ended here counts as expired. A link with a deadline further
    /// ahead than [`Link::LONGEST`] becomes [over](Link::is_over) at `now`. Handles up to `limit` rows of each kind, and
    /// writes nothing if there is no such work. Returns how many rows were changed.
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
