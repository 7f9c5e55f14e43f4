//! The outbox of revocations.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::revocation::{
    NewRevocation, Revocation, RevocationId, RevocationLease, RevocationResult,
};
use crate::grant::{AccountKey, LeaseVersion, ProviderName};
use crate::time::Timestamp;

/// Stores tokens to be revoked at providers, and the results of the revocations. A revocation that has ended contains
/// no token.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Stores tokens that belong to no account, so that they are revoked. Stores nothing if the person is known and has
    /// an account. Returns whether the tokens were stored.
    async fn store_stray(&self, stray: NewRevocation) -> Result<bool, StoreError>;

    /// Leases up to `limit` revocations that are due at `now` and not leased, the most overdue first. Skips revocations
    /// at the providers in `busy`. Each lease increments the lease's version.
    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError>;

    /// Returns when the next revocation is due at a provider that is not `busy`. Includes leased revocations.
    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Records whose tokens a revocation contains, and cancels the revocation if this person has an account. `None`
    /// means that the provider does not identify the person. Any account of an unknown person at this provider may then
    /// belong to them, so one such account is enough to cancel. Returns whether the tokens must still be revoked under
    /// this lease.
    async fn attribute_revocation(
        &self,
        lease: &RevocationLease,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Returns the latest deadline of the links that hold tokens of this person and wait for their return code. Ignores
    /// links past their deadline.
    async fn tokens_held_until(
        &self,
        person: &AccountKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Records the result of an attempt and ends the lease. Returns `false` and records nothing if the lease's version
    /// is no longer `lease` or the revocation has ended.
    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Returns a revocation.
    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError>;

    /// Returns up to `limit` revocations after the revocation `after`, in the order of their numbers.
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
