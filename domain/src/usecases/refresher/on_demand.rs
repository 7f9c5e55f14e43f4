//! Refreshes that a caller requests and waits for.

use std::time::Duration;

use async_trait::async_trait;

use super::failed_locally;
use crate::grant::{AccountId, Generation, ProviderName, StoredTokens};

/// Refreshes an account while a caller waits.
///
/// The refresh runs to completion even if the caller disconnects, and any number of callers share one refresh. The
/// outcome is in the store afterwards.
#[async_trait]
pub trait RefreshOnDemand: Send + Sync {
    /// Returns once the request is settled, or after `timeout`.
    async fn refresh(&self, request: RefreshRequest, timeout: Duration);
}

/// A request for newer tokens than the caller has read. The request is settled once the stored tokens were replaced, or
/// a refresh has failed for a reason that concerns every process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRequest {
    /// The account.
    pub account: AccountId,
    /// The account's provider.
    pub provider: ProviderName,
    generation: Generation,
    failures: u32,
}

impl RefreshRequest {
    /// Requests newer tokens than these.
    pub fn for_better_than(tokens: &StoredTokens) -> Self {
        Self {
            account: tokens.account.id,
            provider: tokens.account.key.provider.clone(),
            generation: tokens.generation,
            failures: tokens.attempts.failures,
        }
    }

    /// Whether the request is still open: since it was made, the tokens were not replaced, and no refresh has failed
    /// for a reason that concerns every process.
    pub(super) fn is_open(&self, tokens: &StoredTokens) -> bool {
        self.generation == tokens.generation
            && (self.failures == tokens.attempts.failures || failed_locally(tokens))
    }
}
