//! Sealed values as such: which keys they need, and how they move from one key to the next.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::AccountKey;
use crate::grant::revocation::RevocationReference;
use crate::secret::{KeyedHash, SealId, Sealed};

/// The hash key, and all sealed values regardless of what they mean.
#[async_trait]
pub trait SealStore: Send + Sync {
    /// The sealed hash key, if the store has one.
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError>;

    /// Keeps `candidate` as the hash key unless there is one already; returns the one that is kept.
    /// [`StoreError::Conflict`] when there is none and yet something else is stored, or is being copied here: what a
    /// new key hashes would never be found beside what another one has hashed.
    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError>;

    /// Keeps `by` as the hash key if it still is `seen`. Returns whether it was.
    async fn replace_hash_key(&self, seen: &Sealed, by: &Sealed) -> Result<bool, StoreError>;

    /// The keys that stored values were sealed with. It costs the same however many values are stored.
    async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError>;

    /// Returns up to `limit` owners of a kind with a value that another key than `present` sealed, in the order of their
    /// numbers, those after `after` only.
    async fn rows_sealed_otherwise(
        &self,
        owners: OwnerKind,
        present: SealId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Replaces sealed values by the same ones under another key, in each row whose values are still the ones that were
    /// read; other rows stay as they are. Returns how many rows were changed.
    async fn reseal(&self, rows: &[Resealing]) -> Result<u64, StoreError>;
}

/// The kinds of owners of sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// The service itself: its hash key.
    Service,
    /// Accounts: their tokens.
    Account,
    /// Links: what they hold while a person consents.
    Link,
    /// Revocations: what is to be revoked.
    Revocation,
}

impl OwnerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Service, Self::Account, Self::Link, Self::Revocation];
}

/// Which of its owner's values a sealed value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The hash key of the service.
    HashKey,
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// A refresh token that came late.
    SpareRefreshToken,
    /// An ID token.
    IdToken,
    /// Members of a token answer for clients. Those of an account are always sealed together with its access token, so they
    /// need no other key than that.
    Extra,
    /// A device code.
    DeviceCode,
    /// A user code.
    UserCode,
    /// What a browser came back with.
    Callback,
    /// A consent address.
    VerificationUriComplete,
}

/// The owner of sealed values. They open for nobody else.
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
    /// The store's number.
    pub id: i64,
    /// The owner.
    pub owner: SealedTo,
    /// The owner's sealed values, those that there are.
    pub values: Vec<SealedValue>,
}

/// A sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// Which of its owner's values it is.
    pub kind: SecretKind,
    /// The value.
    pub sealed: Sealed,
}

/// A row that moves to another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealing {
    /// As it was read.
    pub row: SealedRow,
    /// The new values, in the order of the old ones.
    pub values: Vec<Sealed>,
}
