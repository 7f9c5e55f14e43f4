//! For clients: the access token of their account.

mod hand_out;
mod renewal;

use std::sync::Arc;

use super::{Ports, TokenCache};
use crate::ports::{Clock, KeyStore};
use crate::vault::Vault;

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
}

impl Tokens {
    pub(super) fn new(ports: &Ports, renewal: &Renewal) -> Self {
        Self {
            keys: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            renewal: renewal.clone(),
        }
    }

    /// Forgets what is remembered of keys that nobody has shown for a while.
    pub fn forget_unused(&self) {
        self.cache.forget_unused();
    }
}
