//! The outbox of tokens that are to be revoked.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::revocation::{
    NewRevocation, Revocation, RevocationId, RevocationLease, RevocationResult,
};
use crate::grant::{LeaseVersion, ProviderName};
use crate::time::Timestamp;

/// The outbox of tokens to be revoked at providers, and the results. A revocation that has ended holds no token.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Stores tokens that nobody waits for any more, to be revoked, unless the person is known and has a live account.
    /// Returns whether they were stored.
    async fn store_stray(&self, stray: NewRevocation) -> Result<bool, StoreError>;

    /// Leases up to `limit` revocations that are due at `now` and that nobody has leased, the longest due first. Skips
    /// those at the providers in `busy`. Claiming increments the lease's version.
    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError>;

    /// Returns when the next revocation is due at a provider that is not `busy`, including leased ones.
    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Records whose tokens a revocation holds, and cancels it if that person has a live account. `None` means that the
    /// provider does not identify the person. Then any live account at the provider whose person is unknown may be
    /// theirs. Returns whether there is still something to revoke under this lease.
    async fn attribute_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Records the result of an attempt and ends the lease, if this lease still counts and the revocation has not
    /// ended. Returns whether the result was recorded.
    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A revocation.
    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError>;

    /// Returns up to `limit` revocations in the order of their numbers, starting behind `after`.
    async fn revocations(
        &self,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Deletes up to `limit` revocations that ended before `ended_before`. Returns how many were deleted.
    async fn purge_revocations(
        &self,
        ended_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
