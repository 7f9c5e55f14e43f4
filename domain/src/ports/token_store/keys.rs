//! Access keys in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::AuditDraft;
use crate::grant::{AccessKeyId, AccountId, KeyHolder, KeyRecord, NewKey};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::vault::RowMacs;

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

    /// Keeps a new key with its MAC, unless the account has `most` already. [`StoreError::Conflict`] when the account is
    /// gone, or the key that makes it. The audit entry is part of the transaction.
    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError>;

    /// Deletes a key of an account with its links, and with the keys that it has made
    /// ([`KeyRecord::goes_with`](crate::grant::KeyRecord::goes_with)) if asked to. Returns the keys that are gone; none if there was no such
    /// key. Whoever makes a key at the same moment is either earlier, and the new key goes too, or fails. The audit entry is
    /// part of the transaction.
    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        with: Descendants,
        audit: AuditDraft,
    ) -> Result<Vec<AccessKeyId>, StoreError>;

    /// Up to `limit` keys without a MAC in the order of their numbers, those after `after` only.
    async fn keys_without_mac(
        &self,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyHolder>, StoreError>;

    /// Keeps the MACs of keys that had none. A key that has changed since it was read, or is gone, is passed over. Returns
    /// how many keys got one.
    async fn keep_key_macs(&self, keys: &[KeyHolder]) -> Result<u64, StoreError>;

    /// Notes when keys were used last; a later use that is noted already stands, and keys that are gone are passed over.
    async fn note_key_uses(&self, uses: &[(AccessKeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// What happens to the keys that come from a key which is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descendants {
    /// They stay.
    Kept,
    /// They are deleted too.
    Deleted,
}

/// What became of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCreation {
    /// It is kept.
    Created(KeyRecord),
    /// The account has as many keys as it may have.
    Full,
}
