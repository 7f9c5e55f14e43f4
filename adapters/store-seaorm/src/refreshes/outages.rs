//! Outages of providers, and the choice of the account that is probed next.

use async_trait::async_trait;
use central_oauth_domain::grant::refresh::{Outage, OutageVersion, ProbedAccount, WaitingAccount};
use central_oauth_domain::grant::{AccountId, ProviderName, StoredTokens};
use central_oauth_domain::ports::{OutageStore, StoreError};
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, UpdateMany,
};

use crate::accounts::locked::{lock, save};
use crate::claims;
use crate::damage;
use crate::entities::outages::{ActiveModel, Column, Entity, Model};
use crate::entities::tokens;
use crate::error::failed;
use crate::statements::insert_unless_taken;
use crate::store::SeaOrmStore;

/// Maximum number of waiting accounts that are compared to choose the next probe.
const WAITING_AT_MOST: u64 = 1000;

#[async_trait]
impl OutageStore for SeaOrmStore {
    async fn outages(&self) -> Result<Vec<Outage>, StoreError> {
        all(&self.read().await?).await
    }

    async fn begin_outage(&self, outage: Outage) -> Result<Option<Outage>, StoreError> {
        let write = self.write().await?;
        if !insert(&write, &outage).await? {
            if of(&write, &outage.provider).await?.is_some() {
                return Ok(None);
            }
            let damaged = Column::Provider.eq(outage.provider.as_str());
            let damaged = Entity::delete_many().filter(damaged);
            damaged.exec(&write).await.map_err(failed)?;
            insert(&write, &outage).await?;
        }
        let begun = of(&write, &outage.provider).await?;
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
        let waiting = waiting(&read, &outage, asked_for, now).await?;
        drop(read);
        let chosen = outage.choose(waiting, now);
        let is_asked_for =
            |it: &WaitingAccount| asked_for.is_none_or(|asked_for| asked_for == it.account);
        let Some(chosen) = chosen.filter(is_asked_for) else {
            return Ok(None);
        };
        let write = self.write().await?;
        let (now, lease_until) = self.time.both(&write, now, lease_until).await?;
        let probing = outage.probing(chosen, now);
        let changed = changing(&probing).exec(&write).await;
        if changed.map_err(failed)?.rows_affected == 0 {
            return Ok(None);
        }
        let stored = match lock(&write, chosen.account).await {
            // A row that cannot be read counts as probed. Otherwise it would be chosen again and again.
            Err(StoreError::Corrupt(_)) => {
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
        save(&write, &stored, &claimed).await?;
        write.commit().await?;
        Ok(Some((probing.changed(), claimed)))
    }

    async fn next_unfailed_at(&self, outage: &Outage) -> Result<Option<Timestamp>, StoreError> {
        let next = next_unfailed(outage).into_tuple::<i64>();
        let next = next.one(&self.read().await?).await.map_err(failed)?;
        Ok(next.map(Timestamp::from_millis))
    }

    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError> {
        Ok(self.run(&changing(outage)).await? > 0)
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError> {
        let ended = Entity::delete_many().filter(Column::Provider.eq(provider.as_str()));
        Ok(self.run(&ended).await? > 0)
    }
}

pub(crate) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Outage>, StoreError> {
    let rows = Entity::find().order_by_asc(Column::Id);
    let rows = damage::readable(db, rows).await?;
    Ok(rows.into_iter().map(outage).collect())
}

/// Stores an outage. Returns false if the provider already has an outage.
async fn insert(db: &impl ConnectionTrait, outage: &Outage) -> Result<bool, StoreError> {
    let begun = insert_unless_taken(db, [columns(outage)], [Column::Provider]).await?;
    Ok(begun > 0)
}

async fn of(
    db: &impl ConnectionTrait,
    provider: &ProviderName,
) -> Result<Option<Outage>, StoreError> {
    let stored = Entity::find().filter(Column::Provider.eq(provider.as_str()));
    let stored = damage::readable(db, stored).await?;
    Ok(stored.into_iter().next().map(outage))
}

/// Returns the candidates for the next probe. An account that has neither failed nor been probed takes precedence.
async fn waiting(
    db: &impl ConnectionTrait,
    outage: &Outage,
    asked_for: Option<AccountId>,
    now: Timestamp,
) -> Result<Vec<WaitingAccount>, StoreError> {
    let mut rows = rows(db, unfailed(outage, now)).await?;
    if rows.is_empty() {
        if outage.may_repeat(now) {
            rows = self::rows(db, due(outage, now)).await?;
        }
        if let Some(account) = asked_for {
            rows.extend(self::rows(db, one(account)).await?);
        }
    }
    let waiting = rows.into_iter().map(|(account, failures)| WaitingAccount {
        account: AccountId(account),
        failures: failures.try_into().unwrap_or(u32::MAX),
    });
    Ok(waiting.collect())
}

async fn rows(
    db: &impl ConnectionTrait,
    rows: Select<tokens::Entity>,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = rows.select_only();
    let rows = rows.column(tokens::Column::AccountId);
    let rows = rows.expr(damage::whole(tokens::Column::Failures));
    rows.into_tuple().all(db).await.map_err(failed)
}

/// Selects a due account that has neither failed nor been probed: the one that became due last, because the provider
/// has refreshed it most recently. Reads in index order, so it scans at most the rows that have failed or were probed.
pub(crate) fn unfailed(outage: &Outage, now: Timestamp) -> Select<tokens::Entity> {
    of_provider(outage, now)
        .filter(is_unfailed(outage))
        .order_by_desc(tokens::Column::RefreshDueAt)
        .limit(1)
}

/// Selects the due time of the next account that has neither failed nor been probed.
pub(crate) fn next_unfailed(outage: &Outage) -> Select<tokens::Entity> {
    use tokens::Column;
    tokens::Entity::find()
        .select_only()
        .expr(damage::whole(Column::RefreshDueAt))
        .filter(Column::Provider.eq(outage.provider.as_str()))
        .filter(Column::RefreshDueAt.is_not_null())
        .filter(claims::is_time::<tokens::Entity>())
        .filter(is_unfailed(outage))
        .order_by_asc(Column::RefreshDueAt)
        .limit(1)
}

fn is_unfailed(outage: &Outage) -> Condition {
    use tokens::Column;
    let probed = outage.probed.iter().map(|probed| probed.account.0);
    Condition::all()
        .add(Column::Failures.eq(0))
        .add(Column::AccountId.is_not_in(probed))
}

/// Selects the due accounts that have waited longest. The limit bounds the cost of a probe.
pub(crate) fn due(outage: &Outage, now: Timestamp) -> Select<tokens::Entity> {
    let due = of_provider(outage, now).order_by_asc(tokens::Column::RefreshDueAt);
    due.limit(WAITING_AT_MOST)
}

fn of_provider(outage: &Outage, now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    tokens::Entity::find()
        .filter(Column::Provider.eq(outage.provider.as_str()))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
}

fn one(account: AccountId) -> Select<tokens::Entity> {
    tokens::Entity::find().filter(tokens::Column::AccountId.eq(account.0))
}

/// Stores a change of an outage if the stored outage still has its version.
fn changing(outage: &Outage) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(columns(&outage.clone().changed()))
        .filter(Column::Id.eq(outage.version.outage))
        .filter(Column::Version.eq(outage.version.change))
}

fn columns(outage: &Outage) -> ActiveModel {
    let probed = outage.probed.iter().map(word);
    ActiveModel {
        id: NotSet,
        provider: Set(outage.provider.as_str().to_owned()),
        version: Set(outage.version.change),
        probe_at: Set(outage.probe_at.as_millis()),
        failed_probes: Set(outage.first_probes.into()),
        fault_code: Set(outage.fault.code.to_string()),
        fault_detail: Set(outage.fault.detail.clone()),
        probed: Set(probed.collect::<Vec<_>>().join(" ")),
    }
}

fn outage(row: Model) -> Outage {
    let probed = row.probed.split_ascii_whitespace().filter_map(probed);
    Outage {
        provider: ProviderName::new(row.provider),
        version: OutageVersion {
            outage: row.id,
            change: row.version,
        },
        probe_at: Timestamp::from_millis(row.probe_at),
        first_probes: row.failed_probes.try_into().unwrap_or(u32::MAX),
        fault: Fault::new(&*row.fault_code, row.fault_detail),
        probed: probed.collect(),
    }
}

/// Encodes a probed account: `7`, or `7*3` after three probes.
fn word(probed: &ProbedAccount) -> String {
    match probed {
        ProbedAccount { account, times: 1 } => account.0.to_string(),
        ProbedAccount { account, times } => format!("{}*{times}", account.0),
    }
}

fn probed(word: &str) -> Option<ProbedAccount> {
    let (account, times) = word.split_once('*').unwrap_or((word, "1"));
    Some(ProbedAccount {
        account: AccountId(account.parse().ok()?),
        times: times.parse().ok()?,
    })
}
