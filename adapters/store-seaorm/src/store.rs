//! The store, and how it asks its database.

use std::sync::Arc;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::database::{Database, DatabaseClock, OpenError, PoolSettings, Session, Write};
use crate::error::{failed, unavailable};
use crate::refreshes::claimed::Claimed;
use crate::url::DatabaseUrl;

/// A database takes only so many values in one statement, and a writer should not keep others waiting.
pub(crate) const MOST_AT_ONCE: u64 = 1000;

/// Links, accounts, tokens, keys and revocations in a database.
pub struct SeaOrmStore {
    pub(crate) database: Database,
    url: DatabaseUrl,
    pub(crate) time: ServerTime,
    /// What claims of refreshes have returned.
    pub(crate) claimed: Claimed,
    /// Whose try of a link code is judged: one at a time.
    pub(crate) guessing: Mutex<()>,
    /// When the last write test failed, if it did; one test at a time.
    pub(crate) write_test: Mutex<Option<Instant>>,
}

impl SeaOrmStore {
    /// Opens the database; a file is created if need be, readable by its owner alone. The schema is left as it is: see
    /// [`SeaOrmStore::migrate_up`].
    ///
    /// # Errors
    /// When the database cannot be used, or has been migrated by a newer version.
    pub async fn open(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(url, settings).await?,
            url: url.clone(),
            time: ServerTime::default(),
            claimed: Claimed::default(),
            guessing: Mutex::default(),
            write_test: Mutex::default(),
        })
    }

    /// Keeps a clock right: all who share a database server are to judge leases by the server's clock.
    ///
    /// # Errors
    /// When the server does not tell the time.
    pub async fn keeping_right(self, clock: Arc<DatabaseClock>) -> Result<Self, OpenError> {
        let store = Self {
            time: ServerTime(Some(clock)),
            ..self
        };
        let session = store
            .database
            .read()
            .await
            .map_err(OpenError::at(&store.url))?;
        store
            .ask_the_time(&session)
            .await
            .map_err(OpenError::at(&store.url))?;
        drop(session);
        Ok(store)
    }

    /// Finishes what is under way and lets go of the database. Whoever asks the store afterwards is told that it is
    /// unavailable.
    ///
    /// # Errors
    /// When the database reports trouble on closing.
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

    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        self.database.begin().await.map_err(unavailable)
    }

    /// To write what a provider has answered: it exists nowhere else until it is stored.
    pub(crate) async fn save(&self) -> Result<Write, StoreError> {
        self.database.begin_saving().await.map_err(unavailable)
    }

    /// See [`ServerTime::both`].
    pub(crate) async fn by_the_server(
        &self,
        session: &Session,
        now: Timestamp,
        later: Timestamp,
    ) -> Result<(Timestamp, Timestamp), StoreError> {
        self.time.both(session, now, later).await
    }

    /// See [`ServerTime::ask`].
    pub(crate) async fn ask_the_time(&self, session: &Session) -> Result<Option<Timestamp>, DbErr> {
        self.time.ask(session).await
    }
}

/// The time by the clock of a database server.
#[derive(Clone, Default)]
pub(crate) struct ServerTime(Option<Arc<DatabaseClock>>);

impl ServerTime {
    /// When it is by the server's clock, and when so much later as it is from `now` to `later`. Whoever took `now` from a
    /// clock that has strayed, or has been put right since, is not believed. Without a server's clock it is as they say.
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

    /// Puts the clock right by the server's, and says what that shows; `None` with nobody to ask or nothing to put right.
    async fn ask(&self, session: &Session) -> Result<Option<Timestamp>, DbErr> {
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
        clock.put_right(asked, server, clock.machine());
        Ok(Some(Timestamp::from_millis(server)))
    }
}
