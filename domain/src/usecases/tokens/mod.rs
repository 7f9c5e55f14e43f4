//! For clients: the access token of their account.

mod hand_out;
mod renewal;

use std::sync::Arc;

use super::Ports;
use crate::ports::{Clock, KeyStore};
use crate::vault::Vault;

pub use hand_out::HandedToken;
pub(super) use renewal::Renewal;

/// For clients: the access token of their account.
pub struct Tokens {
    keys: Arc<dyn KeyStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    renewal: Renewal,
}

impl Tokens {
    pub(super) fn new(ports: &Ports, renewal: &Renewal) -> Self {
        Self {
            keys: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            renewal: renewal.clone(),
        }
    }
}
