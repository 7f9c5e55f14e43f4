//! Accounts and their health.

use super::authenticate::KEY_NEEDED;
use super::{Broker, Caller, Refusal};
use crate::grant::{Account, AccountId};

/// One page of accounts.
#[derive(Debug, Clone)]
pub struct AccountPage {
    /// The accounts, in the order of their numbers.
    pub items: Vec<Account>,
    /// Where the next page starts, if there is one.
    pub next: Option<AccountId>,
}

const NO_SUCH_ACCOUNT: Refusal = Refusal::NotFound("there is no such account");
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
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut items = self.store.accounts(after, limit.saturating_add(1)).await?;
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(|account| account.id);
        let now = self.clock.now();
        let items = items.into_iter().map(|account| account.as_of(now));
        let items = items.collect();
        Ok(AccountPage { items, next })
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

    pub(super) async fn stored_account(&self, id: AccountId) -> Result<Account, Refusal> {
        let account = self.store.account(id).await?.ok_or(NO_SUCH_ACCOUNT)?;
        Ok(account.as_of(self.clock.now()))
    }
}
