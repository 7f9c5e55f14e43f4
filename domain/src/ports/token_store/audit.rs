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
    /// Whether the log was changed from outside the service.
    pub is_broken: bool,
}

/// Stores the entries of the audit log. Numbered entries are never changed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries to the inbox. [`Self::chain_entries`] numbers them later. Skips entries that are already stored.
    async fn store_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError>;

    /// Numbers up to `limit` entries of the inbox, the oldest first, with [`AuditChain::extend`]. Across all replicas,
    /// only one caller at a time can do this.
    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<Chained, StoreError>;

    /// Returns up to `limit` entries that match the filter, after the entry `after` and in the order of their numbers.
    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns the signed ends of the log; `None` before the first entry.
    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError>;

    /// Deletes up to `limit` of the oldest entries, up to the first entry that is dated within `retained`
    /// ([`AuditChain::shorten`]). Moves the signed start of the log past the deleted entries. Returns how many were
    /// deleted.
    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
