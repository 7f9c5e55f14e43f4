//! The StoreCopy port: everything in one store on its way into another.

use async_trait::async_trait;

use super::{SealedRow, SealedTable, StoreError};
use crate::secret::Sealed;

/// A copy of a store that nobody writes to meanwhile. It may be given up at any moment and begun again: until the hash
/// key is there the destination is unfinished, and no service starts on it.
#[async_trait]
pub trait StoreCopy: Send + Sync {
    /// How many rows each table has, on both sides.
    async fn counts(&self) -> Result<Vec<TableCount>, StoreError>;

    /// Makes a few more rows of the destination equal to the source's; `None` once all of them are.
    /// [`StoreError::Conflict`] when the destination has a hash key, [`StoreError::Corrupt`] when it does not take what
    /// the source holds.
    async fn step(&mut self) -> Result<Option<CopyStep>, StoreError>;

    /// Up to `limit` rows of a table of the destination with all their sealed values, in the order of their numbers,
    /// those after `after` only.
    async fn sealed_rows(
        &self,
        table: SealedTable,
        after: i64,
        limit: u64,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Gives the destination the hash key, with which it is complete.
    /// [`StoreError::Conflict`] when the destination has one already.
    async fn finish(self: Box<Self>, hash_key: &Sealed) -> Result<(), StoreError>;
}

/// Rows of a table that has been copied, or is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCount {
    /// Its name.
    pub table: &'static str,
    /// Whether its rows may hold sealed values.
    pub may_be_sealed: bool,
    /// Rows at the source.
    pub source: u64,
    /// Rows at the destination.
    pub destination: u64,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep {
    /// Looked at so many rows that an earlier attempt had left, and took away those that are not the source's.
    Compared(u64),
    /// The destination has so many more of the source's rows, be it that they were there already.
    Copied(u64),
}
