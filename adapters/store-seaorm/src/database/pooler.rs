//! Detects a pooler in front of the server.

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, Connection, Executor, PgConnection, Row, ValueRef};

/// A busy pooler may by chance give a transaction the same connection twice.
const QUESTIONS: usize = 20;
/// A pooler may run as several processes, each with its own connections: with this many of ours, two meet in one
/// process.
const CONNECTIONS: usize = 8;

/// Whether there is a pooler in transaction mode, which gives each transaction any of its own connections.
pub(super) async fn shares_connections(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let mut one = PgConnection::connect_with(options).await?;
    let shares = meets_others(&mut one, options).await;
    one.close().await?;
    shares
}

async fn meets_others(
    one: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<bool, sqlx::Error> {
    for _ in 0..CONNECTIONS {
        let before = ask(one, "SELECT clock_timestamp()::text").await?;
        let mut other = PgConnection::connect_with(options).await?;
        let shares = was_there(&mut other, &before).await? || meet(one, &mut other).await?;
        other.close().await?;
        if shares {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the server process of a connection is older than the connection: then somebody else used it before.
async fn was_there(connection: &mut PgConnection, before: &str) -> Result<bool, sqlx::Error> {
    let question = format!(
        "SELECT (backend_start < '{before}'::timestamptz)::text FROM pg_stat_activity \
         WHERE pid = pg_backend_pid()"
    );
    Ok(ask(connection, &question).await? == "true")
}

/// Whether two connections share one server process, or one changes its process. A direct connection has its own.
async fn meet(one: &mut PgConnection, other: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let process = "SELECT pg_backend_pid()::text";
    let first = ask(one, process).await?;
    for _ in 0..QUESTIONS / CONNECTIONS + 1 {
        if ask(other, process).await? == first || ask(one, process).await? != first {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One text, by the simple protocol: it is one message, so it reaches one process even through a pooler.
pub(super) async fn ask(
    connection: &mut PgConnection,
    question: &str,
) -> Result<String, sqlx::Error> {
    let question = sqlx::raw_sql(sqlx::AssertSqlSafe(question.to_owned()));
    let row = connection.fetch_one(question).await?;
    let value = row.try_get_raw(0)?;
    if value.is_null() {
        return Err(sqlx::Error::RowNotFound);
    }
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    Ok(text.to_owned())
}
