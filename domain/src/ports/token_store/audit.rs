//! The audit log in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditNumber, KeptEntry};
use crate::time::Timestamp;

/// Entries of the audit log. Nothing changes an entry that has its place.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Keeps entries until they get their places. An entry that was kept before is not kept again.
    async fn keep_entries(&self, entries: &[KeptEntry]) -> Result<(), StoreError>;

    /// Gives up to `limit` kept entries their places, the oldest first, as [`AuditChain::extend`] decides. One caller at a
    /// time does so, in all replicas. Returns how many entries were taken.
    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Returns up to `limit` entries in the order of their numbers, those after `after` only.
    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns the signed ends of the log; `None` before the first entry.
    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError>;

    /// Of the `limit` oldest entries, deletes those up to the last one that is dated before `before`, and moves the signed
    /// start behind it. So an entry that a clock which was ahead has dated does not keep the others. Returns how many.
    async fn purge_entries(
        &self,
        chain: &AuditChain,
        before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
