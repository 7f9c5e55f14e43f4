//! A file of SQLite, and how it is written: one `BEGIN IMMEDIATE` transaction at a time.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::error::OpenError;
use super::session::{Channel, Session, seen, span};
use crate::error::is_locked;
use crate::url::DatabaseUrl;

/// Connections that read.
const READERS: u32 = 4;
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the writer waits at a time. SQLite looks for its turn less and less often, every 100 ms in the end: beside a
/// process that writes without pause it would wait for seconds, longer than a lease of a refresh may last.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Turning WAL on wants the database for itself and ignores the busy timeout.
const CONNECT_ATTEMPTS: u32 = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

/// The connections to a file.
pub(crate) struct Sqlite {
    /// Those that read.
    readers: DatabaseConnection,
    /// The one that writes: what is to be saved never waits behind readers.
    writer: DatabaseConnection,
    /// Whose turn it is to write. SQLite lets one connection write at a time; within this process they queue, fairly.
    turn: Mutex<()>,
}

impl Sqlite {
    /// Opens a file for reading and writing; a new one can be read by its owner alone.
    pub(super) async fn open(path: &Path, url: &DatabaseUrl) -> Result<Self, OpenError> {
        create_private(path).map_err(|source| OpenError::file(path, source))?;
        let at = OpenError::at(url);
        Ok(Self {
            writer: patiently(path, 1, writing).await.map_err(&at)?,
            readers: patiently(path, READERS, durable).await.map_err(&at)?,
            turn: Mutex::default(),
        })
    }

    pub(super) const fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    pub(super) fn read(&self) -> Session {
        Session::new(Channel::Pool(self.readers.clone()), None)
    }

    /// Begins to write. The lock is taken at the start: a transaction that begins by reading and is refused the lock
    /// later fails at once, without any waiting. While another process has the lock it is asked for again and again, in
    /// short intervals, as that process may let go of it for moments only.
    pub(super) async fn begin(&self) -> Result<(Session, MutexGuard<'_, ()>), DbErr> {
        seen(span(DbBackend::Sqlite, "BEGIN"), self.begin_in_turn()).await
    }

    async fn begin_in_turn(&self) -> Result<(Session, MutexGuard<'_, ()>), DbErr> {
        let turn = self.turn.lock().await;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let give_up_at = Instant::now() + BUSY_TIMEOUT;
        let txn = loop {
            match self.writer.begin_with_options(immediate).await {
                Err(error) if is_locked(&error) && Instant::now() < give_up_at => {}
                begun => break begun?,
            }
        };
        Ok((Session::new(Channel::Transaction(txn), None), turn))
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.writer.close_by_ref().await?;
        self.readers.close_by_ref().await
    }
}

async fn patiently(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    let mut attempts_left = CONNECT_ATTEMPTS;
    loop {
        match connect(path, connections, tune).await {
            Err(error) if is_locked(&error) && attempts_left > 0 => attempts_left -= 1,
            outcome => return outcome,
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Opens a pool. SQLite is given the path as it stands, so nothing in a file's name can turn into an option.
pub(super) async fn connect(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    let path = std::path::absolute(path).map_err(|error| DbErr::Custom(error.to_string()))?;
    let mut options = ConnectOptions::new("sqlite://");
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |options| {
            tune(options.filename(&path).busy_timeout(BUSY_TIMEOUT))
        });
    Database::connect(options).await
}

/// What is committed survives a power cut, and readers do not wait for the writer.
fn durable(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

fn writing(options: SqliteConnectOptions) -> SqliteConnectOptions {
    durable(options).busy_timeout(TURN_TIMEOUT)
}

/// Makes the file, unless it is there: SQLite would make it readable by everybody, and it gives its companion files
/// the same permissions.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;

    #[tokio::test]
    async fn every_connection_is_durable_and_patient() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        let url = DatabaseUrl::file(&path);
        let file = Sqlite::open(&path, &url).await.unwrap();
        let mut held = Vec::new();
        let readers = std::iter::repeat_n(&file.readers, READERS as usize);
        for db in readers.chain([&file.writer]) {
            let pragma = async |name: &str| -> String {
                let query = format!("SELECT CAST({name} AS TEXT) AS it FROM pragma_{name}");
                let query = sea_orm::Statement::from_string(db.get_database_backend(), query);
                let row = db.query_one_raw(query).await.unwrap().unwrap();
                row.try_get("", "it").unwrap()
            };
            assert_eq!(pragma("journal_mode").await, "wal");
            assert_eq!(pragma("synchronous").await, "2");
            assert_eq!(pragma("foreign_keys").await, "1");
            held.push(sea_orm::TransactionTrait::begin(db).await.unwrap());
        }
    }
}
