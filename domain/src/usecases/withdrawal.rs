//! Waits until no replica serves deleted tokens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::token_cache::SERVED_FOR;
use super::{Ports, TokenCache};
use crate::grant::AccountId;
use crate::ports::Clock;

/// How long after its commit a deletion is acknowledged: longer than replicas serve cached tokens, with a reserve for
/// clocks that run at different speeds.
const ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(SERVED_FOR.as_millis() as u64 + 100);

/// Waits for a time of the machine's clock. The runtime implements it, because waiting needs one.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Completes once [`Clock::uptime`] shows `uptime` or more.
    async fn until(&self, uptime: Duration);
}

/// Withdraws the access to an account or by a key on all replicas. Every deletion is acknowledged through this.
#[derive(Clone)]
pub(super) struct Withdrawals {
    cache: Arc<TokenCache>,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
}

/// Access that has been withdrawn in the store.
pub(super) struct Withdrawal<'a> {
    pause: &'a dyn Pause,
    complete_at: Duration,
}

impl Withdrawals {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            cache: Arc::clone(&ports.cache),
            clock: Arc::clone(&ports.clock),
            pause: Arc::clone(&ports.pause),
        }
    }

    /// Begins to withdraw access to an account. The deletion must be durable already.
    #[must_use]
    pub(super) fn begin(&self, account: AccountId) -> Withdrawal<'_> {
        self.cache.invalidate(account);
        Withdrawal {
            pause: &*self.pause,
            complete_at: self.clock.uptime() + ACKNOWLEDGED_AFTER,
        }
    }
}

impl Withdrawal<'_> {
    /// Waits until no replica serves the deleted tokens any more.
    pub(super) async fn complete(self) {
        self.pause.until(self.complete_at).await;
    }
}
