//! Sealed (encrypted) values, regardless of their meaning: the keys that they need, and their re-encryption.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::AccountKey;
use crate::grant::revocation::RevocationReference;
use crate::secret::{KeyedHash, SealId, Sealed};

/// Stores the hash key, and re-encrypts sealed values.
#[async_trait]
pub trait SealStore: Send + Sync {
    /// Returns the sealed hash key, if the store has one.
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError>;

    /// Stores `candidate` as the hash key if the store has none. Returns the stored hash key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the store has no hash key but has other data, or is the target of a running copy. A
    /// new hash key would not match the existing hashes.
    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError>;

    /// Replaces the hash key `seen` with `by`. Returns `false` and changes nothing if another hash key is stored.
    async fn replace_hash_key(&self, seen: &Sealed, by: &Sealed) -> Result<bool, StoreError>;

    /// Returns which keys sealed the stored values. The cost does not grow with the number of values.
    async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError>;

    /// Returns up to `limit` owners of a kind that have a value sealed by a different key from `current`, with numbers
    /// greater than `after` and in the order of their numbers. An unreadable row does not prevent reading the others.
    async fn rows_sealed_otherwise(
        &self,
        owners: OwnerKind,
        current: SealId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Result<SealedRow, DamagedRow>>, StoreError>;

    /// Replaces sealed values with re-encrypted ones. Skips rows whose values have changed since they were read.
    /// Returns how many rows were changed.
    async fn reseal(&self, rows: &[Resealing]) -> Result<u64, StoreError>;
}

/// The kinds of owners of sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// The service itself: its hash key.
    Service,
    /// Accounts: their tokens.
    Account,
    /// Links: their secrets while a person consents.
    Link,
    /// Revocations: the tokens to be revoked.
    Revocation,
}

impl OwnerKind {
    /// All kinds of owners.
    pub const ALL: [Self; 4] = [Self::Service, Self::Account, Self::Link, Self::Revocation];
}

/// The kind of a sealed value, such as an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The hash key of the service.
    HashKey,
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// Extra members of a token response. In an account, these members and the access token are always sealed at the
    /// same time, with the same key.
    Extra,
    /// A device code.
    DeviceCode,
    /// A user code.
    UserCode,
    /// The callback of a browser.
    Callback,
    /// The URL at which the person consents.
    VerificationUriComplete,
}

/// The owner of sealed values. Values can be decrypted only for their owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedTo {
    /// The service itself.
    Service,
    /// An account.
    Account(AccountKey),
    /// A link, by the hash of its code.
    Link(KeyedHash),
    /// A revocation.
    Revocation(RevocationReference),
}

impl From<&AccountKey> for SealedTo {
    fn from(key: &AccountKey) -> Self {
        Self::Account(key.clone())
    }
}

impl From<&KeyedHash> for SealedTo {
    fn from(code: &KeyedHash) -> Self {
        Self::Link(*code)
    }
}

impl From<&RevocationReference> for SealedTo {
    fn from(reference: &RevocationReference) -> Self {
        Self::Revocation(*reference)
    }
}

/// An owner with its sealed values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The store's number of the owner.
    pub id: i64,
    /// The owner.
    pub owner: SealedTo,
    /// The owner's sealed values. Absent values are left out.
    pub values: Vec<SealedValue>,
}

/// The number of an unreadable row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedRow(pub i64);

/// A sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// Its kind.
    pub kind: SecretKind,
    /// The value.
    pub sealed: Sealed,
}

/// A row that is re-encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealing {
    /// The row as it was read.
    pub row: SealedRow,
    /// The re-encrypted values, in the order of those in `row`.
    pub values: Vec<Sealed>,
}
