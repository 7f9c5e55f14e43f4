//! Finds accounts among many.

use super::{AccountPage, Accounts};
use crate::grant::{Account, AccountId, AccountStatus, ProviderName};
use crate::usecases::{Caller, Refusal};

/// Which accounts are searched for: those that have all of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSearch {
    /// The provider.
    pub provider: Option<ProviderName>,
    /// The status as it is shown.
    pub status: Option<AccountStatus>,
}

impl AccountSearch {
    fn admits(&self, account: &Account) -> bool {
        let provider = self.provider.as_ref();
        provider.is_none_or(|provider| account.key.provider == *provider)
            && self.status.is_none_or(|status| account.status == status)
    }
}

/// Accounts that are read at a time, and how often for one page.
const BATCHES: (u64, usize) = (500, 10);

impl Accounts {
    /// Lists the accounts that are searched for among those that [`Accounts::list`] lists. A page may have fewer than `limit`
    /// accounts, or none, although there is a next one: the search takes a break after 5,000 accounts.
    ///
    /// # Errors
    /// As [`Accounts::list`].
    pub async fn search(
        &self,
        caller: &Caller,
        wanted: &AccountSearch,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<AccountPage, Refusal> {
        self.search_in(caller, wanted, after, limit, BATCHES).await
    }

    pub(super) async fn search_in(
        &self,
        caller: &Caller,
        wanted: &AccountSearch,
        mut after: Option<AccountId>,
        limit: u64,
        (batch, most): (u64, usize),
    ) -> Result<AccountPage, Refusal> {
        let mut found = Vec::new();
        for _ in 0..most {
            let page = self.list(caller, after, batch).await?;
            found.extend(page.items.into_iter().filter(|one| wanted.admits(one)));
            after = page.next;
            if found.len() as u64 > limit {
                return Ok(AccountPage::cut(found, limit, |account| account.id));
            }
            if after.is_none() {
                break;
            }
        }
        Ok(AccountPage {
            items: found,
            next: after,
        })
    }
}
