//! A SQLite file, written by one `BEGIN IMMEDIATE` transaction at a time.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use central_oauth_domain::secret::Sealed;
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::error::OpenError;
use super::group::Group;
use super::health::WriteHealth;
use super::peek;
use super::place::FilePlace;
use super::session::{Channel, Session, seen, span};
use super::transaction::{Origin, Transaction};
use crate::error::is_locked;
use crate::seals::read_hash_key;
use crate::url::DatabaseUrl;

/// Reader connections.
const READERS: u32 = 4;
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the writer waits at a time. SQLite's busy handler retries more and more rarely, in the end every 100 ms:
/// beside a process that writes continuously it would wait for seconds, longer than the lease of a refresh.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);
/// Timeout of getting a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Enabling WAL needs exclusive access and ignores the busy timeout.
const CONNECT_ATTEMPTS: u32 = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

/// A database file.
pub(crate) struct Sqlite {
    path: PathBuf,
    url: DatabaseUrl,
    current: Mutex<Arc<OpenFile>>,
    /// The queue for the writer. SQLite has one writer at a time; within this process the queue is fair.
    turn: Arc<Semaphore>,
    /// Small writes, for group commit.
    group: Group,
    health: Arc<WriteHealth>,
}

/// The connections to a file.
pub(super) struct OpenFile {
    /// Reader connections.
    readers: DatabaseConnection,
    /// The writer connection, so that saving never waits behind readers.
    writer: DatabaseConnection,
    /// Whether the writer is closed instead of reused.
    is_writer_discarded: Arc<AtomicBool>,
    place: FilePlace,
    /// The sealed hash key of this installation, once another file had to be compared with this one.
    hash_key: OnceCell<Option<Sealed>>,
    is_closed: AtomicBool,
}

impl Sqlite {
    /// Opens a file for reading and writing; a new one is readable only by its owner.
    pub(super) async fn open(path: &Path, url: &DatabaseUrl) -> Result<Self, OpenError> {
        create_private(path).map_err(|source| OpenError::file(path, source))?;
        let file = Box::pin(OpenFile::open(path)).await;
        let file = file.map_err(OpenError::at(url))?;
        Ok(Self {
            path: path.to_owned(),
            url: url.clone(),
            current: Mutex::new(Arc::new(file)),
            turn: Arc::new(Semaphore::new(1)),
            group: Group::default(),
            health: Arc::default(),
        })
    }

    pub(super) fn readers(&self) -> DatabaseConnection {
        self.current().readers.clone()
    }

    pub(super) fn read(&self) -> Session {
        Session::new(Channel::Pool(self.readers()), None)
    }

    pub(super) const fn health(&self) -> &Arc<WriteHealth> {
        &self.health
    }

    pub(super) const fn group(&self) -> &Group {
        &self.group
    }

    /// Begins to write. The lock is taken at the start: a transaction that begins as a reader and cannot get the lock
    /// later fails at once, without waiting. While another process has the lock, the attempt is repeated at short
    /// intervals, because that process may release it only for moments.
    pub(super) async fn begin(&self) -> Result<Session, DbErr> {
        seen(span(DbBackend::Sqlite, "BEGIN"), self.begin_in_turn()).await
    }

    async fn begin_in_turn(&self) -> Result<Session, DbErr> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|error| DbErr::Custom(error.to_string()))?;
        let file = self.in_place().await?;
        let give_up_at = Instant::now() + BUSY_TIMEOUT;
        let txn = loop {
            match self.try_to_begin(&file).await {
                Err(error) if is_locked(&error) && Instant::now() < give_up_at => {}
                begun => break begun?,
            }
        };
        file.place.remember_wal();
        let txn = txn.with_turn(Some(turn));
        Ok(Session::new(Channel::Transaction(txn), None))
    }

    async fn try_to_begin(&self, file: &Arc<OpenFile>) -> Result<Transaction, DbErr> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let writer = file.writer.clone();
        let begin = async move { writer.begin_with_options(immediate).await };
        let health = Some(Arc::clone(&self.health));
        Transaction::begin(Origin::File(Arc::clone(file)), health, begin).await
    }

    /// Returns the file at the path. If another file of this installation has replaced the opened one, for example a
    /// restored backup, it is opened instead. Any other file gets no writes. Only the holder of the queue may call
    /// this.
    async fn in_place(&self) -> Result<Arc<OpenFile>, DbErr> {
        let opened = self.current();
        if !opened.is_closed.load(Ordering::Relaxed) && opened.place.is_unchanged() {
            return Ok(opened);
        }
        if !opened.place.exists() {
            return Err(moved());
        }
        let is_another = !opened.place.is_same_database();
        if is_another {
            opened.remember_hash_key().await?;
        }
        // The old connections are closed first: two sets of connections in one process would not see each other's
        // locks.
        opened.close().await?;
        if is_another {
            self.refuse_another_installation(&opened).await?;
        }
        tracing::warn!("the database file has been replaced; opening the new one");
        // On the heap, so that this rare case does not make every write larger.
        let fresh = Arc::new(Box::pin(OpenFile::open(&self.path)).await?);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::clone(&fresh);
        Ok(fresh)
    }

    /// Fails unless the file at the path contains the hash key of this process.
    async fn refuse_another_installation(&self, opened: &OpenFile) -> Result<(), DbErr> {
        let theirs = Box::pin(peek::hash_key_of_file(&self.path, &self.url)).await;
        let theirs = theirs.map_err(|error| DbErr::Custom(error.to_string()))?;
        if opened.hash_key.get() == Some(&theirs) {
            Ok(())
        } else {
            Err(moved())
        }
    }

    fn current(&self) -> Arc<OpenFile> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        // From now on nobody begins to write, so nobody opens the file again.
        self.turn.close();
        self.current().close().await
    }
}

