//! The two databases, behind what the store needs of one: sessions that read, and transactions that write.

mod clock;
mod error;
mod group;
mod health;
mod hold;
mod peek;
mod place;
mod pool;
mod pooler;
mod postgres;
mod session;
mod sqlite;
mod transaction;

use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use sea_orm::{DbBackend, DbErr, QueryTrait};

pub use clock::DatabaseClock;
pub use error::OpenError;
pub(crate) use health::WriteHealth;
pub(crate) use hold::Held;
pub use peek::peek_hash_key;
pub(crate) use session::Session;

use crate::error::unavailable;
use crate::schema;
use crate::url::{DatabaseUrl, Place};
use group::Writing;
use postgres::Postgres;
use sqlite::Sqlite;

/// How a database server is used. It means nothing to SQLite.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// The most connections at a time, of which half are for saving alone: two at least.
    pub max_connections: u32,
    /// How long is waited for a connection, be it for one that others use or for a new one.
    pub connect_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// How busy connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Those that are open.
    pub open: u64,
    /// Those among them that are busy.
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

impl Add for PoolUse {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            busy: self.busy + other.busy,
        }
    }
}

/// An open database.
pub(crate) enum Database {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// What a write is for. A server keeps connections for what exists nowhere else until it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Change,
    Save,
}

/// An open transaction that may write; dropping it takes everything back.
pub(crate) struct Write {
    pub(crate) txn: Session,
}

impl Database {
    /// Opens a database whose schema is not newer than this build knows; a file is made if need be.
    pub(crate) async fn open(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, OpenError> {
        match url.place() {
            Place::File(path) => {
                peek::refuse_newer(path, url).await?;
                Ok(Self::Sqlite(Arc::new(Sqlite::open(path, url).await?)))
            }
            Place::Server(options) => {
                let server = Postgres::open(options, settings).await;
                let server = Self::Postgres(server.map_err(OpenError::at(url))?);
                let session = server.read().await.map_err(OpenError::at(url))?;
                schema::refuse_newer(&session, url).await?;
                Ok(server)
            }
        }
    }

    /// A session that reads.
    pub(crate) async fn read(&self) -> Result<Session, DbErr> {
        match self {
            Self::Sqlite(file) => Ok(file.read()),
            Self::Postgres(server) => server.read().await,
        }
    }

    /// A transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Write, DbErr> {
        let txn = match self {
            Self::Sqlite(file) => file.begin().await,
            Self::Postgres(server) => server.begin().await,
        };
        self.begun(txn)
    }

    /// A transaction that writes what exists nowhere else until it is stored. On a server, questions do not stand in its way,
    /// and it fails soon where the connection is dead: the next one has a new connection.
    pub(crate) async fn begin_saving(&self) -> Result<Write, DbErr> {
        let txn = match self {
            Self::Sqlite(file) => file.begin().await,
            Self::Postgres(server) => server.begin_saving().await,
        };
        self.begun(txn)
    }

    /// Writes in a transaction, which an error rolls back. SQLite commits those together that wait at the same time.
    pub(crate) async fn write<T, E, W>(&self, purpose: Purpose, writing: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'a> FnOnce(&'a Session) -> Writing<'a, Result<T, E>> + Send + 'static,
    {
        if let Self::Sqlite(file) = self {
            return group::write(file, writing).await;
        }
        let begun = match purpose {
            Purpose::Change => self.begin().await,
            Purpose::Save => self.begin_saving().await,
        };
        let write = begun.map_err(unavailable)?;
        let written = writing(&write.txn).await?;
        write.commit().await?;
        Ok(written)
    }

    /// Whether a statement can be by itself what a transaction is elsewhere.
    pub(crate) fn saves_at_once(&self) -> bool {
        matches!(self, Self::Postgres(server) if server.saves_at_once())
    }

    /// Runs a statement that saves, where a server needs no transaction around it. Returns whether it has changed anything. If
    /// that is unknown, a transaction finds out.
    pub(crate) async fn save_at_once(&self, statement: &impl QueryTrait) -> bool {
        let Self::Postgres(server) = self else {
            return false;
        };
        let saved = server.save_at_once(statement.build(DbBackend::Postgres));
        saved.await.unwrap_or(false)
    }

    fn begun(&self, txn: Result<Session, DbErr>) -> Result<Write, DbErr> {
        if txn.is_err() {
            self.health().failed();
        }
        Ok(Write { txn: txn? })
    }

    /// How writing goes.
    pub(crate) fn health(&self) -> &Arc<WriteHealth> {
        match self {
            Self::Sqlite(file) => file.health(),
            Self::Postgres(server) => server.health(),
        }
    }

    /// How busy the connections are; with SQLite those that read.
    pub(crate) fn pool_use(&self) -> PoolUse {
        match self {
            Self::Sqlite(file) => PoolUse::of(file.readers().get_sqlite_connection_pool()),
            Self::Postgres(server) => {
                let [general, saving] = server.connections();
                PoolUse::of(general.get_postgres_connection_pool())
                    + PoolUse::of(saving.get_postgres_connection_pool())
            }
        }
    }

    /// Finishes what is under way and lets go of the database.
    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(server) => server.close().await,
        }
    }
}

impl Write {
    /// The same one, which stays open for as long as it takes.
    pub(crate) async fn staying(self) -> Result<Self, DbErr> {
        let txn = hold::stay(self.txn).await?;
        Ok(Self { txn })
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], whatever the database says: it may have been committed all the same.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.txn.commit().await.map_err(unavailable)
    }
}
