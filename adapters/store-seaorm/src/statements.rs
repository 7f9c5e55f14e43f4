//! Statements that several modules need, for any table.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DeleteMany, EntityTrait, QueryFilter,
    QuerySelect, QueryTrait, Select,
};

use crate::entities::Table;
use crate::error::failed;
use crate::store::{MOST_AT_ONCE, SeaOrmStore};

impl SeaOrmStore {
    /// Runs a statement in a transaction of its own. Returns how many rows it has changed.
    pub(crate) async fn run(&self, statement: &impl QueryTrait) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let statement = statement.build(write.get_database_backend());
        let done = write.execute_raw(statement).await.map_err(failed)?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Returns an SQL expression for the versions of an account and its tokens on PostgreSQL. `accounts` and `tokens` are the
/// names of the tables in the statement. The result consists of digits and letters. It contains the `xmin` of both rows,
/// which is the id of the transaction that wrote the row. An `xmin` identifies the version of a row, regardless of the
/// order in which transactions commit.
pub(crate) fn row_versions(accounts: &str, tokens: &str) -> String {
    format!("'a' || {accounts}.xmin::text || 't' || {tokens}.xmin::text")
}

/// Repeats the last number until the length is a power of two. Every connection prepares one statement for each length,
/// so this limits the number of prepared statements.
pub(crate) fn padded(mut numbers: Vec<i64>) -> Vec<i64> {
    let last = numbers.last().copied().unwrap_or_default();
    numbers.resize(numbers.len().next_power_of_two(), last);
    numbers
}

pub(crate) async fn finds_any<E: Table>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<bool, StoreError> {
    let first = rows.select_only().column(E::ID).into_tuple::<i64>();
    let first = first.one(db).await.map_err(failed)?;
    Ok(first.is_some())
}

/// Inserts rows, except rows whose values in these unique columns are taken. Returns how many rows were inserted.
pub(crate) async fn insert_unless_taken<A>(
    db: &impl ConnectionTrait,
    rows: impl IntoIterator<Item = A>,
    columns: impl IntoIterator<Item = <A::Entity as EntityTrait>::Column>,
) -> Result<u64, StoreError>
where
    A: ActiveModelTrait,
{
    let taken = OnConflict::columns(columns).do_nothing().to_owned();
    let added = A::Entity::insert_many(rows).on_conflict(taken);
    added.exec_without_returning(db).await.map_err(failed)
}

/// Deletes at most `limit` rows whose `column` is before `time`. Skips rows that another transaction has locked.
pub(crate) fn delete_before<E: Table>(
    column: E::Column,
    time: Timestamp,
    limit: u64,
) -> DeleteMany<E> {
    delete_some(E::find().filter(column.lt(time.as_millis())), limit)
}

/// Deletes at most `limit` of these rows. Skips rows that another transaction has locked.
pub(crate) fn delete_some<E: Table>(rows: Select<E>, limit: u64) -> DeleteMany<E> {
    let some = rows
        .select_only()
        .column(E::ID)
        .limit(limit.min(MOST_AT_ONCE))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    E::delete_many().filter(E::ID.in_subquery(some.into_query()))
}
