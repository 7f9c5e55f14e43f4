//! Waits until no replica serves deleted tokens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::token_cache::SERVED_FOR;
use super::{Ports, TokenCache};
use crate::grant::AccountId;
use crate::ports::Clock;

/// A deletion is acknowledged this long after its commit. Replicas serve cached tokens for less time; the difference is
/// a reserve for clocks that run at different speeds.
const ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(SERVED_FOR.as_millis() as u64 + 100);

/// Waits until the uptime of the machine reaches a given value. The runtime implements this trait, because the domain
/// has no timers.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Completes once [`Clock::uptime`] shows `uptime` or more.
    async fn until(&self, uptime: Duration);
}

/// Delays the acknowledgement of a deletion until no replica serves the deleted tokens. Every deletion of an account or
/// a key must use this type.
#[derive(Clone)]
pub(super) struct Withdrawals {
    cache: Arc<TokenCache>,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
}

/// A deletion that is committed but not acknowledged: other replicas may still serve the deleted tokens.
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

    /// Removes the account from the cache of this process, and starts the wait for other replicas. The deletion must be
    /// committed already.
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
