use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Fault;
use crate::audit::AuditDraft;
use crate::grant::refresh::{RefreshFailure, SuspectGrant};
use crate::grant::{
    AccountId, Generation, LeaseVersion, ProviderName, RefreshedTokens, StoredTokens,
};
use crate::time::Timestamp;

/// Leases refresh tokens, and stores the results of refreshes.
#[async_trait]
pub trait RefreshStore: Send + Sync {
    /// Leases up to `limit` accounts whose refresh has been due for at least `overdue_by` at `now` and that are not
    /// leased, the most overdue first. Skips accounts at the providers in `busy`. Each lease increments the lease's
    /// version. If an earlier lease expired without a result, its holder may have used the refresh token.
    /// [`Attempts::ambiguous`] records this.
    ///
    /// [`Attempts::ambiguous`]: crate::grant::refresh::Attempts::ambiguous
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        overdue_by: Duration,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError>;

    /// [Leases](StoredTokens::claim) one account, even if its refresh is not due. Makes the refresh due, so that an
    /// interrupted refresh is retried as soon as the lease expires.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the account is leased, if its lease version is no longer `seen`, or if there is no
    /// refresh token.
    async fn claim_refresh(
        &self,
        account: AccountId,
        seen: LeaseVersion,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError>;

    /// Returns when the next refresh is due at a provider that is not `busy`. Includes leased accounts.
    async fn next_refresh_at(&self, busy: &[ProviderName])
    -> Result<Option<Timestamp>, StoreError>;

    /// Ends a lease whose holder has not sent the refresh token. Does nothing if the lease now has another version.
    async fn release_refresh(
        &self,
        account: AccountId,
        lease: LeaseVersion,
    ) -> Result<(), StoreError>;

    /// Records the provider's response to the refresh token of a generation, as [`StoredTokens::record_refresh`]
    /// decides. Ends the lease if its version is still `lease`. An audit entry about [the
    /// change](crate::audit::AuditEvent::of_refresh) is part of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the account is gone, or its tokens now have another origin.
    async fn record_refresh(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        tokens: RefreshedTokens,
        audit: AuditDraft,
    ) -> Result<RecordedRefresh, StoreError>;

    /// Records a failure, as [`StoredTokens::record_failure`] decides. Ends the lease if its version is still `lease`.
    /// Returns whether the failure was recorded. An audit entry about [the
    /// change](crate::audit::AuditEvent::of_refresh) is part of the transaction.
    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
        audit: AuditDraft,
    ) -> Result<bool, StoreError>;

    /// Records that the refresh tokens of these accounts may have been used already ([`Attempts::ambiguous`]), and
    /// reschedules their next refresh. Accounts that are not degraded yet become degraded with `fault`. Skips accounts
    /// without a scheduled refresh. Returns how many accounts were marked.
    ///
    /// [`Attempts::ambiguous`]: crate::grant::refresh::Attempts::ambiguous
    async fn mark_suspect(
        &self,
        suspects: &[SuspectGrant],
        fault: &Fault,
    ) -> Result<u64, StoreError>;
}

/// The result of recording refreshed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedRefresh {
    /// The tokens are stored.
    Stored,
    /// Newer tokens were already stored, so these were discarded.
    Superseded,
}
