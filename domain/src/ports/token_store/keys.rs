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

    /// Returns up to `limit` keys of an account with numbers above `after`, in the order of their numbers.
    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError>;

    /// Stores a new key with its MAC and its workload, if any, unless the account already has `most` keys that have not
    /// expired when the new key is created. [`StoreError::Conflict`] if the account, or the key that creates the new
    /// one, is gone. The audit entry is part of the transaction.
    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError>;

    /// Deletes a key of an account with its links, and on request the keys that it has created
    /// ([`KeyRecord::is_deleted_with`](crate::grant::KeyRecord::is_deleted_with)). Returns the deleted keys; none if
    /// there was no such key. With [`Descendants::Deleted`], a key that the deleted key creates concurrently is deleted
    /// too, or its creation fails. The audit entry is part of the transaction.
    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        with: Descendants,
        audit: AuditDraft,
    ) -> Result<Vec<AccessKeyId>, StoreError>;

    /// Deletes up to `limit` keys of accounts, without links, that expired before `expired_before`. Returns how many
    /// were deleted. Their audit entries are part of the transaction.
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

    /// Stores the MACs of keys that had none. Skips keys that are gone or have changed since they were read. Returns
    /// how many keys got a MAC.
    async fn store_key_macs(&self, keys: &[KeyHolder]) -> Result<u64, StoreError>;

    /// Records when keys were last used, as [`last_use`](crate::clock_step::last_use) says. Skips keys that are gone.
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
