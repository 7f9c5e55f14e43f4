//! Attempts to enter link codes, in memory.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, refuse};
use crate::link::{Guess, GuessLimit, WrongCodeCounts};
use crate::ports::{GuessStore, StoreError};
use crate::testing::WrongCode;
use crate::time::Timestamp;

#[async_trait]
impl GuessStore for MemoryStore {
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongCodeCounts, Duration>, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.guesses_to_refuse)?;
        let tried = &mut state.wrong_codes;
        let counting = limit.counting(guess.at);
        let counting = tried.iter().filter(|tried| counting.contains(&tried.at));
        let counting: Vec<_> = counting.copied().collect();
        let judged = limit.judge(guess, &WrongCode::tries(&counting, &guess.network));
        if judged.is_ok() && guess.is_wrong {
            tried.push(WrongCode {
                network: guess.network,
                at: guess.at,
            });
        }
        Ok(judged)
    }

    async fn count_guesses(&self, counting: Range<Timestamp>) -> Result<u64, StoreError> {
        let state = self.lock();
        let tried = state.wrong_codes.iter();
        Ok(tried.filter(|tried| counting.contains(&tried.at)).count() as u64)
    }

    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut gone = 0;
        self.lock().wrong_codes.retain(|tried| {
            let goes = tried.at < tried_before && gone < limit;
            gone += u64::from(goes);
            !goes
        });
        Ok(gone)
    }
}
