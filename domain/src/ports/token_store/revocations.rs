//! The outbox of tokens that are to be revoked.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::revocation::{
    NewRevocation, Revocation, RevocationId, RevocationLease, RevocationResult,
};
use crate::grant::{LeaseVersion, ProviderName};
use crate::time::Timestamp;

/// What is to be revoked at providers, and what became of it. A revocation that has ended holds no token any more.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Keeps tokens that nobody waits for any more, to be revoked, unless the person is known and has a live account;
    /// whether they were kept. Keeping the same ones again changes nothing.
    async fn keep_stray(&self, stray: NewRevocation) -> Result<bool, StoreError>;

    /// Leases up to `limit` revocations that are due at `now` and which nobody holds a lease of, the longest due first;
    /// those at the providers in `busy` are left alone. Claiming raises the lease's version.
    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError>;

    /// When the next revocation is due at a provider that is not `busy`, leases counted in.
    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Notes whose tokens a revocation holds, and cancels it if that person has a live account. With `None` the
    /// provider does not say who it is: any live account of the provider whose person is not known either may be
    /// theirs. Whether there is still something to revoke under this lease.
    async fn attribute_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Keeps what an attempt brought and ends the lease, if it is still that of the claim and the revocation has not
    /// ended. Returns whether it was kept.
    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A revocation.
    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError>;

    /// Up to `limit` revocations in the order of their numbers, those after `after` only.
    async fn revocations(
        &self,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Deletes up to `limit` revocations that ended before `ended_before`. Returns how many went.
    async fn purge_revocations(
        &self,
        ended_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}
