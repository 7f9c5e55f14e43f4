//! Refreshes in the store.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Fault;
use crate::grant::refresh::{Doubt, RefreshFailure};
use crate::grant::{
    AccountId, Generation, LeaseVersion, ProviderName, RefreshedTokens, StoredTokens,
};
use crate::time::Timestamp;

/// Who may present a refresh token, and what became of it.
#[async_trait]
pub trait RefreshStore: Send + Sync {
    /// Leases up to `limit` accounts whose refresh has been due for `overdue_by` at `now` and which nobody holds a lease of,
    /// the longest due first; those at the providers in `busy` are left alone. Claiming raises the lease's version. A claim that takes
    /// over a lease which nobody recorded anything under marks the attempts as ambiguous: whoever held it may have
    /// presented the refresh token before it died.
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        overdue_by: Duration,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError>;

    /// [Leases](StoredTokens::claim) one account, due or not. The refresh is due from now on, planned or not, so that one
    /// that is cut short goes on as soon as the lease lapses. [`StoreError::Conflict`] if the lease is not the one that the
    /// caller saw, or is held, or without a refresh token.
    async fn claim_refresh(
        &self,
        account: AccountId,
        seen: LeaseVersion,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError>;

    /// When the next refresh is due at a provider that is not `busy`, leases counted in.
    async fn next_refresh_at(&self, busy: &[ProviderName])
    -> Result<Option<Timestamp>, StoreError>;

    /// Gives a lease back with nothing sent. Without effect if it is somebody else's by now.
    async fn release_refresh(
        &self,
        account: AccountId,
        lease: LeaseVersion,
    ) -> Result<(), StoreError>;

    /// Records the provider's answer to the refresh token of a generation, as [`StoredTokens::record_refresh`] decides. Ends
    /// the lease if it is still `lease`. [`StoreError::Conflict`] when the account is gone, or its tokens are of another origin
    /// by now.
    async fn record_refresh(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError>;

    /// Records a failure, as [`StoredTokens::record_failure`] decides. Ends the lease if it is still `lease`. Returns whether
    /// the failure was recorded.
    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError>;

    /// [Puts the spare in the place](StoredTokens::promote_spare) of a dead refresh token. `None` without a spare, or when
    /// generation or lease have moved on.
    async fn promote_spare(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
    ) -> Result<Option<StoredTokens>, StoreError>;

    /// Marks the attempts of accounts as ambiguous and plans their next refresh, with `fault` for their health, where a
    /// refresh is planned; others stay as they are. Returns how many were marked.
    async fn doubt(&self, doubts: &[Doubt], fault: &Fault) -> Result<u64, StoreError>;
}

/// What became of refreshed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// They are the stored ones now.
    Stored,
    /// Others had come first.
    Superseded,
}
