//! Attempts to enter link codes, in the store.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::link::{Guess, GuessLimit, WrongCodeCounts};
use crate::time::Timestamp;

/// The wrong codes that were tried, shared by all replicas.
#[async_trait]
pub trait GuessStore: Send + Sync {
    /// Accepts an attempt, or returns how long to wait, as [`GuessLimit::judge`] decides. An accepted wrong code counts
    /// from then on; a rejected attempt changes nothing. All attempts, also with right codes, are judged one after the
    /// other, so that concurrent attempts cannot evade the limit. If more than [`GuessLimit::MOST_KEPT`] wrong codes
    /// are stored, the oldest may be deleted.
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongCodeCounts, Duration>, StoreError>;

    /// Counts the wrong codes that were tried within `counting`, up to [`GuessLimit::MOST_KEPT`].
    async fn count_guesses(&self, counting: Range<Timestamp>) -> Result<u64, StoreError>;

    /// Deletes up to `limit` wrong codes that were tried before `tried_before`. Returns how many were deleted.
    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError>;
}
