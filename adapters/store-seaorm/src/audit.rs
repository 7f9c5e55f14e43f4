//! The audit log.
//!
//! Transactions add rows to the inbox without waiting for each other. One transaction at a time moves rows from the
//! inbox to the log, and chains each row to the previous one by its MAC.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditNumber, AuditPosition, SignedEntry,
};
use central_oauth_domain::ports::{AuditStore, Chained, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Iterable, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::convert::{
    ONLY_ROW, audit_ends, audit_entry, ends_row, inbox_row, log_row, row_count, signed_entry,
};
use crate::damage;
use crate::entities::audit_log::{Column, Entity};
use crate::entities::{audit_ends as ends, audit_inbox as inbox};
use crate::error::failed;
use crate::locks::{self, Alone};
use crate::statements::{finds_any, insert_unless_taken};
use crate::store::{MOST_AT_ONCE, SeaOrmStore};

/// Maximum number of rows in one INSERT. A row has at most ten values, and SQLite accepts 32,766 values in a statement.
const ROWS_AT_ONCE: usize = 1_000;

#[async_trait]
impl AuditStore for SeaOrmStore {
    async fn store_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let write = self.write().await?;
        let references = entries.iter().map(|kept| kept.content.reference.0.to_vec());
        let known = in_log(&write, references.collect()).await?;
        let fresh = entries
            .iter()
            .filter(|kept| !known.contains(kept.content.reference.0.as_slice()))
            .map(|kept| inbox_row(&kept.content, &kept.mac));
        let fresh: Vec<_> = fresh.collect();
        if fresh.is_empty() {
            return Ok(());
        }
        insert_unless_taken(&write, fresh, [inbox::Column::Reference]).await?;
        write.commit().await
    }

    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<Chained, StoreError> {
        let mut chained = Chained {
            taken: 0,
            is_broken: false,
        };
        if !finds_any(&self.read().await?, waiting()).await? {
            return Ok(chained);
        }
        let write = self.write().await?;
        locks::alone(&write, Alone::Audit).await?;
        let (taken, entries) = take(&write, limit).await?;
        chained.taken = taken;
        let (stored, last) = (read_ends(&write).await?, last(&write).await?);
        let extension = chain.extend(stored.as_ref(), last, entries, now);
        if let Some(extension) = extension {
            chained.is_broken = extension.is_broken;
            if chained.is_broken {
                // A row with a number above [`AuditNumber::HIGHEST`] would block all later entries.
                let beyond = Column::Id.gt(AuditNumber::HIGHEST.0);
                let gone = Entity::delete_many().filter(beyond).exec(&write).await;
                gone.map_err(failed)?;
            }
            let rows = extension.entries.iter().map(log_row);
            let added = Entity::insert_many(rows).exec_without_returning(&write);
            added.await.map_err(failed)?;
            save_ends(&write, &extension.ends).await?;
        }
        write.commit().await?;
        Ok(chained)
    }

    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = filtered(filter, after).limit(row_count(limit));
        let rows = damage::raw(&self.read().await?, &rows).await?;
        Ok(rows.iter().map(audit_entry).collect())
    }

    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError> {
        read_ends(&self.read().await?).await
    }

    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let first = damage::raw(&self.read().await?, &oldest(1)).await?;
        let is_outdated = |entry: AuditEntry| !retained.contains(&entry.content.at);
        if !first.first().map(audit_entry).is_some_and(is_outdated) {
            return Ok(0);
        }
        let write = self.write().await?;
        locks::alone(&write, Alone::Audit).await?;
        let Some(stored) = read_ends(&write).await? else {
            return Ok(0);
        };
        let rows = damage::raw(&write, &oldest(limit.min(MOST_AT_ONCE))).await?;
        let entries: Vec<_> = rows.iter().map(audit_entry).collect();
        let shortened = chain.shorten(&stored, &entries, &retained);
        let shortened = shortened.map_err(|broken| StoreError::Corrupt(Box::new(broken)))?;
        let Some(last) = entries[..shortened.deleted].last() else {
            return Ok(0);
        };
        let gone = Entity::delete_many().filter(Column::Id.lte(last.number.0));
        gone.exec(&write).await.map_err(failed)?;
        save_ends(&write, &shortened.ends).await?;
        write.commit().await?;
        Ok(shortened.deleted as u64)
    }
}

