//! The settings of connections and sessions.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{Connection, Executor, PgConnection, Row};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::time::timeout;

use crate::database::pool_settings::PoolSettings;
use crate::url::Server;

/// A connection that was idle for this long is tested before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// The server aborts a transaction that idles for this long, and releases its locks. Our transactions wait only for the
/// server, so an idle transaction belongs to a process that was suspended or disconnected.
const LONGEST_IDLE_TRANSACTION: Duration = Duration::from_secs(4);
/// A custom server setting, sent as a startup parameter. A pooler rejects or drops it, which reveals a pooler that the
/// URL does not announce. Such a pooler would mix up the prepared statements of its clients.
const OWN_SESSION: &str = "central_oauth.own_session";

/// Returns the connection options, without `extra_float_digits`: we store no floating-point numbers, and poolers reject
/// unknown parameters.
pub(super) fn connect_options(server: &Server) -> PgConnectOptions {
    let options = sqlx::ConnectOptions::disable_statement_logging(server.options.clone())
        .application_name("central-oauth")
        .extra_float_digits(None);
    if server.is_pooled {
        options
    } else {
        options.options([(OWN_SESSION, "on")])
    }
}

/// Connects once, because a pool would retry some errors until it times out. Returns how many connections the server
/// allows this role to open to this database.
pub(super) async fn try_out(
    options: &PgConnectOptions,
    setup: &str,
    limit: Duration,
) -> Result<u32, DbErr> {
    let trying = async {
        let mut connection = PgConnection::connect_with(options).await?;
        apply_settings(&mut connection, setup).await?;
        require_unicode(&mut connection).await?;
        let allowed = connections_allowed(&mut connection).await?;
        connection.close().await?;
        Ok(allowed)
    };
    let tried = timeout(limit, trying).await.map_err(|_| {
        let message = format!("no answer within {} s", limit.as_secs());
        DbErr::Conn(RuntimeErr::Internal(message))
    })?;
    tried.map_err(|error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}

/// Returns how many connections this role may open. The limits of roles and databases do not apply to superusers.
async fn connections_allowed(connection: &mut PgConnection) -> Result<u32, sqlx::Error> {
    let limits = "SELECT LEAST(\
                  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, \
                  CASE WHEN NOT rolsuper THEN LEAST(NULLIF(rolconnlimit, -1), NULLIF(datconnlimit, -1)) END) \
                  FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()";
    let allowed: i32 = connection.fetch_one(limits).await?.try_get(0)?;
    Ok(allowed.unsigned_abs())
}

/// Fails if the encoding of the database cannot store every character. Names and error texts may contain any character.
async fn require_unicode(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    /// `SQL_ASCII` stores all bytes unchanged.
    const SUITABLE: [&str; 2] = ["UTF8", "SQL_ASCII"];
    let row = connection.fetch_one("SHOW server_encoding").await?;
    let encoding: String = row.try_get(0)?;
    if SUITABLE.contains(&encoding.as_str()) {
        return Ok(());
    }
    let message = format!("its encoding is {encoding}: create it with ENCODING 'UTF8'");
    Err(sqlx::Error::Configuration(message.into()))
}

/// Returns the options of a pool. An idle connection that does not answer within `ping_timeout` is closed and replaced.
pub(super) fn pool_options(setup: Option<Arc<str>>, ping_timeout: Duration) -> PgPoolOptions {
    let pool = PgPoolOptions::new()
        .test_before_acquire(false)
        .before_acquire(move |connection, before| {
            Box::pin(async move {
                let is_alive = before.idle_for < ASK_AFTER
                    || matches!(timeout(ping_timeout, connection.ping()).await, Ok(Ok(())));
                Ok(is_alive)
            })
        });
    let Some(setup) = setup else {
        return pool;
    };
    pool.after_connect(move |connection, _| {
        let setup = Arc::clone(&setup);
        Box::pin(async move { apply_settings(connection, &setup).await })
    })
}

async fn apply_settings(connection: &mut PgConnection, setup: &str) -> Result<(), sqlx::Error> {
    let setup = sqlx::AssertSqlSafe(setup.to_owned());
    connection.execute(setup).await.map(drop)
}

/// Returns the statements that a session executes first. Behind a pooler, each transaction executes them, because the
/// previous transaction on the connection may have left other settings and prepared statements: sqlx names prepared
/// statements even if it does not cache them.
///
/// The lock timeout of a pool is shorter than its other timeouts, so that a locked row does not look like a server that
/// hangs.
pub(super) fn setup(settings: PoolSettings, is_pooled: bool, lock_timeout: Duration) -> String {
    let (first, set, last) = if is_pooled {
        // The isolation level of a transaction is set by a statement of its own.
        let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
        (isolation.to_owned(), "SET LOCAL", "; DEALLOCATE ALL")
    } else {
        let isolation = "SET default_transaction_isolation = 'read committed'";
        // Fails if a pooler has dropped the parameter.
        let own = format!("SELECT current_setting('{OWN_SESSION}'); {isolation}");
        (own, "SET", "")
    };
    let lock = lock_timeout.as_millis();
    let statement = settings.statement_timeout.as_millis();
    let idle = LONGEST_IDLE_TRANSACTION.as_millis();
    // With `synchronous_commit = off`, the server would report commits that are not durable, and a crash would lose
    // refresh tokens that providers have rotated.
    format!(
        "{first}; {set} statement_timeout = {statement}; {set} lock_timeout = {lock}; \
         {set} idle_in_transaction_session_timeout = {idle}; \
         SELECT set_config('synchronous_commit', 'on', {is_pooled}) \
         WHERE current_setting('synchronous_commit') = 'off'{last}"
    )
}
