//! Attempts to enter link codes, in the store.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::link::{Guess, GuessLimit, WrongCodeCounts};
use crate::time::Timestamp;

/// Stores the wrong link codes that were entered, shared by all replicas.
#[async_trait]
pub trait GuessStore: Send + Sync {
    /// Accepts an attempt, or returns how long to wait, as [`GuessLimit::judge`] decides. Stores a wrong code if the
    /// attempt is accepted. A rejected attempt changes nothing. Attempts are judged one after the other, even those
    /// with right codes, so that concurrent attempts cannot evade the limit. If more than [`GuessLimit::MOST_KEPT`]
    /// wrong codes are stored, the oldest may be deleted.
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongCodeCounts, Duration>, StoreError>;

    /// Counts the wrong codes that were entered within `counting`, up to [`GuessLimit::MOST_KEPT`].
    async fn count_guesses(&self, counting: Range<Timestamp>) -> Result<u64, StoreError>;

    /// Deletes up to `limit` wrong codes that were entered before `tried_before`. Returns how many were deleted.
    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError>;
}
