//! Tries of link codes in the store.

use std::ops::Range;

use async_trait::async_trait;

use super::StoreError;
use crate::link::{Guess, GuessLimit, TooManyGuesses, WrongBefore};
use crate::time::Timestamp;

/// The wrong codes that were tried, by all who share the store.
#[async_trait]
pub trait GuessStore: Send + Sync {
    /// Bears a try of a code, or says how long to wait, as [`GuessLimit::judge`] has it; a wrong one that is borne counts
    /// from then on. Tries are judged one after the other, right ones too, so that many at once cannot slip through
    /// together; who is refused changes nothing. Of more than [`GuessLimit::MOST_KEPT`], the oldest may be forgotten.
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongBefore, TooManyGuesses>, StoreError>;

    /// Counts the wrong codes that were tried in this time, up to [`GuessLimit::MOST_KEPT`].
    async fn count_guesses(&self, counting: Range<Timestamp>) -> Result<u64, StoreError>;

    /// Forgets up to `limit` wrong codes that were tried before that moment. Returns how many went.
    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError>;
}
