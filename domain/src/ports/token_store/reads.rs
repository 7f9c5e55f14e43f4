//! Reads for the most frequent request: the token of an access key.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::{AccessKeyId, KeyHolder, StoredTokens};
use crate::secret::KeyedHash;

/// Reads the accounts that keys give access to.
#[async_trait]
pub trait ReadStore: Send + Sync {
    /// Returns the key with this hash and what it gives access to. If the key has an account, the tokens are read in
    /// the same statement. Expired keys are returned too. If the key's link is completed during the call, the key may
    /// have an account but the tokens may be missing.
    async fn open_key(&self, key: &KeyedHash) -> Result<Option<OpenedKey>, StoreError>;

    /// Returns the keys in `seen` for which [`ReadStore::open_key`] would now return a different result.
    async fn changed(
        &self,
        seen: &[(AccessKeyId, RowVersion)],
    ) -> Result<Vec<AccessKeyId>, StoreError>;
}

/// A key and what it gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedKey {
    /// The key.
    pub holder: KeyHolder,
    /// The tokens of the key's account, read together with the key. `None` if the key had no account when the tokens
    /// were read.
    pub grant: Option<OpenedGrant>,
}

/// Sealed tokens with the version of their rows. [`ReadStore::changed`] compares this version to detect changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedGrant {
    /// The tokens.
    pub tokens: StoredTokens,
    /// The version of the rows from which the tokens were read.
    pub version: RowVersion,
}

/// The version of the rows behind an [`OpenedGrant`]. Only the store that created the version can interpret it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowVersion(pub Arc<str>);
