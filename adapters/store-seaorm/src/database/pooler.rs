//! Finding out whether a pooler stands before the server.

use sea_orm::sqlx::{self, Executor, PgConnection, Row, ValueRef};

/// A busy pooler may give a transaction the same connection twice by chance.
const QUESTIONS: usize = 20;

/// Whether transactions of two connections meet in one process of the server, or those of one in two. A direct
/// connection has a process to itself; a pooler in transaction mode gives whichever is free.
pub(super) async fn shares_connections(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let process = "SELECT pg_backend_pid()::text";
    let first = ask(one, process).await?;
    for _ in 0..QUESTIONS {
        if ask(other, process).await? == first || ask(one, process).await? != first {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One text, by the simple protocol: it is one message, so it reaches one process whoever stands in between.
pub(super) async fn ask(
    connection: &mut PgConnection,
    question: &'static str,
) -> Result<String, sqlx::Error> {
    let row = connection.fetch_one(sqlx::raw_sql(question)).await?;
    let value = row.try_get_raw(0)?;
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    debug_assert!(!value.is_null());
    Ok(text.to_owned())
}
