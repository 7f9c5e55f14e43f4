//! For operators and owners: list, refresh and delete accounts.

mod after_restore;
mod delete;
mod reader;
mod refresh;
mod search;

use std::sync::Arc;

use super::caller::{KEY_NEEDED, account_of};
use super::links::LinkEnder;
use super::page::Page;
use super::tokens::Renewal;
use super::withdrawal::Withdrawals;
use super::{AuditLog, Caller, Ports, Refusal, RevokeOnDemand, Revoker};
use crate::fault::Fault;
use crate::grant::{Account, AccountId};
use crate::ports::{AccountStore, Clock, RevocationStore};

pub use after_restore::after_restore;
pub(super) use reader::{AccountReader, NO_SUCH_ACCOUNT};
pub use search::AccountSearch;

/// One page of accounts.
pub type AccountPage = Page<Account, AccountId>;

const ENROLMENT_ONLY: Refusal = Refusal::Forbidden("the enrolment key only asks for link codes");

/// For operators and owners: list, refresh and delete accounts.
pub struct Accounts {
    accounts: Arc<dyn AccountStore>,
    revocations: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    reader: AccountReader,
    renewal: Renewal,
    ender: LinkEnder,
    revoker: Arc<Revoker>,
    revoke_on_demand: Arc<dyn RevokeOnDemand>,
    withdrawals: Withdrawals,
    audit: Arc<AuditLog>,
}

impl Accounts {
    pub(super) fn new(
        ports: &Ports,
        reader: &AccountReader,
        renewal: &Renewal,
        ender: &LinkEnder,
        revoker: &Arc<Revoker>,
        revoke_on_demand: Arc<dyn RevokeOnDemand>,
        withdrawals: &Withdrawals,
    ) -> Self {
        Self {
            accounts: ports.store.clone(),
            revocations: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            reader: reader.clone(),
            renewal: renewal.clone(),
            ender: ender.clone(),
            revoker: Arc::clone(revoker),
            revoke_on_demand,
            withdrawals: withdrawals.clone(),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Lists accounts: all for the admin, its own for an access key.
    ///
    /// # Errors
    /// [`Refusal`]: no key, a key without an account, the store.
    pub async fn list(
        &self,
        caller: &Caller,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        match caller {
            Caller::Nobody => Err(KEY_NEEDED),
            Caller::Enroller => Err(ENROLMENT_ONLY),
            Caller::Admin | Caller::Auditor => self.reader.page(after, limit).await,
            Caller::Key(key) => {
                let own = account_of(key, self.clock.now())?;
                let own = self.reader.get(own).await?;
                let items = Vec::from_iter((after < Some(own.id)).then_some(own));
                Ok(AccountPage { items, next: None })
            }
        }
    }

    /// Returns one account: any to the admin, its own to an access key. Other accounts do not exist for a key.
    ///
    /// # Errors
    /// [`Refusal`]: no key, no such account, the store.
    pub async fn get(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        self.reader.readable(caller, id).await
    }

    /// Returns the warning of an account that has no error, if there is one ([`Account::warning`]).
    #[must_use]
    pub fn warning(&self, account: &Account) -> Option<Fault> {
        account.warning(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    mod after_restore;
    mod delete;
    mod search;
}
