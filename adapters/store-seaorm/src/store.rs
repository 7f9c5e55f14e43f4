//! The store, and how it asks its database.

use std::sync::Arc;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::database::{Database, DatabaseClock, OpenError, PoolSettings, Session, Write};
use crate::error::failed;
use crate::url::DatabaseUrl;

/// Links, accounts, tokens, keys and revocations in a database.
pub struct SeaOrmStore {
    pub(crate) database: Database,
    url: DatabaseUrl,
    clock: Option<Arc<DatabaseClock>>,
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
            clock: None,
        })
    }

    /// Keeps a clock right: all who share a database server are to judge leases by the server's clock.
    ///
    /// # Errors
    /// When the server does not tell the time.
    pub async fn keeping_right(self, clock: Arc<DatabaseClock>) -> Result<Self, OpenError> {
        let store = Self {
            clock: Some(clock),
            ..self
        };
        let session = store
            .database
            .read()
            .await
            .map_err(OpenError::at(&store.url))?;
        store
            .drift(&session)
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

    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        self.database.begin().await.map_err(failed)
    }

    /// Two moments of the caller's by the server's clock, if they were taken from one that has strayed from it since.
    pub(crate) async fn by_the_server(
        &self,
        session: &Session,
        now: Timestamp,
        later: Timestamp,
    ) -> Result<(Timestamp, Timestamp), StoreError> {
        let drift = self.drift(session).await.map_err(failed)?;
        let moved = |at: Timestamp| Timestamp::from_millis(at.as_millis().saturating_add(drift));
        Ok((moved(now), moved(later)))
    }

    /// Puts the clock right; by how many milliseconds it was wrong.
    pub(crate) async fn drift(&self, session: &Session) -> Result<i64, DbErr> {
        let backend = session.get_database_backend();
        let clock = match &self.clock {
            Some(clock) if backend == DbBackend::Postgres => clock,
            _ => return Ok(0),
        };
        let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";
        let question = Statement::from_string(backend, question);
        let asked = clock.machine();
        let Some(row) = session.query_one_raw(question).await? else {
            return Ok(0);
        };
        let server = row.try_get("", "now")?;
        Ok(clock.put_right(asked, server, clock.machine()))
    }
}
