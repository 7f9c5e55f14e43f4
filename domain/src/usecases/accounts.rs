//! Accounts and their health.

use super::authenticate::KEY_NEEDED;
use super::page::Page;
use super::{Broker, Caller, Refusal};
use crate::fault::Fault;
use crate::grant::{Account, AccountId, KeyRole};
use crate::ports::StoreError;

/// One page of accounts.
pub type AccountPage = Page<Account, AccountId>;

pub(super) const NO_SUCH_ACCOUNT: Refusal = Refusal::NotFound("there is no such account");
pub(super) const READING_ONLY: Refusal =
    Refusal::Forbidden("this key may read the token and the account, and nothing else");
const ENROLMENT_ONLY: Refusal = Refusal::Forbidden("the enrolment key only asks for link codes");

impl Broker {
    /// Lists accounts: all to the admin, its own to an access key.
    ///
    /// # Errors
    /// [`Refusal`]: no key, a key without an account, the store.
    pub async fn list_accounts(
        &self,
        caller: &Caller,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        match caller {
            Caller::Nobody => Err(KEY_NEEDED),
            Caller::Enroller => Err(ENROLMENT_ONLY),
            Caller::Admin => self.page_of_accounts(after, limit).await,
            Caller::Key(key) => {
                let own = self.stored_account(self.account_of(key)?).await?;
                let items = Vec::from_iter((after < Some(own.id)).then_some(own));
                Ok(AccountPage { items, next: None })
            }
        }
    }

    async fn page_of_accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        let stored = self.store.accounts(after, limit.saturating_add(1)).await?;
        let (outages, now) = (self.store.outages().await?, self.clock.now());
        let items = stored
            .into_iter()
            .map(|account| account.as_of(now, &outages));
        Ok(Page::cut(items.collect(), limit, |account| account.id))
    }

    /// One account: any to the admin, its own to an access key; another's does not exist for it.
    ///
    /// # Errors
    /// [`Refusal`]: no key, no such account, the store.
    pub async fn account(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        match caller {
            Caller::Nobody => Err(KEY_NEEDED),
            Caller::Enroller => Err(ENROLMENT_ONLY),
            Caller::Admin => self.stored_account(id).await,
            Caller::Key(key) if self.account_of(key)? == id => self.stored_account(id).await,
            Caller::Key(_) => Err(NO_SUCH_ACCOUNT),
        }
    }

    /// One account, to whoever may do everything with it: the admin, and the key that was handed out with a link code.
    pub(super) async fn owned_account(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Account, Refusal> {
        let account = self.account(caller, id).await?;
        match caller {
            Caller::Key(key) if key.role != KeyRole::Owner => Err(READING_ONLY),
            _ => Ok(account),
        }
    }

    /// What is to be known now of an account although nothing has gone wrong with it ([`Account::warning`]).
    #[must_use]
    pub fn warning(&self, account: &Account) -> Option<Fault> {
        account.warning(self.clock.now())
    }

    pub(super) async fn stored_account(&self, id: AccountId) -> Result<Account, Refusal> {
        let account = self.store.account(id).await?.ok_or(NO_SUCH_ACCOUNT)?;
        Ok(self.as_of_now(account).await?)
    }

    /// The account as it is now. Outages are read only where its refresh is due: they change nothing for others.
    pub(super) async fn as_of_now(&self, account: Account) -> Result<Account, StoreError> {
        let now = self.clock.now();
        let outages = match account.next_refresh_at {
            Some(due) if due <= now => self.store.outages().await?,
            _ => Vec::new(),
        };
        Ok(account.as_of(now, &outages))
    }
}
