//! A PostgreSQL server and its connections.

mod saves;
mod settings;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement,
    TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Purpose;
use super::health::WriteHealth;
use super::pool::Pool;
use super::pool_settings::PoolSettings;
use super::session::{Channel, Session};
use super::transaction::{Origin, Transaction, in_a_task};
use super::watched::{span, traced, with_timeout};
use crate::error::is_disconnected;
use crate::url::Server;
pub(crate) use saves::MOST_SAVED_AT_ONCE;
use saves::Saves;
use settings::{connect_options, pool_options, setup, try_out};

/// How much longer than the statement timeout a session waits for the response.
const GRACE: Duration = Duration::from_secs(2);
/// The initial response timeout of saves. A lease lasts 5 s longer than a provider call. Within these 5 s, a dead
/// connection must be detected, and the new tokens must be saved over another connection. Otherwise another process
/// sends the refresh token again.
const FIRST_SAVE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Postgres {
    general: Arc<Pool>,
    /// The connections that are reserved for [`Purpose::Save`].
    saving: Arc<Pool>,
    /// Limits concurrent saves to the connections of `saving`. Otherwise a save that waits for other saves would look
    /// like an unresponsive server.
    turns: Arc<Semaphore>,
    saves: Saves,
    settings: PoolSettings,
    is_pooled: bool,
    health: Arc<WriteHealth>,
}

impl Postgres {
    pub(super) async fn open(server: &Server, settings: PoolSettings) -> Result<Arc<Self>, DbErr> {
        let is_pooled = server.is_pooled;
        let options = connect_options(server);
        let plain = setup(settings, is_pooled, settings.statement_timeout);
        let allowed = try_out(&options, &plain, settings.connect_timeout * 4).await?;
        // The server's connection limit does not matter here, because a pooler shares its own connections among its
        // clients.
        let max_connections = if is_pooled {
            settings.max_connections
        } else {
            within_limit(settings.max_connections, allowed)
        };
        let saving = (max_connections / 2).max(1);
        let general = max_connections.saturating_sub(saving).max(1);
        let pool = |connections, response_timeout: RangeInclusive<Duration>, connecting| {
            let timeouts = [settings.connect_timeout, settings.statement_timeout];
            let shortest = timeouts
                .into_iter()
                .fold(*response_timeout.start(), Duration::min);
            let setup: Arc<str> = setup(settings, is_pooled, shortest * 9 / 10).into();
            let pool_options = pool_options((!is_pooled).then(|| Arc::clone(&setup)), shortest / 2);
            Arc::new(Pool::new(
                options.clone(),
                pool_options.max_connections(connections),
                setup,
                response_timeout,
                connecting,
            ))
        };
        let response_timeout = settings.statement_timeout + GRACE;
        Ok(Arc::new(Self {
            general: pool(
                general,
                response_timeout..=response_timeout,
                Some(settings.connect_timeout),
            ),
            saving: pool(
                saving,
                FIRST_SAVE_TIMEOUT.min(response_timeout)..=response_timeout,
                None,
            ),
            turns: Arc::new(Semaphore::new(saving as usize)),
            saves: Saves::default(),
            settings,
            is_pooled,
            health: Arc::default(),
        }))
    }

