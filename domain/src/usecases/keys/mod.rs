//! Authenticates callers, and manages the access keys of an account.

mod account_keys;
mod authenticate;
mod unknown;
mod uses;

use std::sync::Arc;

use self::uses::KeyUses;
use super::account_reader::AccountReader;
use super::links::LinkEnder;
use super::withdrawal::Withdrawals;
use super::{AuditLog, Operators, Ports, Settings, TokenCache};
use crate::entropy::Entropy;
use crate::grant::AccessKeyId;
use crate::link::Network;
use crate::observe::Observer;
use crate::ports::{Clock, KeyStore, StoreError};
use crate::rate_limit::RateLimit;
use crate::vault::{RowMacs, Vault};

pub(super) use account_keys::{maker, maker_expiry};

pub use account_keys::{HandedKey, KeyPage, KeyRequest, NO_SUCH_KEY};

/// Authenticates callers, and manages the access keys of an account.
pub struct Keys {
    keys: Arc<dyn KeyStore>,
    cache: Arc<TokenCache>,
    vault: Vault,
    macs: RowMacs,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    accounts: AccountReader,
    ender: LinkEnder,
    withdrawals: Withdrawals,
    operators: Arc<Operators>,
    trusts_workloads: bool,
    uses: KeyUses,
    /// Counts rejected bearer tokens by network, in this process. Rejections beyond the limit are not logged.
    ///
    /// Every bearer is looked up before the limit applies, so a valid key always works, and clients behind one address
    /// do not lock each other out. Keys have 200 random bits, so guessing needs no lockout.
    unknown: RateLimit<Network>,
    /// How often keys with a use limit were used, in this process.
    used: RateLimit<AccessKeyId>,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

impl Keys {
    /// Maximum number of keys of one account that have not expired.
    pub const MOST_PER_ACCOUNT: u64 = 100;

    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        operators: &Arc<Operators>,
        accounts: &AccountReader,
        ender: &LinkEnder,
        withdrawals: Withdrawals,
    ) -> Self {
        Self {
            keys: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            vault: ports.vault.clone(),
            macs: ports.vault.row_macs(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            accounts: accounts.clone(),
            ender: ender.clone(),
            withdrawals,
            operators: Arc::clone(operators),
            trusts_workloads: settings.workloads.is_some(),
            uses: KeyUses::default(),
            unknown: RateLimit::new(Self::UNKNOWN_EVERY, Self::UNKNOWN_AT_ONCE),
            used: RateLimit::of_each(),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Writes to the store when keys were last used. Before this call, new uses exist only in memory.
    ///
    /// # Errors
    /// When the store fails; nothing is lost, call it again later.
    pub async fn store_uses(&self) -> Result<(), StoreError> {
        self.uses.store(self.keys.as_ref(), self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    mod account_keys;
    mod limits;
    mod lineage;
    mod unknown;
}
