//! Opening a database file.

use std::error::Error;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use crate::error::is_locked;

/// Connections that read.
const READERS: u32 = 4;
/// How long a statement waits for another process that writes.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the writer waits at a time. SQLite looks for its turn less and less often, every 100 ms in the end: beside a
/// process that writes without pause it would wait for seconds, longer than a lease of a refresh may last.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Turning WAL on wants the database for itself and ignores the busy timeout.
const CONNECT_ATTEMPTS: u32 = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or made.
    #[error("the database file {} cannot be used: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no database, or a damaged one, or SQLite cannot get at it.
    #[error("the database {} cannot be used: {source}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A newer version of this program has been here.
    #[error(
        "the database {} was migrated by a newer version of this program ({}): start that version, or let it migrate down",
        .path.display(), .migrations.join(", ")
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The migrations that this build does not know.
        migrations: Vec<String>,
    },
}

impl OpenError {
    /// Wraps what the file system says about a path.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Wraps what SeaORM says about the database at a path.
    pub(crate) fn at(path: &Path) -> impl Fn(DbErr) -> Self {
        move |error| Self::Database {
            path: path.to_owned(),
            source: Box::new(error),
        }
    }
}

/// The connections to a database.
pub(crate) struct Connections {
    /// Those that read.
    pub(crate) readers: DatabaseConnection,
    /// The one that writes: what is to be saved never waits behind readers.
    pub(crate) writer: DatabaseConnection,
}

/// Opens the database for reading and writing; a new file can be read by its owner alone.
pub(crate) async fn read_write(path: &Path) -> Result<Connections, OpenError> {
    create_private(path).map_err(|source| OpenError::file(path, source))?;
    Ok(Connections {
        writer: patiently(path, 1, writing).await?,
        readers: patiently(path, READERS, durable).await?,
    })
}

async fn patiently(
    path: &Path,
    connections: u32,
    tune: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, OpenError> {
    let mut attempts_left = CONNECT_ATTEMPTS;
    loop {
        match connect(path, connections, tune).await {
            Err(error) if is_locked(&error) && attempts_left > 0 => attempts_left -= 1,
            outcome => return outcome.map_err(OpenError::at(path)),
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Opens a pool. SQLite is given the path as it stands, so nothing in a file's name can turn into an option.
pub(crate) async fn connect(
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
        let Connections { readers, writer } = read_write(&path).await.unwrap();
        let mut held = Vec::new();
        let readers = std::iter::repeat_n(&readers, READERS as usize);
        for db in readers.chain([&writer]) {
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
