//! Refreshing because somebody asks.

use std::time::Duration;

use async_trait::async_trait;

use super::{Claim, Grants};
use crate::grant::{AccountId, Generation, ProviderName, StoredTokens};

/// What a caller that needs a better token waits on.
///
/// The refresh itself runs on when the caller goes away, and any number of callers wait for the same one. How it went
/// is in the store afterwards, for all of them alike.
#[async_trait]
pub trait RefreshOnDemand: Send + Sync {
    /// Returns once the wish is settled, one way or another, or after `patience`.
    async fn refresh(&self, wish: RefreshWish, patience: Duration);
}

/// An account as a caller saw it who wants it refreshed. Once it differs from that, the wish is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshWish {
    /// The account.
    pub account: AccountId,
    /// Its provider.
    pub provider: ProviderName,
    generation: Generation,
    failures: u32,
}

impl RefreshWish {
    /// The wish that these tokens were better ones.
    #[must_use]
    pub fn for_better_than(tokens: &StoredTokens) -> Self {
        Self {
            account: tokens.account.id,
            provider: tokens.account.key.provider.clone(),
            generation: tokens.generation,
            failures: tokens.attempts.failures,
        }
    }

    /// Whether nobody has succeeded or failed since.
    pub(super) fn is_open(&self, tokens: &StoredTokens) -> bool {
        self.generation == tokens.generation && self.failures == tokens.attempts.failures
    }
}

/// Refreshes in the caller's own task: enough for tests, where no caller goes away. A service wants one that spawns.
#[async_trait]
impl RefreshOnDemand for Grants {
    async fn refresh(&self, wish: RefreshWish, _: Duration) {
        let Ok(Claim::Mine(lease)) = self.claim(&wish).await else {
            return;
        };
        let mut next = Some(*lease);
        while let Some(lease) = next {
            let exchange = self.exchange(&lease).await;
            next = self.record(&lease, &exchange).await.ok().flatten();
        }
    }
}
