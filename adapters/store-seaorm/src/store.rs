//! The store: opening and closing it, and beginning its transactions.

use std::sync::Arc;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{StoreError, TokenStore};
use central_oauth_domain::secret::Sealed;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::Mutex;

use crate::database::{Database, DatabaseClock, OpenError, PoolSettings, Purpose, Session};
use crate::error::{failed, unavailable};
use crate::reads::ConfirmedRows;
use crate::refreshes::lease_cache::LeaseCache;
use crate::url::DatabaseUrl;
use crate::write_tests::LastTest;

/// Maximum number of rows in one statement. Databases limit the values of a statement, and a long write blocks others.
pub(crate) const MOST_AT_ONCE: u64 = 1000;

/// Links, accounts, tokens, keys and revocations in a database.
pub struct SeaOrmStore {
    pub(crate) database: Database,
    url: DatabaseUrl,
    pub(crate) time: ServerTime,
    pub(crate) lease_cache: LeaseCache,
    pub(crate) confirmed: Mutex<ConfirmedRows>,
    /// Serialises attempts to enter link codes.
    pub(crate) guessing: Mutex<()>,
    /// The result of the last write test. The mutex also serialises write tests.
    pub(crate) write_test: Mutex<LastTest>,
}

impl TokenStore for SeaOrmStore {}

impl SeaOrmStore {
    /// Opens the database. Creates a missing SQLite file, readable only by its owner. Does not change the
    /// schema: see [`SeaOrmStore::migrate_up`].
    ///
    /// # Errors
    /// When the database cannot be used, or has been migrated by a newer version.
    pub async fn open(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, OpenError> {
        Self::open_if(url, settings, |_| Ok(())).await
    }

    /// Opens the database if `check` accepts its sealed hash key (`None` if it has none). Before this check, nothing is
    /// written and no file is created.
    ///
    /// # Errors
    /// The errors of [`SeaOrmStore::open`] and of `check`.
    pub async fn open_if<E: From<OpenError>>(
        url: &DatabaseUrl,
        settings: PoolSettings,
        check: impl FnOnce(Option<&Sealed>) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(Self {
            database: Database::open_if(url, settings, check).await?,
            url: url.clone(),
            time: ServerTime::default(),
            lease_cache: LeaseCache::default(),
            confirmed: Mutex::default(),
            guessing: Mutex::default(),
            write_test: Mutex::default(),
        })
    }

    /// Corrects `clock` by the database server's clock, now and regularly later, because all replicas must judge leases
    /// by one clock. Does nothing on SQLite.
    ///
    /// # Errors
    /// When the server does not return the time.
    pub async fn with_server_time(self, clock: Arc<DatabaseClock>) -> Result<Self, OpenError> {
        let store = Self {
            time: ServerTime(Some(clock)),
            ..self
        };
        let asked = store.time.ask(&store.look().await?).await;
        asked.map_err(OpenError::at(&store.url))?;
        Ok(store)
    }

    /// Finishes work in progress and closes the database. Later calls fail with [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// When closing the database fails.
    pub async fn close(&self) -> Result<(), OpenError> {
        self.database
            .close()
            .await
            .map_err(OpenError::at(&self.url))
    }

    pub(crate) const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        self.database.read().await.map_err(failed)
    }

    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        let begun = self.database.begin(Purpose::Change).await;
        begun.map_err(unavailable)
    }

    /// Begins a transaction that stores a provider's response, which exists nowhere else.
    pub(crate) async fn save(&self) -> Result<Session, StoreError> {
        let begun = self.database.begin(Purpose::Save).await;
        begun.map_err(unavailable)
    }
}

#[derive(Clone, Default)]
pub(crate) struct ServerTime(Option<Arc<DatabaseClock>>);

impl ServerTime {
    /// Converts `now` and `later` to the database server's clock, because the caller's clock may be wrong or may have
    /// been corrected since. Without a server, returns them unchanged.
    pub(crate) async fn both(
        &self,
        session: &Session,
        now: Timestamp,
        later: Timestamp,
    ) -> Result<(Timestamp, Timestamp), StoreError> {
        let servers = self.ask(session).await.map_err(failed)?;
        let servers = servers.unwrap_or(now);
        Ok((servers, servers + later.since(now)))
    }

    /// Reads the server's clock, corrects this process's clock, and returns the server's time. Returns `None` without a
    /// server.
    pub(crate) async fn ask(&self, session: &Session) -> Result<Option<Timestamp>, DbErr> {
        let backend = session.get_database_backend();
        let clock = match &self.0 {
            Some(clock) if backend == DbBackend::Postgres => clock,
            _ => return Ok(None),
        };
        let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";
        let question = Statement::from_string(backend, question);
        let asked = clock.machine();
        let Some(row) = session.query_one_raw(question).await? else {
            return Ok(None);
        };
        let server = row.try_get("", "now")?;
        clock.correct(asked, server, clock.machine());
        Ok(Some(Timestamp::from_millis(server)))
    }
}
