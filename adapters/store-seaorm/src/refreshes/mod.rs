//! Refreshes of tokens: leases, results, and outages of providers.

mod claim;
pub(crate) mod claimed;
pub(crate) mod open_providers;
pub(crate) mod outages;
mod record;

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::audit::AuditDraft;
use central_oauth_domain::grant::refresh::{Doubt, RefreshFailure};
use central_oauth_domain::grant::{
    AccountId, Generation, LeaseVersion, ProviderName, RefreshedTokens, StoredTokens,
};
use central_oauth_domain::ports::{Recorded, RefreshStore, StoreError};
use central_oauth_domain::{Fault, Timestamp};

pub(crate) use record::expire;

use crate::store::SeaOrmStore;

#[async_trait]
impl RefreshStore for SeaOrmStore {
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        overdue_by: Duration,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        claim::due(self, now, overdue_by, lease_until, limit, busy).await
    }

    async fn claim_refresh(
        &self,
        account: AccountId,
        seen: LeaseVersion,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        claim::one(self, account, seen, now, lease_until).await
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        claim::next_due(self, busy).await
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease: LeaseVersion,
    ) -> Result<(), StoreError> {
        record::release(self, account, lease).await
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        tokens: RefreshedTokens,
        audit: AuditDraft,
    ) -> Result<Recorded, StoreError> {
        record::success(self, account, generation, lease, tokens, audit).await
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
        audit: AuditDraft,
    ) -> Result<bool, StoreError> {
        record::failure(self, account, generation, lease, failure, audit).await
    }

    async fn doubt(&self, doubts: &[Doubt], fault: &Fault) -> Result<u64, StoreError> {
        record::doubt(self, doubts, fault).await
    }
}