impl OpenFile {
    async fn open(path: &Path) -> Result<Self, DbErr> {
        let place = FilePlace::of(path);
        let is_writer_discarded = Arc::new(AtomicBool::new(false));
        let pool = usable_writers(&is_writer_discarded);
        Ok(Self {
            writer: patiently(path, 1, writing, pool).await?,
            readers: patiently(path, READERS, durable, |pool| pool).await?,
            is_writer_discarded,
            place,
            hash_key: OnceCell::new(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Reads the hash key, unless it is known already.
    async fn remember_hash_key(&self) -> Result<(), DbErr> {
        let key = self
            .hash_key
            .get_or_try_init(|| read_hash_key(&self.readers));
        key.await.map(drop)
    }

    /// Makes the next transaction use a new writer connection.
    pub(super) fn discard_writer(&self) {
        tracing::debug!("a database transaction ended unexpectedly; opening a new connection");
        self.is_writer_discarded.store(true, Ordering::SeqCst);
    }

    /// Fails if the paths lead elsewhere now.
    pub(super) fn confirm_place(&self) -> Result<(), DbErr> {
        if self.place.is_unchanged() {
            Ok(())
        } else {
            Err(moved())
        }
    }

    async fn close(&self) -> Result<(), DbErr> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.writer.close_by_ref().await?;
        self.readers.close_by_ref().await
    }
}

fn moved() -> DbErr {
    let message = "the database file was moved, replaced or deleted; waiting until it is back";
    DbErr::Conn(RuntimeErr::Internal(message.to_owned()))
}

/// Closes a writer that was discarded, or that is inside a transaction according to the driver.
fn usable_writers(
    is_discarded: &Arc<AtomicBool>,
) -> impl Fn(SqlitePoolOptions) -> SqlitePoolOptions + Clone + Send + Sync + 'static {
    let is_discarded = Arc::clone(is_discarded);
    move |pool| {
        let is_discarded = Arc::clone(&is_discarded);
        pool.before_acquire(move |writer, _| {
            let is_usable =
                !is_discarded.swap(false, Ordering::SeqCst) && !writer.is_in_transaction();
            Box::pin(async move { Ok(is_usable) })
        })
    }
}

async fn patiently(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
    pool: impl Fn(SqlitePoolOptions) -> SqlitePoolOptions + Clone + Send + Sync + 'static,
) -> Result<DatabaseConnection, DbErr> {
    let mut attempts_left = CONNECT_ATTEMPTS;
    loop {
        match connect_pool(path, connections, tune, pool.clone()).await {
            Err(error) if is_locked(&error) && attempts_left > 0 => attempts_left -= 1,
            outcome => return outcome,
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Opens connections without special handling.
pub(super) async fn connect(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    connect_pool(path, connections, tune, |pool| pool).await
}

/// Opens a pool. SQLite gets the path literally, so nothing in a file's name can be taken for an option.
async fn connect_pool(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
    pool: impl Fn(SqlitePoolOptions) -> SqlitePoolOptions + Send + Sync + 'static,
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
        })
        .map_sqlx_sqlite_pool_opts(pool);
    Database::connect(options).await
}

/// Commits survive a power failure, and readers do not wait for the writer.
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

/// Creates the file if it does not exist: SQLite would make it readable by everybody, and it gives its companion files
/// the same permissions. It would open a file that nobody may write to, and make companions that stay like that.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_read_only(path),
        outcome => outcome.map(drop),
    }
}

fn refuse_read_only(path: &Path) -> io::Result<()> {
    if path.metadata()?.permissions().readonly() {
        let reason = "its mode lets nobody write to it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;

    #[test]
    fn a_file_that_nobody_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        create_private(&path).unwrap();
        create_private(&path).unwrap();
        let mut mode = path.metadata().unwrap().permissions();
        mode.set_readonly(true);
        std::fs::set_permissions(&path, mode).unwrap();
        assert!(create_private(&path).is_err());
    }

    #[tokio::test]
    async fn every_connection_is_durable_and_patient() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        create_private(&path).unwrap();
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
            held.push(sea_orm::TransactionTrait::begin(db).await.unwrap());
        }
    }
}
