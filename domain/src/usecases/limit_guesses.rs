//! Wrong link codes are limited, for everybody who shows nothing but a code.

use std::net::IpAddr;

use super::refusal::UNKNOWN_CODE;
use super::{Broker, Refusal};
use crate::link::{Guess, Link, Network};
use crate::ports::StoreError;

impl Broker {
    /// Passes a found link on, unless this address has guessed too often. What was not found counts before anybody is
    /// told so; when that cannot be stored nobody is told anything.
    pub(super) async fn admit_guess(
        &self,
        found: Option<Link>,
        address: IpAddr,
    ) -> Result<Link, Refusal> {
        let guess = Guess {
            network: self.vault.hash_network(Network::of(address)),
            at: self.clock.now(),
            is_wrong: found.is_none(),
        };
        let before = self.store.admit_guess(&guess, self.guesses).await??;
        if guess.is_wrong && before.leaves_one() {
            let all = before.of_all + 1;
            tracing::warn!(%address, all, "too many wrong link codes: no more are borne for now");
        }
        found.ok_or(UNKNOWN_CODE)
    }

    /// Forgets wrong codes that count no more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_guesses(&self, limit: u64) -> Result<u64, StoreError> {
        let tried_before = self.guesses.counting(self.clock.now()).start;
        self.store.purge_guesses(tried_before, limit).await
    }
}
