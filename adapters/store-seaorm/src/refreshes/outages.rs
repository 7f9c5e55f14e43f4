//! Outages of providers, and who probes next.

use async_trait::async_trait;
use central_oauth_domain::grant::refresh::{Outage, OutageVersion};
use central_oauth_domain::grant::{AccountId, ProviderName, StoredTokens};
use central_oauth_domain::ports::{OutageStore, StoreError};
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::accounts::locked::{lock, save};
use crate::entities::outages::{ActiveModel, Column, Entity, Model};
use crate::entities::tokens;
use crate::error::failed;
use crate::store::SeaOrmStore;

#[async_trait]
impl OutageStore for SeaOrmStore {
    async fn outages(&self) -> Result<Vec<Outage>, StoreError> {
        all(&self.read().await?).await
    }

    async fn begin_outage(&self, outage: Outage) -> Result<Option<Outage>, StoreError> {
        let write = self.write().await?;
        let known = OnConflict::column(Column::Provider).do_nothing().to_owned();
        let begun = Entity::insert(columns(&outage)).on_conflict(known);
        let rows = begun.exec_without_returning(&write.txn).await;
        if rows.map_err(failed)? == 0 {
            return Ok(None);
        }
        let begun = of(&write.txn, &outage.provider).await?;
        write.commit().await?;
        Ok(begun)
    }

    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(Outage, StoredTokens)>, StoreError> {
        let read = self.read().await?;
        let stored = of(&read, provider).await?;
        let Some(outage) = stored.filter(|outage| outage.is_probe_due(now)) else {
            return Ok(None);
        };
        let waiting = waiting(&read, &outage, now).await?;
        drop(read);
        let chosen = outage.choose(waiting.into_iter().chain(asked_for));
        let Some(chosen) = chosen.filter(|id| asked_for.is_none_or(|asked_for| asked_for == *id))
        else {
            return Ok(None);
        };
        let write = self.write().await?;
        let (now, lease_until) = self.by_the_server(&write.txn, now, lease_until).await?;
        let probing = outage.probing(chosen, lease_until);
        if !change(&write.txn, &probing).await? {
            return Ok(None);
        }
        let stored = match lock(&write.txn, chosen).await {
            // A row that cannot be read counts as probed: otherwise it would be chosen for ever.
            Err(StoreError::Corrupt(error)) => {
                tracing::error!(account = chosen.0, %error, "tokens cannot be read");
                write.commit().await?;
                return Ok(None);
            }
            stored => stored?,
        };
        let Some(stored) = stored else {
            return Ok(None);
        };
        let Some(claimed) = stored.claim(stored.lease.version, now, lease_until) else {
            return Ok(None);
        };
        save(&write.txn, &stored, &claimed).await?;
        write.commit().await?;
        Ok(Some((probing.changed(), claimed)))
    }

    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let changed = change(&write.txn, outage).await?;
        write.commit().await?;
        Ok(changed)
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let ended = Entity::delete_many().filter(Column::Provider.eq(provider.as_str()));
        let ended = ended.exec(&write.txn).await.map_err(failed)?;
        write.commit().await?;
        Ok(ended.rows_affected > 0)
    }
}

pub(crate) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Outage>, StoreError> {
    let rows = Entity::find().order_by_asc(Column::Id).all(db).await;
    Ok(rows.map_err(failed)?.into_iter().map(outage).collect())
}

async fn of(
    db: &impl ConnectionTrait,
    provider: &ProviderName,
) -> Result<Option<Outage>, StoreError> {
    let stored = Entity::find().filter(Column::Provider.eq(provider.as_str()));
    Ok(stored.one(db).await.map_err(failed)?.map(outage))
}

/// Returns the account that has waited longest among those that were not probed, and the probed ones.
async fn waiting(
    db: &impl ConnectionTrait,
    outage: &Outage,
    now: Timestamp,
) -> Result<Vec<AccountId>, StoreError> {
    let unprobed = unprobed(outage, now).into_tuple::<i64>().all(db).await;
    let probed = probed(outage).into_tuple::<(i64, Option<i64>)>().all(db);
    let probed = probed.await.map_err(failed)?.into_iter();
    let is_due = |due_at: Option<i64>| due_at.is_some_and(|at| at <= now.as_millis());
    let probed = probed.filter_map(|(account, due_at)| is_due(due_at).then_some(account));
    let waiting = unprobed.map_err(failed)?.into_iter().chain(probed);
    Ok(waiting.map(AccountId).collect())
}

/// Queries in the order of the index: it scans no more rows than were probed.
pub(crate) fn unprobed(outage: &Outage, now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    let probed = outage.probed.iter().map(|account| account.0);
    tokens::Entity::find()
        .select_only()
        .column(Column::AccountId)
        .filter(Column::Provider.eq(outage.provider.as_str()))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
        .filter(Column::AccountId.is_not_in(probed))
        .order_by_asc(Column::RefreshDueAt)
        .limit(1)
}

/// Few accounts, looked up by number; their times are compared afterwards, so that no other index is used.
pub(crate) fn probed(outage: &Outage) -> Select<tokens::Entity> {
    use tokens::Column;
    let probed = outage.probed.iter().map(|account| account.0);
    tokens::Entity::find()
        .select_only()
        .column(Column::AccountId)
        .column(Column::RefreshDueAt)
        .filter(Column::AccountId.is_in(probed))
}

/// Stores a change of an outage if the stored outage still has its version.
async fn change(db: &impl ConnectionTrait, outage: &Outage) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .set(columns(&outage.clone().changed()))
        .filter(Column::Id.eq(outage.version.outage))
        .filter(Column::Version.eq(outage.version.change));
    let changed = changed.exec(db).await.map_err(failed)?;
    Ok(changed.rows_affected > 0)
}

fn columns(outage: &Outage) -> ActiveModel {
    let probed = outage.probed.iter().map(|account| account.0.to_string());
    ActiveModel {
        id: NotSet,
        provider: Set(outage.provider.as_str().to_owned()),
        version: Set(outage.version.change),
        probe_at: Set(outage.probe_at.as_millis()),
        failed_probes: Set(outage.failed_probes.into()),
        fault_code: Set(outage.fault.code.to_string()),
        fault_detail: Set(outage.fault.detail.clone()),
        probed: Set(probed.collect::<Vec<_>>().join(" ")),
    }
}

fn outage(row: Model) -> Outage {
    let probed = row.probed.split_ascii_whitespace();
    let probed = probed.filter_map(|number| number.parse().ok().map(AccountId));
    Outage {
        provider: ProviderName::new(row.provider),
        version: OutageVersion {
            outage: row.id,
            change: row.version,
        },
        probe_at: Timestamp::from_millis(row.probe_at),
        failed_probes: row.failed_probes.try_into().unwrap_or(u32::MAX),
        fault: Fault::new(&*row.fault_code, row.fault_detail),
        probed: probed.collect(),
    }
}
