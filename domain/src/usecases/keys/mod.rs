//! Authenticates callers, and manages the access keys of an account.

mod account_keys;
mod authenticate;
mod unknown;
mod uses;

use std::sync::Arc;

use self::unknown::UnknownBearers;
use self::uses::KeyUses;
use super::accounts::AccountReader;
use super::links::LinkEnder;
use super::withdrawal::Withdrawals;
use super::{Ports, Settings, TokenCache};
use crate::entropy::Entropy;
use crate::observe::Observer;
use crate::ports::{Clock, KeyStore, StoreError};
use crate::secret::AccessKey;
use crate::vault::Vault;

pub use account_keys::{HandedKey, KeyPage, KeyRequest, NO_SUCH_KEY};

/// Authenticates callers, and manages the access keys of an account.
pub struct Keys {
    keys: Arc<dyn KeyStore>,
    cache: Arc<TokenCache>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    accounts: AccountReader,
    ender: LinkEnder,
    withdrawals: Withdrawals,
    admin_key: Option<AccessKey>,
    enroll_key: Option<AccessKey>,
    uses: KeyUses,
    unknown: UnknownBearers,
    observer: Arc<dyn Observer>,
}

impl Keys {
    /// One account has at most this many keys.
    pub const MOST_PER_ACCOUNT: u64 = 100;

    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        accounts: &AccountReader,
        ender: &LinkEnder,
        withdrawals: Withdrawals,
    ) -> Self {
        Self {
            keys: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            accounts: accounts.clone(),
            ender: ender.clone(),
            withdrawals,
            admin_key: settings.admin_key.clone(),
            enroll_key: settings.enroll_key.clone(),
            uses: KeyUses::default(),
            unknown: UnknownBearers::default(),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// Stores when keys were last used, which is noted in memory until then.
    ///
    /// # Errors
    /// When the store fails; nothing is lost, call it again later.
    pub async fn store_uses(&self) -> Result<(), StoreError> {
        self.uses.store(self.keys.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    mod account_keys;
    mod unknown;
}
