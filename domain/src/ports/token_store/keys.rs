//! Access keys in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::AuditDraft;
use crate::grant::{AccessKeyId, AccountId, KeyHolder, KeyRecord, NewKey};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// What opens accounts.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The key with this hash and what it opens, whether or not it has expired.
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError>;

    /// Up to `limit` keys of an account in the order of their numbers, those after `after` only.
    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError>;

    /// Keeps a new key, unless the account has `most` already. [`StoreError::Conflict`] when the account is gone. The audit
    /// entry is part of the transaction.
    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError>;

    /// Deletes a key of an account, with its links. Whether there was such a key. The audit entry is part of the transaction.
    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        audit: AuditDraft,
    ) -> Result<bool, StoreError>;

    /// Notes when keys were used last; a later use that is noted already stands, and keys that are gone are passed over.
    async fn note_key_uses(&self, uses: &[(AccessKeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// What became of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCreation {
    /// It is kept.
    Created(KeyRecord),
    /// The account has as many keys as it may have.
    Full,
}
