//! Refreshes of tokens: leases, results, and outages of providers.

mod claim;
pub(crate) mod lease_cache;
pub(crate) mod open_providers;
pub(crate) mod outages;
mod record;
pub(crate) mod saved;

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::refresh::{RefreshFailure, SuspectGrant};
use central_oauth_domain::grant::{
    AccountId, Generation, LeaseVersion, ProviderName, RefreshedTokens, StoredTokens,
};
use central_oauth_domain::ports::{RecordedRefresh, RefreshStore, StoreError};
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::{ColumnTrait, QueryFilter};

pub(crate) use record::change;

use crate::accounts::locked::{lock, lock_all, save};
use crate::claims;
use crate::database::Purpose;
use crate::entities::tokens::{Column, Entity};
use crate::error::failed;
use crate::store::SeaOrmStore;
use lease_cache::versions;

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
        // Finds the rows before anything is locked, because this takes one query per provider.
        let rows = match busy {
            [] => None,
            busy => {
                let due_by = now - overdue_by;
                Some(open_providers::due_rows(&self.read().await?, due_by, limit, busy).await?)
            }
        };
        if rows.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let (time, saves_at_once) = (self.time.clone(), self.database.saves_at_once());
        let claimed = self.database.write(Purpose::Change, move |db| {
            Box::pin(async move {
                let (now, lease_until) = time.both(db, now, lease_until).await?;
                let due = claims::due::<Entity>(now - overdue_by, limit, &[]);
                let due = match rows {
                    Some(rows) => due.filter(Column::Id.is_in(rows)),
                    None => due,
                };
                let rows = claims::claim(db, due, lease_until, Ok).await?;
                let accounts = rows.iter().map(|row| row.account_id);
                let versions = versions(db, accounts.filter(|_| saves_at_once).collect()).await?;
                Ok::<_, StoreError>((claim::with_accounts(db, rows).await?, versions))
            })
        });
        let (claimed, versions) = claimed.await?;
        self.lease_cache.remember(&claimed, versions);
        Ok(claimed)
    }

    async fn claim_refresh(
        &self,
        account: AccountId,
        seen: LeaseVersion,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        let (time, saves_at_once) = (self.time.clone(), self.database.saves_at_once());
        let claimed = self.database.write(Purpose::Change, move |db| {
            Box::pin(async move {
                let (now, lease_until) = time.both(db, now, lease_until).await?;
                let stored = lock(db, account).await?.ok_or(StoreError::Conflict)?;
                let claimed = stored.claim(seen, now, lease_until);
                let claimed = claimed.ok_or(StoreError::Conflict)?;
                save(db, &stored, &claimed).await?;
                let accounts = saves_at_once.then_some(account.0);
                let versions = versions(db, accounts.into_iter().collect()).await?;
                Ok::<_, StoreError>((claimed, versions))
            })
        });
        let (claimed, versions) = claimed.await?;
        let row = std::slice::from_ref(&claimed);
        self.lease_cache.remember(row, versions);
        Ok(claimed)
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        let session = self.read().await?;
        // This runs about once a second, so it keeps the clock synchronised even if nothing seems due.
        self.time.ask(&session).await.map_err(failed)?;
        if busy.is_empty() {
            return claims::next_due_at::<Entity>(&session, &[]).await;
        }
        open_providers::next_due(&session, busy).await
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease: LeaseVersion,
    ) -> Result<(), StoreError> {
        let release = move |stored: &StoredTokens| Ok((stored.release(lease), ()));
        let released = change(self, Purpose::Change, account, None, release);
        released.await.map(drop)
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        tokens: RefreshedTokens,
        audit: AuditDraft,
    ) -> Result<RecordedRefresh, StoreError> {
        if let Some((claimed, version)) = self.lease_cache.take(account)
            && let Some((next, recorded)) = claimed.record_refresh(generation, lease, tokens.clone())
            // An audit entry needs a transaction.
            && AuditEvent::of_refresh(&claimed.account, &next.account).is_none()
            && let Some(row) = saved::row(&claimed, &version, &next)
            && self.database.save_at_once(&saved::SAVE, row).await
        {
            return Ok(recorded);
        }
        let record = move |stored: &StoredTokens| {
            let recorded = stored.record_refresh(generation, lease, tokens);
            recorded.ok_or(StoreError::Conflict)
        };
        let recorded = change(self, Purpose::Save, account, Some(audit), record).await?;
        recorded.ok_or(StoreError::Conflict)
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
        audit: AuditDraft,
    ) -> Result<bool, StoreError> {
        let record =
            move |stored: &StoredTokens| Ok(stored.record_failure(generation, lease, failure));
        let counts = change(self, Purpose::Save, account, Some(audit), record).await?;
        Ok(counts.unwrap_or(false))
    }

    async fn mark_suspect(
        &self,
        suspects: &[SuspectGrant],
        fault: &Fault,
    ) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let accounts = suspects.iter().map(|suspect| suspect.account);
        let mut marked = 0;
        for stored in lock_all(&write, accounts).await? {
            let is_of = |suspect: &&SuspectGrant| suspect.account == stored.account.id;
            let suspect = suspects.iter().find(is_of);
            let next =
                suspect.and_then(|suspect| stored.mark_suspect(suspect.next_refresh_at, fault));
            if let Some(next) = next {
                save(&write, &stored, &next).await?;
                marked += 1;
            }
        }
        write.commit().await?;
        Ok(marked)
    }
}
