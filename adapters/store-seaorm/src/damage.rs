//! Rows that cannot be read, for example because the file was damaged or a newer version wrote them.
//!
//! A damaged row must not hide other rows or stop the service. Queries for several rows go through this module, which
//! leaves out damaged rows and logs each of them once. Accounts and audit entries are not left out: only their
//! unreadable values are replaced with defaults. Rows can be deleted without being read.

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

/// Maximum number of rows that are remembered as logged. At this number the memory is cleared, and rows are logged
/// again.
const MOST_NAMED: usize = 10_000;

/// A table, and the name of its id column in the result of a query.
#[derive(Clone, Copy)]
pub(crate) struct Numbered {
    pub(crate) table: &'static str,
    pub(crate) number: &'static str,
}

/// Returns the table and the id column of a query for one table.
pub(crate) fn numbered<E: Table>() -> Numbered {
    Numbered {
        table: E::default().table_name(),
        number: E::ID.as_str(),
    }
}

/// Returns the rows of a query for one table, without damaged rows.
pub(crate) async fn readable<E: Table>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<Vec<E::Model>, StoreError> {
    each(db, rows, Ok).await
}

/// Returns the rows of a query for one table, converted by `read`, without damaged rows.
pub(crate) async fn each<E: Table, T>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    read: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = |row: &QueryResult| read(model::<E::Model>(row)?);
    each_of(db, &rows, numbered::<E>(), read).await
}

/// Returns the rows of any query, converted by `read`, without damaged rows.
pub(crate) async fn each_of<T>(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    each_row(&raw(db, query).await?, numbered, read)
}

/// Converts rows by `read`. Leaves out damaged rows, and logs each once.
pub(crate) fn each_row<T>(
    rows: &[QueryResult],
    numbered: Numbered,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = rows.iter().map(|row| unless_damaged(row, numbered, &read));
    read.filter_map(Result::transpose).collect()
}

/// Returns the first `limit` readable rows after the id `after`, ordered by id. Returns fewer only if there are no
/// more.
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

/// Like [`page`], for a query for one table.
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

/// Returns the rows of a GROUP BY query. Leaves out rows that cannot be read.
pub(crate) async fn groups<T: FromQueryResult>(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
) -> Result<Vec<T>, StoreError> {
    let rows = raw(db, query).await?;
    let groups = rows.iter().map(|row| readable_or_none(model(row)));
    groups.filter_map(Result::transpose).collect()
}

/// Casts a column to an integer, because SQLite may have stored a value of any type.
pub(crate) fn whole(column: impl ColumnTrait) -> SimpleExpr {
    Expr::col(column.as_column_ref()).cast_as("bigint")
}

pub(crate) fn model<M: FromQueryResult>(row: &QueryResult) -> Result<M, StoreError> {
    M::from_query_result(row, "").map_err(failed)
}

/// Returns the rows of a query unconverted, for callers that handle damaged rows themselves.
pub(crate) async fn raw(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
) -> Result<Vec<QueryResult>, StoreError> {
    let rows = db.query_all_raw(query.build(db.get_database_backend()));
    rows.await.map_err(failed)
}

/// Returns the first row of a query, converted by `read`. If the row is damaged, logs it and returns an error.
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

/// Returns the row of a joined table, or `None` if the join found no row. SeaORM itself would also return `None` for a
/// row with unreadable columns.
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

/// Converts a row by `read`. Logs the row if it cannot be read.
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

/// Logs a damaged row, once.
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
