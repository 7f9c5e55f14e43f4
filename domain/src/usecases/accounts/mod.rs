//! For operators and owners: list, refresh and delete accounts.

mod after_restore;
mod delete;
mod refresh;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account_reader::{AccountPage, AccountQuery, AccountReader, ENROLMENT_ONLY};
use super::caller::{KEY_NEEDED, account_of};
use super::links::LinkEnder;
use super::tokens::Renewal;
use super::withdrawal::Withdrawals;
use super::{AuditLog, Caller, Ports, Refusal, RevokeOnDemand, Revoker};
use crate::fault::Fault;
use crate::grant::{Account, AccountId};
use crate::labels::Labels;
use crate::ports::{AccountStore, Clock, RevocationStore};

pub use after_restore::after_restore;

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

    /// Lists the accounts that match. Admins and auditors see all of them; an access key sees only its own account.
    ///
    /// # Errors
    /// [`Refusal`]: there is no key, the key has no account, or the store fails.
    pub async fn list(
        &self,
        caller: &Caller,
        query: AccountQuery,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        match caller {
            Caller::Nobody => Err(KEY_NEEDED),
            Caller::Enroller(_) => Err(ENROLMENT_ONLY),
            Caller::Admin(_) | Caller::Auditor(_) => self.reader.page(query, after, limit).await,
            Caller::Key(key) => {
                let own = account_of(key, self.clock.now())?;
                let own = self.reader.get(own).await?;
                let is_listed = after < Some(own.id) && self.matches(&query, &own).await?;
                let items = Vec::from_iter(is_listed.then_some(own));
                Ok(AccountPage { items, next: None })
            }
        }
    }

    /// Returns one account. Admins and auditors can read every account. To an access key, only its own account exists.
    ///
    /// # Errors
    /// [`Refusal`]: there is no key, the account does not exist, or the store fails.
    pub async fn get(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        self.reader.readable(caller, id).await
    }

    /// Returns the labels of these accounts; accounts without labels are left out. Does not check access: pass only
    /// accounts that [`Accounts::list`] or [`Accounts::get`] has returned.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn labels(
        &self,
        accounts: &[Account],
    ) -> Result<BTreeMap<AccountId, Labels>, Refusal> {
        let ids = Vec::from_iter(accounts.iter().map(|account| account.id));
        Ok(self.accounts.labels(&ids).await?)
    }

    async fn matches(&self, query: &AccountQuery, own: &Account) -> Result<bool, Refusal> {
        let labels = match query.label {
            Some(_) => self.accounts.labels(&[own.id]).await?.remove(&own.id),
            None => None,
        };
        let is_status = query.status.is_none_or(|status| status == own.status);
        let filter = query.clone().into_filter(None);
        Ok(is_status && filter.admits(own, &labels.unwrap_or_default()))
    }

    /// Returns the warning of an account, if it has one ([`Account::warning`]). Call this only for accounts without an
    /// error.
    pub fn warning(&self, account: &Account) -> Option<Fault> {
        account.warning(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    mod after_restore;
    mod delete;
}
