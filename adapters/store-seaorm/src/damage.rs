//! Rows that cannot be read, for example because the file was damaged or a newer version wrote them.
//!
//! Such a row neither hides nor stops others: all reads of several rows go through this module, which leaves the row
//! out and names it once in the log. Rows are deleted without being read. Accounts and audit entries are shown as far
//! as they can be read.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{LazyLock, Mutex};

use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, IdenStatic, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select,
};

use crate::convert::row_count;
use crate::entities::Table;
use crate::error::failed;

/// How many rows are remembered as named. Beyond that, rows are named again.
const MOST_NAMED: usize = 10_000;

/// A table, and the name that its number has in the result of a query.
#[derive(Clone, Copy)]
pub(crate) struct Numbered {
    pub(crate) table: &'static str,
    pub(crate) number: &'static str,
}

/// Rows of one table, in a query for this table alone.
pub(crate) fn numbered<E: Table>() -> Numbered {
    Numbered {
        table: E::default().table_name(),
        number: E::ID.as_str(),
    }
}

/// Returns the rows that a query finds.
pub(crate) async fn readable<E: Table>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<Vec<E::Model>, StoreError> {
    each(db, rows, Ok).await
}

/// Returns the rows that a query for one table finds, converted by `read`.
pub(crate) async fn each<E: Table, T>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    read: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = |row: &QueryResult| read(model::<E::Model>(row)?);
    each_of(db, &rows, numbered::<E>(), read).await
}

/// Returns the rows that a query finds, converted by `read`.
pub(crate) async fn each_of<T>(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    each_row(&raw(db, query).await?, numbered, read)
}

/// Reads rows. Leaves out damaged ones, and names each once in the log.
pub(crate) fn each_row<T>(
    rows: &[QueryResult],
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = rows.iter().map(|row| unless_damaged(row, numbered, &read));
    read.filter_map(Result::transpose).collect()
}

/// Returns the next `limit` rows after `after`, in the order of their numbers. Returns fewer only if there are no more:
/// rows that cannot be read do not count.
pub(crate) async fn page<Q, T>(
    db: &impl ConnectionTrait,
    query: Q,
    (column, numbered): (impl ColumnTrait, Numbered),
    after: Option<i64>,
    limit: u64,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError>
where
    Q: QueryTrait + QueryFilter + QuerySelect + QueryOrder + Clone,
{
    let (mut found, mut after) = (Vec::new(), after.unwrap_or(0));
    loop {
        let missing = limit - found.len() as u64;
        let query = query.clone().filter(column.gt(after)).order_by_asc(column);
        let rows = raw(db, &query.limit(row_count(missing))).await?;
        for row in &rows {
            after = row.try_get("", numbered.number).map_err(failed)?;
            found.extend(unless_damaged(row, numbered, &read)?);
        }
        if (rows.len() as u64) < missing || found.len() as u64 >= limit {
            return Ok(found);
        }
    }
}

/// Returns the page of one table: see [`page`].
pub(crate) async fn page_of<E: Table, T>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    after: Option<i64>,
    limit: u64,
    read: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = |row: &QueryResult| read(model::<E::Model>(row)?);
    let numbered = (E::ID, numbered::<E>());
    page(db, rows, numbered, after, limit, read).await
}

/// Returns the groups that a query counts. A group of rows that cannot be read is left out.
pub(crate) async fn groups<T: FromQueryResult>(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
) -> Result<Vec<T>, StoreError> {
    let rows = raw(db, query).await?;
    let groups = rows.iter().map(|row| readable_or_none(model(row)));
    groups.filter_map(Result::transpose).collect()
}

/// Returns a number of a row as a whole number: SQLite may have stored any value.
pub(crate) fn whole(column: impl ColumnTrait) -> SimpleExpr {
    Expr::col(column.as_column_ref()).cast_as("bigint")
}

pub(crate) fn model<M: FromQueryResult>(row: &QueryResult) -> Result<M, StoreError> {
    M::from_query_result(row, "").map_err(failed)
}

/// Returns the rows that a query finds, for a caller that shows them as far as they can be read.
pub(crate) async fn raw(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
) -> Result<Vec<QueryResult>, StoreError> {
    let rows = db.query_all_raw(query.build(db.get_database_backend()));
    rows.await.map_err(failed)
}

/// Returns the row that a query finds, converted by `read`.
pub(crate) async fn one<T>(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let row = db.query_one_raw(query.build(db.get_database_backend()));
    let row = row.await.map_err(failed)?;
    row.map(|row| named(&row, numbered, read)).transpose()
}

/// Returns the columns of a joined table, if the row has any. SeaORM would take unreadable columns for missing ones.
pub(crate) fn joined<M: FromQueryResult>(
    row: &QueryResult,
    prefix: &str,
) -> Result<Option<M>, StoreError> {
    let number: Option<i64> = row.try_get(prefix, "id").map_err(failed)?;
    let found = number.map(|_| M::from_query_result(row, prefix));
    found.transpose().map_err(failed)
}

fn unless_damaged<T>(
    row: &QueryResult,
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    readable_or_none(named(row, numbered, read))
}

/// Reads a row. Names it if it cannot be read.
pub(crate) fn named<T>(
    row: &QueryResult,
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    read(row).inspect_err(|error| {
        if let StoreError::Corrupt(error) = error {
            let number = row.try_get("", numbered.number).unwrap_or_default();
            name(numbered.table, number, &**error);
        }
    })
}

fn readable_or_none<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Corrupt(_)) => Ok(None),
        read => read.map(Some),
    }
}

/// Names a row in the log, once.
pub(crate) fn name(table: &'static str, row: i64, error: &(dyn Error + 'static)) {
    static NAMED: LazyLock<Mutex<HashSet<(&str, i64)>>> = LazyLock::new(Mutex::default);
    let mut named = lock(&NAMED);
    if named.len() >= MOST_NAMED {
        named.clear();
    }
    if named.insert((table, row)) {
        tracing::error!(
            table,
            row,
            error,
            "a database row cannot be read; the service goes on without it"
        );
    }
}