    /// Returns a session for single statements. Behind a pooler, returns a transaction, because the pooler could send
    /// each message of a statement over another connection.
    pub(super) async fn read(&self) -> Result<Session, DbErr> {
        if self.is_pooled {
            self.begin_at(&self.general, None, None).await
        } else {
            let (connections, response_timeout) = self.general.current();
            // The statement first waits for a free connection.
            let response_timeout = response_timeout.with_connecting();
            Ok(Session::new(
                Channel::Pool(connections),
                Some(response_timeout),
            ))
        }
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Session, DbErr> {
        let (pool, turn) = match purpose {
            Purpose::Change => (&self.general, None),
            Purpose::Save => (&self.saving, Some(self.turn_to_save().await?)),
        };
        let health = Some(Arc::clone(&self.health));
        self.begin_at(pool, health, turn).await
    }

    /// Whether a statement can run without a transaction. Behind a pooler, a transaction is needed for the session's
    /// settings.
    pub(super) const fn saves_at_once(&self) -> bool {
        !self.is_pooled
    }

    /// Saves a row without BEGIN and COMMIT. Returns whether PostgreSQL has confirmed it. After `false`, the row may or
    /// may not have been saved.
    pub(super) async fn save(self: &Arc<Self>, sql: &'static str, row: String) -> bool {
        saves::save(self, sql, row).await
    }

    /// Runs one saving statement without BEGIN and COMMIT. Returns a row for each row that it has changed. After an
    /// error, it is unknown what has changed.
    ///
    /// The statement runs in a task of its own, which continues after the response timeout. Just after a failover, a
    /// slow connection may still save the tokens before a new connection of the retry could.
    async fn save_at_once(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let _turn = self.turn_to_save().await?;
        let (connections, response_timeout) = self.saving.current();
        let save = in_a_task(async move { connections.query_all_raw(statement).await });
        let save = with_timeout(Some(&response_timeout), save);
        let saved = traced(span(DbBackend::Postgres, "UPDATE"), save).await?;
        self.saving.note_success();
        if !saved.is_empty() {
            self.health.committed();
        }
        Ok(saved)
    }

    async fn turn_to_save(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = timeout(self.settings.connect_timeout, turn).await;
        let turn = turn.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        // The semaphore is never closed.
        turn.map_err(|error| DbErr::Custom(error.to_string()))
    }

    async fn begin_at(
        &self,
        pool: &Arc<Pool>,
        health: Option<Arc<WriteHealth>>,
        mut turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Session, DbErr> {
        let mut connections_left = pool.most();
        let session = loop {
            match try_to_begin(pool, health.clone(), &mut turn).await {
                // After a restart of the server, each old connection fails once.
                Err(error) if is_disconnected(&error) && connections_left > 0 => {
                    connections_left -= 1;
                }
                begun => break begun?,
            }
        };
        if self.is_pooled {
            session.execute_unprepared(pool.setup()).await?;
        }
        Ok(session)
    }

    pub(super) const fn health(&self) -> &Arc<WriteHealth> {
        &self.health
    }

    /// Returns the general connections, and those for saving.
    pub(super) fn connections(&self) -> [DatabaseConnection; 2] {
        [&self.general, &self.saving].map(|pool| pool.current().0)
    }

    /// Closes the connections. Does not wait for connections that hang.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        let closed = self.connections().map(async |pool| {
            let closed = timeout(self.settings.connect_timeout, pool.close()).await;
            closed.unwrap_or(Ok(()))
        });
        let [general, saving] = closed;
        let (general, saving) = tokio::join!(general, saving);
        general.and(saving)
    }
}

/// Returns the maximum number of connections to open. If the server rejects a further connection, sqlx tries to connect
/// until it times out, even if an open connection becomes free meanwhile.
fn within_limit(max_connections: u32, allowed: u32) -> u32 {
    if max_connections > allowed {
        tracing::warn!(
            max_connections,
            allowed,
            "the database allows fewer connections than CENTRAL_OAUTH_DATABASE_MAX_CONNECTIONS; opening only as many as allowed"
        );
    }
    max_connections.min(allowed)
}

/// Begins a transaction. If the future of a `BEGIN` is dropped, sqlx 0.9.0 returns the connection to the pool while it
/// is inside a transaction (launchbadge/sqlx issue 4385). Later statements on this connection would never be committed.
/// So `BEGIN` runs in a task of its own, which continues after the response timeout. A transaction that begins too late
/// is rolled back.
async fn try_to_begin(
    pool: &Arc<Pool>,
    health: Option<Arc<WriteHealth>>,
    turn: &mut Option<OwnedSemaphorePermit>,
) -> Result<Session, DbErr> {
    let (connections, response_timeout) = pool.current();
    // BEGIN first waits for a free connection.
    let first = response_timeout.clone().with_connecting();
    let span = span(DbBackend::Postgres, "BEGIN");
    let begin = in_a_task(async move { connections.begin().await });
    let begin = async move { traced(span, with_timeout(Some(&first), begin)).await };
    let origin = Origin::Server(response_timeout.clone());
    let txn = Transaction::begin(origin, health, begin).await?;
    let txn = txn.with_turn(turn.take());
    Ok(Session::new(
        Channel::Transaction(txn),
        Some(response_timeout),
    ))
}
