//! The outbox of tokens that are to be revoked.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::revocation::{
    NewRevocation, Revocation, RevocationId, RevocationLease, RevocationResult,
};
use crate::grant::{AccountKey, LeaseVersion, ProviderName};
use crate::time::Timestamp;

/// The outbox of tokens to be revoked at providers, and the results. A revocation that has ended contains no token.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Stores tokens that belong to no account, to be revoked, unless the person is known and has an account. Returns
    /// whether they were stored.
    async fn store_stray(&self, stray: NewRevocation) -> Result<bool, StoreError>;

    /// Leases up to `limit` revocations that are due at `now` and that nobody has leased, longest overdue first. Skips
    /// revocations at the providers in `busy`. Claiming increments the lease's version.
    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError>;

    /// Returns when the next revocation is due at a provider that is not `busy`, leased revocations included.
    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Records whose tokens a revocation contains, and cancels it if that person has an account. `None` means that the
    /// provider does not identify the person. Then every account of an unknown person at this provider may be theirs,
    /// so one such account is enough to cancel. Returns whether there is still something to revoke under this lease.
    async fn attribute_revocation(
        &self,
        lease: &RevocationLease,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Returns the latest deadline of the links that hold tokens of this person and wait for their return code; `None`
    /// if there is no such link before its deadline.
    async fn tokens_held_until(
        &self,
        person: &AccountKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Records the result of an attempt and ends the lease, if the lease is still `lease` and the revocation has not
    /// ended. Returns whether the result was recorded.
    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Returns a revocation.
    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError>;

    /// Returns up to `limit` revocations with numbers above `after`, in the order of their numbers.
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
