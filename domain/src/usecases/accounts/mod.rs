//! For operators and owners: list, refresh and delete accounts.

mod after_restore;
mod delete;
mod reader;
mod refresh;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::caller::{KEY_NEEDED, account_of};
use super::links::LinkEnder;
use super::page::Page;
use super::tokens::Renewal;
use super::withdrawal::Withdrawals;
use super::{AuditLog, Caller, Ports, Refusal, RevokeOnDemand, Revoker};
use crate::fault::Fault;
use crate::grant::{Account, AccountFilter, AccountId, AccountStatus, ProviderName, StatusAsOf};
use crate::labels::{Label, Labels};
use crate::ports::{AccountStore, Clock, RevocationStore};

pub use after_restore::after_restore;
pub(super) use reader::AccountReader;
pub use reader::NO_SUCH_ACCOUNT;

/// One page of accounts.
pub type AccountPage = Page<Account, AccountId>;

/// For the enrolment key.
pub const ENROLMENT_ONLY: Refusal =
    Refusal::Forbidden("the enrolment key may only request link codes");

/// Which accounts a caller wants to see.
#[derive(Debug, Clone, Default)]
pub struct AccountQuery {
    /// Accounts at this provider.
    pub provider: Option<ProviderName>,
    /// Accounts with this status.
    pub status: Option<AccountStatus>,
    /// Accounts with this label.
    pub label: Option<Label>,
}

impl AccountQuery {
    fn into_filter(self, status: Option<StatusAsOf>) -> AccountFilter {
        AccountFilter {
            provider: self.provider,
            status,
            label: self.label,
        }
    }
}

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

    /// Lists accounts: all that match for the admin; its own for an access key, if it matches.
    ///
    /// # Errors
    /// [`Refusal`]: no key, a key without an account, the store.
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

    /// Returns one account: any to the admin, its own to an access key. Other accounts do not exist for a key.
    ///
    /// # Errors
    /// [`Refusal`]: no key, no such account, the store.
    pub async fn get(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        self.reader.readable(caller, id).await
    }

    /// Returns the labels of these accounts; accounts without labels are left out. The caller must have got the
    /// accounts from here.
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
}
