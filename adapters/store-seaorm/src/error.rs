//! Converts database errors to errors of the port.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Once;

use central_oauth_domain::ports::StoreError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// A row with an invalid column.
#[derive(Debug, thiserror::Error)]
#[error("row {id} of {table}: {column} is invalid")]
pub(crate) struct Unreadable {
    pub(crate) table: &'static str,
    pub(crate) id: i64,
    pub(crate) column: &'static str,
}

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(Box::new(error))
    }
}

/// Converts the error of a statement. A unique or foreign key violation becomes a conflict, because another transaction
/// was faster.
pub(crate) fn failed(error: DbErr) -> StoreError {
    if error.sql_err().is_some() {
        StoreError::Conflict
    } else if is_unreadable(&error) {
        if is_damaged(&error) {
            tell_damage(&error);
        }
        StoreError::Corrupt(Box::new(error))
    } else {
        unavailable(error)
    }
}

/// Converts an error that says nothing about the rows, such as that of a failed BEGIN or COMMIT.
pub(crate) fn unavailable(error: DbErr) -> StoreError {
    if is_busy(&error) {
        StoreError::Busy(Box::new(error))
    } else {
        StoreError::Unavailable(with_advice(error))
    }
}

/// Advice about the permissions that SQLite needs to open a file and to write to it.
pub(crate) const ACCESS_NEEDED: &str = "check that the user of this process may read and write the database file and its \
    folder, where SQLite makes more files, and that the file system is not read-only";

/// Adds advice to an error about its likely cause: missing permissions or a lock (SQLite), missing privileges
/// (PostgreSQL), or a pooler that the URL does not announce. Such a pooler rejects or drops startup parameters, and
/// mixes up the prepared statements of its clients.
pub(crate) fn with_advice(error: DbErr) -> Box<dyn Error + Send + Sync> {
    match advice(&error) {
        Some(advice) => format!("{error}; {advice}").into(),
        None => error.into(),
    }
}

fn advice(error: &DbErr) -> Option<&'static str> {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    const PROTOCOL_VIOLATION: &str = "08P01";
    const NO_SUCH_STATEMENT: &str = "26000";
    const DUPLICATE_STATEMENT: &str = "42P05";
    const NO_SUCH_SETTING: &str = "42704";
    const READ_ONLY: i32 = 8;
    const CANNOT_OPEN: i32 = 14;
    match sqlstate(error) {
        _ if is_stale_plan(error) => None,
        _ if matches!(sqlite_code(error), Some(READ_ONLY | CANNOT_OPEN)) => Some(ACCESS_NEEDED),
        _ if sqlite_code(error) == Some(BUSY) => Some(
            "another process uses the database file, or it is on a network file system: SQLite needs a local disk",
        ),
        Some(INSUFFICIENT_PRIVILEGE) => Some(
            "the role in the database URL must own the database, or be granted USAGE and CREATE on its schema and own its tables",
        ),
        Some(
            PROTOCOL_VIOLATION
            | FEATURE_NOT_SUPPORTED
            | NO_SUCH_STATEMENT
            | DUPLICATE_STATEMENT
            | NO_SUCH_SETTING,
        ) => Some(
            "if a connection pooler like PgBouncer is in between, add statement-cache-capacity=0 to the database URL",
        ),
        _ => None,
    }
}

const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// Whether the cached plan of a prepared statement no longer fits the schema: "cached plan must not change result
/// type". The server may translate the message, so this function compares the name of the server's function.
fn is_stale_plan(error: &DbErr) -> bool {
    postgres_error(error).is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

fn is_unreadable(error: &DbErr) -> bool {
    match error {
        DbErr::Type(_) | DbErr::TryIntoErr { .. } | DbErr::Json(_) => true,
        _ => match sqlx_error(error) {
            Some(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => true,
            _ => is_damaged(error),
        },
    }
}

/// Whether the database reports that its file is damaged.
fn is_damaged(error: &DbErr) -> bool {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    const DATA_CORRUPTED: &str = "XX001";
    const INDEX_CORRUPTED: &str = "XX002";
    matches!(sqlite_code(error), Some(CORRUPT | NOT_A_DATABASE))
        || matches!(sqlstate(error), Some(DATA_CORRUPTED | INDEX_CORRUPTED))
}

/// Logs only once that the database is damaged, because many queries may read the damaged part.
fn tell_damage(error: &DbErr) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let error = error as &dyn Error;
        tracing::error!(
            error,
            "the database is damaged: stop the service, and restore a backup"
        );
    });
}

