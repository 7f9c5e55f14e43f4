use async_trait::async_trait;

use super::StoreError;
use crate::audit::AuditDraft;
use crate::grant::{AccessKeyId, AccountId, KeyHolder, KeyRecord, NewKey};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::vault::RowMacs;

/// The access keys of accounts.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Returns the key with this hash and what it gives access to, from one snapshot. Expired keys are returned too.
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError>;

    /// Returns up to `limit` keys of an account after the key `after`, in the order of their numbers.
    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError>;

    /// Stores a new key with its MAC and, if any, its workload. Stores nothing if the account already has `most` keys
    /// that are unexpired when the new key is created. The audit entry is part of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the account is gone, or the key that creates the new one.
    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError>;

    /// Deletes a key of an account with its links and, with [`Descendants::Deleted`], the keys that it has created
    /// ([`KeyRecord::is_deleted_with`](crate::grant::KeyRecord::is_deleted_with)). If the key creates another key at
    /// the same moment, that key is deleted too, or its creation fails. Returns the deleted keys, or an empty list if
    /// the key does not exist. The audit entry is part of the transaction.
    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        with: Descendants,
        audit: AuditDraft,
    ) -> Result<Vec<AccessKeyId>, StoreError>;

    /// Deletes up to `limit` keys that expired before `expired_before`. Skips keys without an account and keys that
    /// have links. Returns how many were deleted. The audit entries of the deleted keys are part of the transaction.
    async fn purge_keys(
        &self,
        expired_before: Timestamp,
        limit: u64,
        audit: AuditDraft,
    ) -> Result<u64, StoreError>;

    /// Returns up to `limit` keys without a MAC, ordered by id. Returns only keys whose id is greater than `after`.
    async fn keys_without_mac(
        &self,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyHolder>, StoreError>;

    /// Stores the MACs of keys that had none. Skips keys that were deleted or changed since they were read. Returns how
    /// many MACs were stored.
    async fn store_key_macs(&self, keys: &[KeyHolder]) -> Result<u64, StoreError>;

    /// Records when keys were last used ([`last_use`](crate::clock_step::last_use)). Skips keys that were deleted.
    async fn note_key_uses(
        &self,
        uses: &[(AccessKeyId, Timestamp)],
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// What happens to the keys that a deleted key has created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descendants {
    /// These keys stay.
    Kept,
    /// These keys are deleted too.
    Deleted,
}

/// The result of storing a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCreation {
    /// The key is stored.
    Created(KeyRecord),
    /// The account has reached the maximum number of keys that have not expired.
    Full,
}
