//! Copies rows of any table from one database to the other, in batches, ordered by id.

use std::collections::{BTreeSet, HashMap};

use central_oauth_domain::ports::StoreError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, IdenStatic, IntoActiveModel, Iterable,
    ModelTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};

use super::tables::Copied;
use crate::damage;
use crate::error::failed;

/// Rows per statement. The widest table has about 50 columns, and both databases accept at least 32,766 values in a
/// statement.
const BATCH: u64 = 200;

/// How many rows a batch has handled, and the id of the last one.
pub(super) struct Batch {
    pub(super) rows: u64,
    pub(super) last: i64,
}

pub(super) async fn count<E>(db: &impl ConnectionTrait) -> Result<u64, DbErr>
where
    E: Copied,
    E::Model: Sync,
{
    E::find().count(db).await
}

/// Compares the next rows of the destination with the source. Deletes rows that the source has changed or deleted since
/// an earlier attempt, and rows that reference them. Returns `None` at the end.
pub(super) async fn drop_unequal<E: Copied>(
    source: &impl ConnectionTrait,
    destination: &impl ConnectionTrait,
    after: i64,
) -> Result<Option<Batch>, DbErr> {
    let found = page::<E>(destination, after).await?;
    let Some(last) = found.last().map(id::<E>) else {
        return Ok(None);
    };
    let wanted = E::find().filter(E::ID.is_in(found.iter().map(id::<E>)));
    let wanted = wanted.all(source).await?;
    let wanted: HashMap<_, _> = wanted.iter().map(|row| (id::<E>(row), row)).collect();
    let is_wanted = |row: &&E::Model| {
        let wanted = wanted.get(&id::<E>(row));
        wanted.is_some_and(|wanted| are_equal::<E>(wanted, row))
    };
    let unwanted = found.iter().filter(|row| !is_wanted(row)).map(id::<E>);
    let unwanted: Vec<_> = unwanted.collect();
    if !unwanted.is_empty() {
        let drop = E::delete_many().filter(E::ID.is_in(unwanted));
        drop.exec(destination).await?;
    }
    let rows = found.len() as u64;
    Ok(Some(Batch { rows, last }))
}

/// Adds the next rows of the source, except rows that the destination already has. Returns `None` at the end.
pub(super) async fn add_missing<E>(
    source: &impl ConnectionTrait,
    destination: &impl ConnectionTrait,
    after: i64,
) -> Result<Option<Batch>, DbErr>
where
    E: Copied,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let wanted = page::<E>(source, after).await?;
    let Some(last) = wanted.last().map(id::<E>) else {
        return Ok(None);
    };
    let rows = wanted.len() as u64;
    let there = E::find()
        .select_only()
        .column(E::ID)
        .filter(E::ID.is_in(wanted.iter().map(id::<E>)));
    let there = there.into_tuple::<i64>().all(destination).await?;
    let there: BTreeSet<_> = there.into_iter().collect();
    let missing = wanted
        .into_iter()
        .filter(|row| !there.contains(&id::<E>(row)));
    let missing: Vec<_> = missing.map(new_row::<E>).collect();
    if !missing.is_empty() {
        let add = E::insert_many(missing);
        add.exec_without_returning(destination).await?;
    }
    Ok(Some(Batch { rows, last }))
}

/// Returns the ids of the rows that cannot be read.
pub(super) async fn damaged<E: Copied>(db: &impl ConnectionTrait) -> Result<Vec<i64>, StoreError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let rows = damage::raw(db, &next::<E>(after)).await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in rows {
            after = row.try_get("", E::ID.as_str()).map_err(failed)?;
            found.extend(damage::model::<E::Model>(&row).err().map(|_| after));
        }
    }
}

async fn page<E: Copied>(db: &impl ConnectionTrait, after: i64) -> Result<Vec<E::Model>, DbErr> {
    next::<E>(after).all(db).await
}

fn next<E: Copied>(after: i64) -> Select<E> {
    E::find()
        .filter(E::ID.gt(after))
        .order_by_asc(E::ID)
        .limit(BATCH)
}

fn id<E: Copied>(row: &E::Model) -> i64 {
    match row.get(E::ID) {
        Value::BigInt(Some(id)) => id,
        other => unreachable!("a number is a number, not {other:?}"),
    }
}

fn are_equal<E: Copied>(row: &E::Model, other: &E::Model) -> bool {
    let stored = E::Column::iter().filter(|column| !is_generated::<E>(*column));
    stored
        .into_iter()
        .all(|column| row.get(column) == other.get(column))
}

fn is_generated<E: Copied>(column: E::Column) -> bool {
    let mut generated = E::GENERATED.iter();
    generated.any(|generated| generated.as_str() == column.as_str())
}

fn new_row<E>(row: E::Model) -> E::ActiveModel
where
    E: Copied,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let mut row = row.into_active_model().reset_all();
    for column in E::GENERATED {
        row.not_set(*column);
    }
    row
}
