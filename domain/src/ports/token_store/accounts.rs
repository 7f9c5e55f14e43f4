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

    /// Returns up to `limit` accounts with numbers above `after`, in the order of their numbers.
    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        self.accounts_matching(&AccountFilter::default(), after, limit)
            .await
    }

    /// Returns up to `limit` accounts that match a filter ([`AccountFilter::admits`]) and have numbers above `after`,
    /// in the order of their numbers.
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

    /// Whether the provider of an account has another account whose grant has not ended.
    async fn has_others_alive(&self, than: &Account) -> Result<bool, StoreError>;

    /// Deletes an account with its tokens, its keys and their links. Stores the tokens to be revoked, leased to the
    /// caller until [`NewRevocation::lease_until`]. [`StoreError::Conflict`] if the account is gone, if its tokens are
    /// not those of `seen` any more, or if an open relink holds tokens, which nobody would revoke. The audit entry is
    /// part of the transaction.
    async fn delete_account(
        &self,
        seen: &StoredTokens,
        revocation: NewRevocation,
        audit: AuditDraft,
    ) -> Result<RevocationLease, StoreError>;
}
