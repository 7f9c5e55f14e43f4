//! One interface for SQLite and PostgreSQL: sessions that read, and transactions that write.

mod clock;
mod commits;
mod error;
mod group;
mod health;
mod hold;
mod open_file;
mod peek;
mod place;
mod pool;
mod pool_settings;
mod postgres;
mod session;
mod sqlite;
mod transaction;
pub(crate) mod versions;
mod waiting;
mod watched;

use std::sync::Arc;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::Sealed;
use sea_orm::DbErr;

pub use clock::DatabaseClock;
pub(crate) use commits::FileState;
pub use error::OpenError;
pub(crate) use health::WriteHealth;
pub(crate) use hold::Held;
pub use pool_settings::PoolSettings;
pub(crate) use postgres::MOST_SAVED_AT_ONCE;
pub(crate) use session::{NO_TIMEOUTS, Session};

use crate::error::{is_storage_failure, unavailable};
use crate::url::{DatabaseUrl, Place};
use group::Writing;
use postgres::Postgres;
use sqlite::Sqlite;

/// How many connections are open, and how many of them are busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: u64,
    /// Busy connections.
    pub busy: u64,
}

impl PoolUse {
    fn of<DB: sea_orm::sqlx::Database>(pool: &sea_orm::sqlx::Pool<DB>) -> Self {
        let open = u64::from(pool.size());
        let idle = u64::try_from(pool.num_idle()).unwrap_or(u64::MAX);
        let busy = open.saturating_sub(idle);
        Self { open, busy }
    }
}

pub(crate) enum Database {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// The purpose of a write.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Change,
    /// Stores data that exists nowhere else, such as refreshed tokens. On a server, some connections are reserved for
    /// saves, so other work does not delay them. A save on a dead connection times out early, and a retry uses a new
    /// connection.
    Save,
}

impl Database {
    /// Opens a database, unless its schema is newer than this build or `check` rejects its sealed hash key (`None` if
    /// it has none). Before both checks have passed, nothing is written and no file is created.
    pub(crate) async fn open_if<E: From<OpenError>>(
        url: &DatabaseUrl,
        settings: PoolSettings,
        check: impl FnOnce(Option<&Sealed>) -> Result<(), E>,
    ) -> Result<Self, E> {
        match url.place() {
            Place::File(path) => {
                check(peek::hash_key_in(path, url).await?.as_ref())?;
                Ok(Self::Sqlite(Arc::new(Sqlite::open(path, url).await?)))
            }
            Place::Server(server) => {
                let server = Postgres::open(server, settings).await;
                let server = server.map_err(OpenError::at(url))?;
                let session = server.read().await.map_err(OpenError::at(url))?;
                check(peek::read(&session, url).await?.as_ref())?;
                Ok(Self::Postgres(server))
            }
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, DbErr> {
        match self {
            Self::Sqlite(file) => Ok(file.read()),
            Self::Postgres(server) => server.read().await,
        }
    }

    /// Returns the state of a SQLite file. Returns `None` if the state is unknown, and on PostgreSQL.
    pub(crate) async fn file_state(&self) -> Result<Option<FileState>, DbErr> {
        match self {
            Self::Sqlite(file) => file.state().await,
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self, purpose: Purpose) -> Result<Session, DbErr> {
        let begun = match self {
            Self::Sqlite(file) => file.begin().await,
            Self::Postgres(server) => server.begin(purpose).await,
        };
        if begun.as_ref().is_err_and(is_storage_failure) {
            self.health().failed();
        }
        begun
    }

    /// Runs `writing` in a transaction and commits it. On an error, rolls back and waits until the rows are unlocked,
    /// because other transactions skip locked rows. After a failed statement, does not wait. On SQLite, writes that
    /// wait at the same time share one commit.
    pub(crate) async fn write<T, E, W>(&self, purpose: Purpose, writing: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'a> FnOnce(&'a Session) -> Writing<'a, Result<T, E>> + Send + 'static,
    {
        if let Self::Sqlite(file) = self {
            return group::write(file, writing).await;
        }
        let write = self.begin(purpose).await.map_err(unavailable)?;
        let written = writing(&write).await;
        match written {
            Ok(_) => write.commit().await?,
            Err(_) => write.roll_back().await,
        }
        written
    }

    /// Whether [`Database::save_at_once`] can replace a transaction.
    pub(crate) fn saves_at_once(&self) -> bool {
        matches!(self, Self::Postgres(server) if server.saves_at_once())
    }

    /// Saves a row, a JSON object, together with other rows that wait. `sql` takes a JSON array of up to
    /// [`MOST_SAVED_AT_ONCE`] rows and returns the places in it, from 1 on, of the rows that it has saved. It runs without
    /// BEGIN and COMMIT. Returns `true` if PostgreSQL has confirmed that the row is saved. After `false`, it may or may
    /// not be saved: the caller must record the result in a transaction. With SQLite, runs nothing and returns `false`.
    pub(crate) async fn save_at_once(&self, sql: &'static str, row: String) -> bool {
        match self {
            Self::Postgres(server) => server.save(sql, row).await,
            Self::Sqlite(_) => false,
        }
    }

    pub(crate) fn health(&self) -> &Arc<WriteHealth> {
        match self {
            Self::Sqlite(file) => file.health(),
            Self::Postgres(server) => server.health(),
        }
    }

    /// Returns how many connections are open and busy. On SQLite, counts only reader connections.
    pub(crate) fn pool_use(&self) -> PoolUse {
        match self {
            Self::Sqlite(file) => PoolUse::of(file.readers().get_sqlite_connection_pool()),
            Self::Postgres(server) => {
                let [general, saving] = server
                    .connections()
                    .map(|pool| PoolUse::of(pool.get_postgres_connection_pool()));
                PoolUse {
                    open: general.open + saving.open,
                    busy: general.busy + saving.busy,
                }
            }
        }
    }

    /// Finishes work in progress and closes the database.
    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(server) => server.close().await,
        }
    }
}
