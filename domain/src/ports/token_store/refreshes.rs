//! Refreshes in the store.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Fault;
use crate::grant::refresh::{Doubt, RefreshFailure};
use crate::grant::{AccountId, ProviderName, RefreshedTokens, StoredTokens};
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

    /// Leases one account, due or not, if its lease still has the version that the caller saw and nobody holds it
    /// ([`StoreError::Conflict`] otherwise, and without a refresh token). The refresh is due from now on, planned or not,
    /// so that one that is cut short goes on as soon as the lease lapses.
    async fn claim_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
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
        lease_version: i64,
    ) -> Result<(), StoreError>;

    /// Records the tokens that the provider gave for the refresh token of a generation. The generation alone decides what
    /// is stored, whoever holds the lease. If that generation is still the stored one, the tokens replace what is stored,
    /// the generation grows, and the account is active again. If the generation has moved on, a new refresh token among
    /// them becomes the spare; tokens [of a later answer] take the place of the stored ones, whose refresh token becomes
    /// the spare; and if the grant has been given up meanwhile, they replace what is stored all the same.
    ///
    /// Ends the lease if it still has `lease_version`. The lease of somebody else stays: their request is still on its
    /// way, and until it is answered nobody may present the new refresh token. Recording the same tokens again changes
    /// nothing. [`StoreError::Conflict`] when the account is gone, or its tokens come from another place by now.
    ///
    /// [of a later answer]: RefreshedTokens::are_of_a_later_answer
    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError>;

    /// Records what a failure means, if generation and lease are still those of the claim; a failure of another generation
    /// is dropped. Ends the lease if it still has `lease_version`, whatever becomes of the failure. Returns whether the
    /// failure was recorded.
    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError>;

    /// Puts the spare refresh token in the place of the stored one, which is dead; the generation grows and the lease
    /// stays with the caller. `None` without a spare, or when generation or lease have moved on.
    async fn promote_spare(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
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
