//! Reads accounts with their current health, for callers who may see them.

use std::sync::Arc;

use crate::grant::refresh::Outage;
use crate::grant::{
    Account, AccountFilter, AccountId, AccountStatus, KeyRole, ProviderName, StatusAsOf,
    StoredTokens,
};
use crate::labels::Label;
use crate::ports::{AccountStore, Clock, OutageStore, StoreError};
use crate::usecases::caller::{AUDITING_ONLY, KEY_NEEDED, READING_ONLY, account_of};
use crate::usecases::page::Page;
use crate::usecases::{Caller, Ports, Refusal};

/// One page of accounts.
pub type AccountPage = Page<Account, AccountId>;

/// The refusal for an enrolment key that is used for anything but link codes.
pub const ENROLMENT_ONLY: Refusal =
    Refusal::Forbidden("the enrolment key may only request link codes");

/// A filter for accounts. An account must match every field that is set.
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
    pub(super) fn into_filter(self, status: Option<StatusAsOf>) -> AccountFilter {
        AccountFilter {
            provider: self.provider,
            status,
            label: self.label,
        }
    }
}

/// The refusal for an account that does not exist, or that the caller must not see.
pub const NO_SUCH_ACCOUNT: Refusal = Refusal::NotFound("there is no such account");

/// Reads accounts with their current health, including outages of their providers.
#[derive(Clone)]
pub(super) struct AccountReader {
    accounts: Arc<dyn AccountStore>,
    outages: Arc<dyn OutageStore>,
    clock: Arc<dyn Clock>,
}

impl AccountReader {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            accounts: ports.store.clone(),
            outages: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
        }
    }

    pub(super) async fn get(&self, id: AccountId) -> Result<Account, Refusal> {
        let account = self.accounts.account(id).await?.ok_or(NO_SUCH_ACCOUNT)?;
        Ok(self.as_of_now(account).await?)
    }

    pub(super) async fn tokens(&self, id: AccountId) -> Result<StoredTokens, Refusal> {
        let gone = Refusal::NotFound("the account is gone");
        let mut tokens = self.accounts.tokens(id).await?.ok_or(gone)?;
        tokens.account = self.as_of_now(tokens.account).await?;
        Ok(tokens)
    }

    /// Returns a page of the accounts that match.
    pub(super) async fn page(
        &self,
        query: AccountQuery,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        let (outages, now) = (self.outages.outages().await?, self.clock.now());
        let status = query.status.map(|status| StatusAsOf {
            status,
            now,
            outages: outages.clone(),
        });
        let filter = query.into_filter(status);
        let stored = self
            .accounts
            .accounts_matching(&filter, after, limit.saturating_add(1))
            .await?;
        let items = stored
            .into_iter()
            .map(|account| account.as_of(now, &outages));
        Ok(Page::cut(items.collect(), limit, |account| account.id))
    }

    /// Returns an account, if the caller may read it: an admin, an auditor, or any key of the account.
    pub(super) async fn readable(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Account, Refusal> {
        match caller {
            Caller::Nobody => Err(KEY_NEEDED),
            Caller::Enroller(_) => Err(ENROLMENT_ONLY),
            Caller::Key(key) if account_of(key, self.clock.now())? != id => Err(NO_SUCH_ACCOUNT),
            Caller::Admin(_) | Caller::Auditor(_) | Caller::Key(_) => self.get(id).await,
        }
    }

    /// Returns an account, if the caller may list its keys: an admin, an auditor, or an owner key of the account.
    pub(super) async fn with_listable_keys(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Account, Refusal> {
        match caller {
            Caller::Auditor(_) => self.readable(caller, id).await,
            _ => self.owned(caller, id).await,
        }
    }

    /// Returns an account, if the caller may change it: an admin, or an owner key of the account.
    pub(super) async fn owned(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        let account = self.readable(caller, id).await?;
        match caller {
            Caller::Key(key) if key.role != KeyRole::Owner => Err(READING_ONLY),
            Caller::Auditor(_) => Err(AUDITING_ONLY),
            _ => Ok(account),
        }
    }

    /// Returns the outage of a provider, if it has one.
    pub(super) async fn outage(
        &self,
        provider: &ProviderName,
    ) -> Result<Option<Outage>, StoreError> {
        let mut outages = self.outages.outages().await?.into_iter();
        Ok(outages.find(|outage| outage.provider == *provider))
    }

    /// Returns the account with its current health. Reads outages only if the account's refresh is due, because an
    /// outage affects no other accounts.
    pub(super) async fn as_of_now(&self, account: Account) -> Result<Account, StoreError> {
        let now = self.clock.now();
        let outages = match account.next_refresh_at {
            Some(due) if due <= now => self.outages.outages().await?,
            _ => Vec::new(),
        };
        Ok(account.as_of(now, &outages))
    }
}
