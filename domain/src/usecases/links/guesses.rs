//! Limits wrong link codes, for callers who send nothing but a code.

use std::net::IpAddr;
use std::sync::Arc;

use crate::link::{Guess, GuessLimit, Link, Network};
use crate::ports::{Clock, GuessStore, StoreError};
use crate::usecases::refusal::UNKNOWN_CODE;
use crate::usecases::{Ports, Refusal, Settings};
use crate::vault::Vault;

/// Counts wrong link codes and rejects attempts once there were too many.
#[derive(Clone)]
pub(crate) struct GuessLimiter {
    guesses: Arc<dyn GuessStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    limit: GuessLimit,
}

impl GuessLimiter {
    pub(crate) fn new(ports: &Ports, settings: &Settings) -> Self {
        Self {
            guesses: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            limit: GuessLimit::new(settings.link_code_ttl),
        }
    }

    /// Returns the found link, unless this address has guessed too often. Counts a wrong code before the caller learns
    /// that it is wrong. If the store fails to count the code, the caller gets the store's error instead.
    pub(crate) async fn admit(
        &self,
        found: Option<Link>,
        address: IpAddr,
    ) -> Result<Link, Refusal> {
        let guess = Guess {
            network: self.vault.hash_network(Network::of(address)),
            at: self.clock.now(),
            is_wrong: found.is_none(),
        };
        let judged = self.guesses.admit_guess(&guess, self.limit).await?;
        let before = judged.map_err(Refusal::RateLimited)?;
        if guess.is_wrong && before.is_one_below_a_limit() {
            let all = before.of_all + 1;
            tracing::warn!(%address, all, "too many wrong link codes: networks that try more are rejected for now, and new codes are longer");
        }
        found.ok_or(UNKNOWN_CODE)
    }

    /// Returns how many digits a new code has.
    pub(super) async fn code_digits(&self) -> Result<usize, StoreError> {
        let counting = self.limit.counting(self.clock.now());
        let wrong = self.guesses.count_guesses(counting).await?;
        Ok(GuessLimit::digits_after(wrong))
    }

    pub(super) async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let tried_before = self.limit.counting(self.clock.now()).start;
        self.guesses.purge_guesses(tried_before, limit).await
    }
}
