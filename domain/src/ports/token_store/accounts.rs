use std::collections::BTreeMap;

use async_trait::async_trait;

use super::StoreError;
use crate::audit::AuditDraft;
use crate::grant::revocation::{NewRevocation, RevocationLease};
use crate::grant::{Account, AccountFilter, AccountId, StoredTokens};
use crate::labels::Labels;

/// Reads and deletes accounts and their tokens.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Returns an account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// Returns up to `limit` accounts after the account `after`, in the order of their numbers.
    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        self.accounts_matching(&AccountFilter::default(), after, limit)
            .await
    }

    /// Returns up to `limit` accounts that match a filter ([`AccountFilter::admits`]), after the account `after` and in
    /// the order of their numbers.
    async fn accounts_matching(
        &self,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError>;

    /// Returns the labels of these accounts. Leaves out accounts without labels.
    async fn labels(
        &self,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Labels>, StoreError>;

    /// Returns an account with its tokens.
    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError>;

    /// Whether another account at the same provider has a grant that has not ended.
    async fn has_others_alive(&self, than: &Account) -> Result<bool, StoreError>;

    /// Deletes an account with its tokens, its keys and their links. Stores the tokens as a revocation that is leased
    /// to the caller until [`NewRevocation::lease_until`]. The audit entry is part of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the account is gone, if its tokens have changed since `seen`, or if an open relink
    /// holds tokens. Those tokens would never be revoked.
    async fn delete_account(
        &self,
        seen: &StoredTokens,
        revocation: NewRevocation,
        audit: AuditDraft,
    ) -> Result<RevocationLease, StoreError>;
}