/// Whether another process or transaction holds a conflicting lock: on the SQLite file, or on a table or row of the
/// server.
pub(crate) fn is_locked(error: &DbErr) -> bool {
    const LOCKED: i32 = 6;
    matches!(sqlite_code(error), Some(BUSY | LOCKED)) || sqlstate(error) == Some(LOCK_NOT_AVAILABLE)
}

const BUSY: i32 = 5;
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Whether the server works, but other transactions hold a lock or use all connections.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    const DEADLOCK: &str = "40P01";
    matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
        || matches!(sqlstate(error), Some(LOCK_NOT_AVAILABLE | DEADLOCK))
        || is_cancelled_at_a_row(error)
}

/// Whether a statement timed out while it waited for a row lock. The lock timeout starts again for each transaction
/// that the statement waits for, so the statement timeout may expire first. PostgreSQL then adds a context (`where`) to
/// the error. PostgreSQL also adds a context to errors in cascades, but cascades are rarely slow.
fn is_cancelled_at_a_row(error: &DbErr) -> bool {
    const QUERY_CANCELED: &str = "57014";
    postgres_error(error)
        .is_some_and(|error| error.code() == QUERY_CANCELED && error.r#where().is_some())
}

/// Whether an error means that the database has failed. A constraint violation, an unreadable value or a lock of
/// another transaction does not mean that.
pub(crate) fn is_storage_failure(error: &DbErr) -> bool {
    error.sql_err().is_none() && !is_unreadable(error) && !is_busy(error)
}

/// Whether SQLite rejected a statement because of the statement itself. Earlier writes can still be committed.
pub(crate) fn is_about_the_statement(error: &DbErr) -> bool {
    const ERROR: i32 = 1;
    const TOO_BIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    let code = sqlite_code(error);
    matches!(code, Some(ERROR | TOO_BIG | CONSTRAINT | MISMATCH))
}

/// Whether the connection of a failed statement must not be reused: it is lost, its cached plans may be stale, or its
/// server has become read-only, is out of resources, shuts down or has failed. After a deadlock or a statement timeout,
/// the connection can be reused.
pub(crate) fn is_about_the_connection(error: &DbErr) -> bool {
    const READ_ONLY: &str = "25006";
    const OUT_OF_RESOURCES: &str = "53";
    const OPERATOR: &str = "57P";
    const SYSTEM: &str = "58";
    const INTERNAL: &str = "XX";
    sqlstate(error).is_none_or(|state| {
        let classes = [
            FEATURE_NOT_SUPPORTED,
            READ_ONLY,
            OUT_OF_RESOURCES,
            OPERATOR,
            SYSTEM,
            INTERNAL,
        ];
        classes.iter().any(|class| state.starts_with(class))
    })
}

/// Whether the connection is lost. The statement may succeed on another connection.
pub(crate) fn is_disconnected(error: &DbErr) -> bool {
    const ADMIN_SHUTDOWN: &str = "57P01";
    const CRASH_SHUTDOWN: &str = "57P02";
    const IDLE_IN_TRANSACTION: &str = "25P03";
    const CONNECTION_EXCEPTION: &str = "08";
    match sqlx_error(error) {
        Some(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
        _ => sqlstate(error).is_some_and(|state| {
            matches!(state, ADMIN_SHUTDOWN | CRASH_SHUTDOWN | IDLE_IN_TRANSACTION)
                || state.starts_with(CONNECTION_EXCEPTION)
        }),
    }
}

/// Returns the `error.type` of a failure for traces: the error code of the database, if there is one.
pub(crate) fn kind(error: &DbErr) -> Cow<'_, str> {
    let by_database = sqlx_error(error).and_then(sqlx::Error::as_database_error);
    if let Some(code) = by_database.and_then(|error| error.code()) {
        return code;
    }
    Cow::Borrowed(match error {
        _ if is_disconnected(error) => "disconnected",
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => "no_answer",
        // OpenTelemetry's name for all other errors.
        _ => "_OTHER",
    })
}

/// Returns SQLite's primary result code, which is the low byte of the extended code.
fn sqlite_code(error: &DbErr) -> Option<i32> {
    let error = sqlx_error(error)?.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    Some(error.code()?.parse::<i32>().ok()? & 0xff)
}

/// Returns PostgreSQL's SQLSTATE.
fn sqlstate(error: &DbErr) -> Option<&str> {
    Some(postgres_error(error)?.code())
}

fn postgres_error(error: &DbErr) -> Option<&PgDatabaseError> {
    sqlx_error(error)?.as_database_error()?.try_downcast_ref()
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}