/// Adds entries in the transaction of their event.
pub(crate) async fn store(
    db: &impl ConnectionTrait,
    entries: &[SignedEntry],
) -> Result<(), StoreError> {
    for batch in entries.chunks(ROWS_AT_ONCE) {
        let rows = batch
            .iter()
            .map(|entry| inbox_row(&entry.content, &entry.mac));
        let added = inbox::Entity::insert_many(rows).exec_without_returning(db);
        added.await.map_err(failed)?;
    }
    Ok(())
}

/// Removes the oldest entries from the inbox. Returns how many were removed, and the removed entries that are not in
/// the log yet.
async fn take(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<(u64, Vec<SignedEntry>), StoreError> {
    let rows = damage::raw(db, &waiting().limit(limit.min(MOST_AT_ONCE))).await?;
    let (numbers, entries): (Vec<_>, Vec<_>) = rows.iter().map(signed_entry).unzip();
    let gone = inbox::Entity::delete_many().filter(inbox::Column::Id.is_in(numbers));
    gone.exec(db).await.map_err(failed)?;
    let reference = |entry: &SignedEntry| entry.content.reference.0.to_vec();
    let known = in_log(db, entries.iter().map(reference).collect()).await?;
    let fresh = entries.into_iter();
    let fresh = fresh.filter(|entry| !known.contains(&reference(entry)));
    Ok((rows.len() as u64, fresh.collect()))
}

/// Selects the entries of the inbox, the oldest first.
fn waiting() -> Select<inbox::Entity> {
    inbox::Entity::find().order_by_asc(inbox::Column::Id)
}

async fn in_log(
    db: &impl ConnectionTrait,
    references: Vec<Vec<u8>>,
) -> Result<HashSet<Vec<u8>>, StoreError> {
    let known = with_references(references).into_tuple::<Vec<u8>>();
    let known = known.all(db).await.map_err(failed)?;
    Ok(known.into_iter().collect())
}

pub(crate) fn with_references(references: Vec<Vec<u8>>) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Reference)
        .filter(Column::Reference.is_in(references))
}

/// Returns the number of the last entry of the log, or zero if the log is empty.
pub(crate) async fn head(db: &impl ConnectionTrait) -> Result<AuditNumber, StoreError> {
    let last = last(db).await?;
    Ok(last.map_or(AuditNumber(0), |last| last.number))
}

async fn last(db: &impl ConnectionTrait) -> Result<Option<AuditPosition>, StoreError> {
    let row = Entity::find().order_by_desc(Column::Id).limit(1);
    let row = damage::raw(db, &row).await?.pop();
    let last = row.as_ref().map(audit_entry);
    Ok(last.as_ref().map(AuditPosition::of))
}

pub(crate) fn oldest(limit: u64) -> Select<Entity> {
    Entity::find().order_by_asc(Column::Id).limit(limit)
}

/// Selects the entries after `after` that match the filter, ordered by number.
pub(crate) fn filtered(filter: &AuditFilter, after: AuditNumber) -> Select<Entity> {
    let wanted = Condition::all()
        .add(Column::Id.gt(after.0))
        .add_option(filter.account.map(|id| Column::AccountId.eq(id.0)))
        .add_option(filter.key.map(|id| Column::KeyId.eq(id.0)))
        .add_option(filter.kind.map(|kind| Column::Kind.eq(kind.as_str())))
        .add_option(filter.after.map(|time| Column::At.gte(time.as_millis())))
        .add_option(filter.before.map(|time| Column::At.lt(time.as_millis())));
    Entity::find().filter(wanted).order_by_asc(Column::Id)
}

async fn read_ends(db: &impl ConnectionTrait) -> Result<Option<AuditEnds>, StoreError> {
    let row = damage::raw(db, &ends::Entity::find_by_id(ONLY_ROW)).await?;
    Ok(row.first().map(audit_ends))
}

async fn save_ends(db: &impl ConnectionTrait, signed: &AuditEnds) -> Result<(), StoreError> {
    let replace = OnConflict::column(ends::Column::Id)
        .update_columns(ends::Column::iter())
        .to_owned();
    let saved = ends::Entity::insert(ends_row(signed)).on_conflict(replace);
    let saved = saved.exec_without_returning(db).await;
    saved.map(drop).map_err(failed)
}
