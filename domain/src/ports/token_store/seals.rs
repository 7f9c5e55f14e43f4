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

    /// The keys that stored values were sealed with. It costs the same however many values are stored.
    async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError>;

    /// Up to `limit` rows of a table of which a value was sealed with another key than `present`, in the order of their
    /// numbers, those after `after` only.
    async fn rows_sealed_otherwise(
        &self,
        table: SealedTable,
        present: SealId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Replaces sealed values by the same ones under another key, in each row whose values are still the ones that were
    /// read; other rows stay as they are. Returns how many rows were changed.
    async fn reseal(&self, rows: &[Resealing]) -> Result<u64, StoreError>;
}

/// The tables with sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedTable {
    /// The hash key.
    ServiceKeys,
    /// Accounts' tokens.
    Tokens,
    /// What links hold while a person consents.
    DeviceCodes,
    /// What is to be revoked.
    Revocations,
}

impl SealedTable {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ServiceKeys,
        Self::Tokens,
        Self::DeviceCodes,
        Self::Revocations,
    ];
}

/// The columns with sealed values, over all tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The hash key of `service_keys`.
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

/// What a row is known by: its values are sealed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedTo {
    /// The one row of `service_keys`.
    Service,
    /// Tokens of an account.
    Account(AccountKey),
    /// A link, by the hash of its code.
    Link(KeyedHash),
    /// A revocation.
    Revocation(RevocationReference),
}

/// A row with its sealed values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The store's number.
    pub id: i64,
    /// What it is known by.
    pub owner: SealedTo,
    /// Its sealed values, those that there are.
    pub values: Vec<SealedValue>,
}

/// A sealed value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The column.
    pub column: SealedColumn,
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
