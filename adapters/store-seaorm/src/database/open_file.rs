use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use central_oauth_domain::secret::Sealed;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use tokio::sync::OnceCell;

use super::commits::CommitWatch;
use super::place::FilePlace;
use crate::error::is_locked;
use crate::hash_key;

const READERS: u32 = 4;
/// How long a statement waits while another process writes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite's busy timeout for the writer connection. It is short and `Sqlite::begin` retries, because SQLite's own
/// retries slow down to one every 100 ms. If another process writes continuously, such retries may not get the lock
/// before the lease of a refresh expires.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);
/// Timeout for getting a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of retries when a file is opened. Retries are needed because enabling WAL requires exclusive access
/// and ignores the busy timeout.
const CONNECT_ATTEMPTS: u32 = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct OpenFile {
    pub(super) readers: DatabaseConnection,
    /// The connection for writes only, so that a write never waits for readers.
    pub(super) writer: DatabaseConnection,
    pub(super) commits: CommitWatch,
    /// Whether the next transaction gets a new writer connection.
    is_writer_discarded: Arc<AtomicBool>,
    pub(super) place: FilePlace,
    /// The sealed hash key of this file. It is read when another file must be compared with this one.
    pub(super) hash_key: OnceCell<Option<Sealed>>,
    pub(super) is_closed: AtomicBool,
}

impl OpenFile {
    pub(super) async fn open(path: &Path) -> Result<Self, DbErr> {
        let place = FilePlace::of(path);
        let is_writer_discarded = Arc::new(AtomicBool::new(false));
        let writer = usable_writers(Arc::clone(&is_writer_discarded));
        let plain = options(path)?;
        let durable = durable(plain.clone());
        Ok(Self {
            writer: connect_repeatedly(writer, durable.clone().busy_timeout(TURN_TIMEOUT)).await?,
            readers: connect_repeatedly(pool(READERS), durable).await?,
            commits: CommitWatch::open(&plain).await?,
            is_writer_discarded,
            place,
            hash_key: OnceCell::new(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Reads the hash key, unless it is known already.
    pub(super) async fn remember_hash_key(&self) -> Result<(), DbErr> {
        let key = self
            .hash_key
            .get_or_try_init(|| hash_key::read(&self.readers));
        key.await.map(drop)
    }

    /// Makes the next transaction use a new writer connection.
    pub(super) fn discard_writer(&self) {
        tracing::debug!("a database transaction ended unexpectedly; opening a new connection");
        self.is_writer_discarded.store(true, Ordering::SeqCst);
    }

    /// Fails if the paths no longer lead to the opened files.
    pub(super) fn confirm_place(&self) -> Result<(), DbErr> {
        if self.place.is_unchanged() {
            Ok(())
        } else {
            Err(moved())
        }
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.commits.close().await?;
        self.writer.close_by_ref().await?;
        self.readers.close_by_ref().await
    }
}

pub(super) fn moved() -> DbErr {
    let message = "the database file was moved, replaced or deleted; waiting until it is back";
    DbErr::Conn(RuntimeErr::Internal(message.to_owned()))
}

/// Returns a pool for the writer connection. The pool replaces a connection that was discarded, or that is still inside
/// a transaction according to the driver.
fn usable_writers(is_discarded: Arc<AtomicBool>) -> SqlitePoolOptions {
    pool(1).before_acquire(move |writer, _| {
        let is_usable = !is_discarded.swap(false, Ordering::SeqCst) && !writer.is_in_transaction();
        Box::pin(async move { Ok(is_usable) })
    })
}

async fn connect_repeatedly(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    let mut attempts_left = CONNECT_ATTEMPTS;
    loop {
        match connect_pool(pool.clone(), options.clone()).await {
            Err(error) if is_locked(&error) && attempts_left > 0 => attempts_left -= 1,
            outcome => return outcome,
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Opens a pool with one connection, without retries.
pub(super) async fn connect(options: SqliteConnectOptions) -> Result<DatabaseConnection, DbErr> {
    connect_pool(pool(1), options).await
}

async fn connect_pool(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    match pool.connect_with(options).await {
        Ok(pool) => Ok(pool.into()),
        Err(error) => Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))),
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Returns the options of a connection. The path is passed literally, so that no part of it is parsed as an option.
pub(super) fn options(path: &Path) -> Result<SqliteConnectOptions, DbErr> {
    let path = std::path::absolute(path).map_err(|error| DbErr::Custom(error.to_string()))?;
    let options = SqliteConnectOptions::new().filename(path);
    Ok(options
        .busy_timeout(BUSY_TIMEOUT)
        // A migration of a large database sorts rows in temporary files, and a container may have no folder for them.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging())
}

/// Adds options, so that commits survive a power failure and readers do not wait for the writer.
fn durable(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;
    use crate::error::with_advice;

    #[tokio::test]
    async fn every_connection_is_durable_and_needs_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        std::fs::File::create(&path).unwrap();
        let file = OpenFile::open(&path).await.unwrap();
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
            assert_eq!(pragma("temp_store").await, "2");
            held.push(sea_orm::TransactionTrait::begin(db).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_file_that_stays_locked_may_be_on_a_network_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(&folder.path().join("store.sqlite3")).unwrap();
        let options = options.create_if_missing(true).busy_timeout(Duration::ZERO);
        let (one, other) = (
            connect(options.clone()).await.unwrap(),
            connect(options).await.unwrap(),
        );
        one.execute_unprepared("BEGIN EXCLUSIVE").await.unwrap();
        let locked = other.execute_unprepared("BEGIN IMMEDIATE").await;
        let told = with_advice(locked.unwrap_err()).to_string();
        assert!(told.contains("SQLite needs a local disk"), "{told}");
    }
}
