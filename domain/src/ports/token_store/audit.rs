use std::ops::RangeInclusive;

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditNumber, SignedEntry};
use crate::time::Timestamp;

/// The result of [`AuditStore::chain_entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chained {
    /// How many entries were numbered.
    pub taken: u64,
    /// Whether somebody else has changed the log.
    pub is_broken: bool,
}

/// Entries of the audit log. A numbered entry is never changed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries to the inbox, where [`Self::chain_entries`] numbers them later. Skips entries that are stored
    /// already.
    async fn store_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError>;

    /// Numbers up to `limit` stored entries, the oldest first, with [`AuditChain::extend`]. Across all replicas, only
    /// one caller at a time does so.
    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<Chained, StoreError>;

    /// Returns up to `limit` entries that match the filter and have numbers above `after`, in the order of their
    /// numbers.
    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns the signed ends of the log; `None` before the first entry.
    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError>;

    /// Deletes old entries among the `limit` oldest, as [`AuditChain::shorten`] decides: those before the first entry
    /// that is dated within `retained`. Moves the signed start past them. Returns how many were deleted.
    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
