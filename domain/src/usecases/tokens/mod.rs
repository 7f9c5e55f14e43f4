//! For clients: the access token of their account.

mod exchange;
mod hand_out;
mod renewal;

use std::sync::Arc;
use std::time::Duration;

use super::token_cache::REVALIDATE_EVERY;
use super::{AuditLog, Ports, TokenCache};
use crate::ports::{Clock, KeyStore};
use crate::vault::Vault;

pub use exchange::TokenExchangeError;
pub use hand_out::{HandedToken, NOT_FOR_OPERATORS};
pub use renewal::NOTHING_TO_REFRESH_WITH;
pub(super) use renewal::Renewal;

/// For clients: the access token of their account.
pub struct Tokens {
    keys: Arc<dyn KeyStore>,
    cache: Arc<TokenCache>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    renewal: Renewal,
    audit: Arc<AuditLog>,
}

impl Tokens {
    pub(super) fn new(ports: &Ports, renewal: &Renewal) -> Self {
        Self {
            keys: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            renewal: renewal.clone(),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// How often [`Tokens::revalidate_cache`] is called.
    pub const REVALIDATE_EVERY: Duration = REVALIDATE_EVERY;

    /// Confirms the cache entries that are in use, and removes the others.
    pub async fn revalidate_cache(&self) {
        self.cache.revalidate().await;
    }
}
