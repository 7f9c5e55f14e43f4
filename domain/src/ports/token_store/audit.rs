//! The audit log in the store.

use std::ops::RangeInclusive;

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditNumber, SignedEntry};
use crate::time::Timestamp;

/// What [`AuditStore::chain_entries`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chained {
    /// How many entries were taken.
    pub taken: u64,
    /// Whether somebody else has changed the log.
    pub is_broken: bool,
}

/// Entries of the audit log. Nothing changes an entry that has its place.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Keeps entries until they get their places. An entry that was kept before is not kept again.
    async fn keep_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError>;

    /// Gives up to `limit` kept entries their places, the oldest first, as [`AuditChain::extend`] decides. One caller at a
    /// time does so, in all replicas.
    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<Chained, StoreError>;

    /// Returns up to `limit` entries in the order of their numbers, those after `after` only.
    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns the signed ends of the log; `None` before the first entry.
    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError>;

    /// Of the `limit` oldest entries, deletes those before the first one that is dated within `retained`, as
    /// [`AuditChain::shorten`] decides, and moves the signed start behind them. Returns how many.
    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
