//! A PostgreSQL server: its connections, and the settings of every session.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{Connection, Executor, PgConnection};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
    TransactionTrait, sqlx,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::PoolSettings;
use super::health::WriteHealth;
use super::pool::Pool;
use super::session::{Channel, Session, seen, span, within};
use super::transaction::{Origin, Transaction};
use crate::error::is_disconnected;
use crate::url::Server;

/// A connection that was idle for this long is tested before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// How long a session waits after the server should have cancelled its statement.
const GRACE: Duration = Duration::from_secs(2);
/// The first timeout of saving. If a dead connection is detected in time, the response to a refresh can be stored over
/// another one before the lease expires and another process sends the refresh token again: a lease lasts 5 s longer
/// than a provider call.
const FIRST_SAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// The server ends a transaction that idles for this long and releases its locks: its process was suspended or
/// disconnected. Our transactions wait for nothing but the server.
const LONGEST_IDLE_TRANSACTION: Duration = Duration::from_secs(5);
/// A setting of the server that we invent, and that only a session of our own has. A pooler rejects or drops it. So a
/// pooler that the URL does not announce cannot mix up the statements that two of its clients have prepared.
const OWN_SESSION: &str = "central_oauth.own_session";

/// A PostgreSQL server.
pub(crate) struct Postgres {
    general: Arc<Pool>,
    /// For data that exists nowhere else until it is stored. Reads do not delay it, and it does not wait long on a dead
    /// connection.
    saving: Arc<Pool>,
    /// Limits concurrent saves. Waiting here says nothing about the connections, which others are using.
    turns: Arc<Semaphore>,
    settings: PoolSettings,
    is_pooled: bool,
    /// What a session, or behind a pooler each transaction, executes first.
    told: Arc<str>,
    health: Arc<WriteHealth>,
}

impl Postgres {
    pub(super) async fn open(server: &Server, settings: PoolSettings) -> Result<Arc<Self>, DbErr> {
        let is_pooled = server.is_pooled;
        let options = connect_options(server);
        let told: Arc<str> = told(settings, is_pooled).into();
        try_out(&options, &told, settings.connect_timeout * 4).await?;
        let pool_options = pool_options((!is_pooled).then(|| Arc::clone(&told)));
        let saving = (settings.max_connections / 2).max(1);
        let general = settings.max_connections.saturating_sub(saving).max(1);
        let pool = |connections, response_timeout, connecting| {
            let pool_options = pool_options.clone().max_connections(connections);
            Arc::new(Pool::new(
                options.clone(),
                pool_options,
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
            settings,
            is_pooled,
            told,
            health: Arc::default(),
        }))
    }

    /// A read is a single statement, except behind a pooler, which would give each message of it another connection.
    pub(super) async fn read(&self) -> Result<Session, DbErr> {
        if self.is_pooled {
            self.begin_at(&self.general, None, None).await
        } else {
            let (connections, response_timeout) = self.general.current();
            // A single statement first waits for a connection, which may just be busy.
            let response_timeout = response_timeout.with_connecting();
            Ok(Session::new(
                Channel::Pool(connections),
                Some(response_timeout),
            ))
        }
    }

    pub(super) async fn begin(&self) -> Result<Session, DbErr> {
        let health = Some(Arc::clone(&self.health));
        self.begin_at(&self.general, health, None).await
    }

    /// Begins a transaction for data that exists nowhere else until it is stored.
    pub(super) async fn begin_saving(&self) -> Result<Session, DbErr> {
        let turn = self.turn_to_save().await?;
        let health = Some(Arc::clone(&self.health));
        self.begin_at(&self.saving, health, Some(turn)).await
    }

    /// Whether a statement can run without a transaction. Behind a pooler, a transaction is needed for the session's
    /// settings.
    pub(super) const fn saves_at_once(&self) -> bool {
        !self.is_pooled
    }

    /// Runs a saving statement without a transaction. Returns whether it has changed anything, as far as the server has
    /// responded.
    pub(super) async fn save_at_once(&self, statement: Statement) -> Result<bool, DbErr> {
        let _turn = self.turn_to_save().await?;
        let (connections, response_timeout) = self.saving.current();
        let session = Session::new(Channel::Pool(connections), Some(response_timeout));
        let has_changed = session.execute_raw(statement).await?.rows_affected() > 0;
        self.saving.is_well();
        if has_changed {
            self.health.committed();
        }
        Ok(has_changed)
    }

    async fn turn_to_save(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = timeout(self.settings.connect_timeout, turn).await;
        let turn = turn.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        // Never closed.
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
                // After a restart of the server each of its old connections fails once.
                Err(error) if is_disconnected(&error) && connections_left > 0 => {
                    connections_left -= 1;
                }
                begun => break begun?,
            }
        };
        if self.is_pooled {
            session.execute_unprepared(&self.told).await?;
        }
        Ok(session)
    }

    pub(super) const fn health(&self) -> &Arc<WriteHealth> {
        &self.health
    }

    /// The connections that read, and those that save.
    pub(super) fn connections(&self) -> [DatabaseConnection; 2] {
        [&self.general, &self.saving].map(|pool| pool.current().0)
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        let [general, saving] = self.connections();
        general.close().await.and(saving.close().await)
    }
}

/// sqlx 0.9.0 returns a connection to the pool inside a transaction if its `BEGIN` is dropped (launchbadge/sqlx issue
/// 4385). [`Transaction::begin`] never drops it.
async fn try_to_begin(
    pool: &Arc<Pool>,
    health: Option<Arc<WriteHealth>>,
    turn: &mut Option<OwnedSemaphorePermit>,
) -> Result<Session, DbErr> {
    let (connections, response_timeout) = pool.current();
    // It first waits for a connection, which may be what takes long.
    let first = response_timeout.clone().with_connecting();
    let span = span(DbBackend::Postgres, "BEGIN");
    let begin = async move { seen(span, within(Some(&first), connections.begin())).await };
    let origin = Origin::Server(response_timeout.clone());
    let txn = Transaction::begin(origin, health, begin).await?;
    let txn = txn.with_turn(turn.take());
    Ok(Session::new(
        Channel::Transaction(txn),
        Some(response_timeout),
    ))
}

/// We store no floating-point numbers, and poolers reject unknown parameters.
fn connect_options(server: &Server) -> PgConnectOptions {
    let options = sqlx::ConnectOptions::disable_statement_logging(server.options.clone())
        .application_name("central-oauth")
        .extra_float_digits(None);
    if server.is_pooled {
        options
    } else {
        options.options([(OWN_SESSION, "on")])
    }
}

/// Connects once, because a pool would retry some errors until it times out.
async fn try_out(options: &PgConnectOptions, told: &str, limit: Duration) -> Result<(), DbErr> {
    let trying = async {
        let mut connection = PgConnection::connect_with(options).await?;
        tell(&mut connection, told).await?;
        connection.close().await
    };
    let tried = timeout(limit, trying).await.map_err(|_| {
        let message = format!("no answer within {} s", limit.as_secs());
        DbErr::Conn(RuntimeErr::Internal(message))
    })?;
    tried.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}

fn pool_options(told: Option<Arc<str>>) -> PgPoolOptions {
    let pool = PgPoolOptions::new()
        .test_before_acquire(false)
        .before_acquire(|connection, before| {
            Box::pin(
                async move { Ok(before.idle_for < ASK_AFTER || connection.ping().await.is_ok()) },
            )
        });
    let Some(told) = told else {
        return pool;
    };
    pool.after_connect(move |connection, _| {
        let told = Arc::clone(&told);
        Box::pin(async move { tell(connection, &told).await })
    })
}

async fn tell(connection: &mut PgConnection, told: &str) -> Result<(), sqlx::Error> {
    let told = sqlx::AssertSqlSafe(told.to_owned());
    connection.execute(told).await.map(drop)
}

/// Returns the statements that a session executes first; behind a pooler each transaction does. They replace the
/// settings of the transaction before, and its prepared statements: sqlx names them even if it does not cache them.
fn told(settings: PoolSettings, is_pooled: bool) -> String {
    let (first, set, last) = if is_pooled {
        // Transactions have their own name for the isolation level.
        let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
        (isolation.to_owned(), "SET LOCAL", "; DEALLOCATE ALL")
    } else {
        let isolation = "SET default_transaction_isolation = 'read committed'";
        // Fails if a pooler has dropped the parameter.
        let own = format!("SELECT current_setting('{OWN_SESSION}'); {isolation}");
        (own, "SET", "")
    };
    let statement = settings.statement_timeout.as_millis();
    let idle = LONGEST_IDLE_TRANSACTION.as_millis();
    // Otherwise the server would report commits that are not durable, and a crash would lose refresh tokens that
    // providers have rotated.
    format!(
        "{first}; {set} statement_timeout = {statement}; \
         {set} idle_in_transaction_session_timeout = {idle}; \
         SELECT set_config('synchronous_commit', 'on', {is_pooled}) \
         WHERE current_setting('synchronous_commit') = 'off'{last}"
    )
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use central_oauth_test_postgres::{Cluster, PgBouncer};

    use super::*;
    use crate::url::{DatabaseUrl, Place};

    async fn open(url: &str) -> Arc<Postgres> {
        let url: DatabaseUrl = url.parse().expect("no URL");
        let Place::Server(server) = url.place() else {
            panic!("no server");
        };
        let server = Postgres::open(server, PoolSettings::default()).await;
        server.expect("no server")
    }

    async fn shown(session: &Session, name: &str) -> String {
        let question = format!("SELECT current_setting('{name}') AS it");
        let question = sea_orm::Statement::from_string(session.get_database_backend(), question);
        let row = session.query_one_raw(question).await;
        let row = row.expect("no answer").expect("no row");
        row.try_get("", "it").expect("no text")
    }

    #[tokio::test]
    async fn sessions_are_told_the_same_with_and_without_a_pooler() {
        let cluster = Cluster::shared();
        let database = cluster.create_database();
        cluster.execute(
            &database.name,
            &format!(
                "ALTER DATABASE {0} SET default_transaction_isolation = 'serializable'; \
                 ALTER DATABASE {0} SET synchronous_commit = off",
                database.name
            ),
        );
        let pooler = PgBouncer::start(cluster);
        let pooled = format!("{}?statement-cache-capacity=0", pooler.url(&database.name));
        for url in [database.url, pooled] {
            let server = open(&url).await;
            for session in [
                server.begin().await.expect("no transaction"),
                server.read().await.expect("no session"),
            ] {
                assert_eq!(shown(&session, "statement_timeout").await, "5s");
                let idle = "idle_in_transaction_session_timeout";
                assert_eq!(shown(&session, idle).await, "5s");
                let isolation = shown(&session, "transaction_isolation").await;
                assert_eq!(isolation, "read committed");
                assert_eq!(shown(&session, "synchronous_commit").await, "on");
            }
        }
    }

    #[tokio::test]
    async fn a_pooler_that_the_url_does_not_announce_is_refused_and_the_option_named() {
        let cluster = Cluster::shared();
        let database = cluster.create_database();
        for pooler in [
            PgBouncer::start(cluster),
            PgBouncer::start_ignoring(cluster, "extra_float_digits, options"),
        ] {
            let url = pooler.url(&database.name).parse().expect("no URL");
            let opened = crate::SeaOrmStore::open(&url, PoolSettings::default()).await;
            let error = opened.err().expect("it has opened").to_string();
            assert!(error.contains("statement-cache-capacity=0"), "{error}");
        }
    }

    #[tokio::test]
    async fn errors_about_prepared_statements_name_the_option_for_poolers() {
        let server = open(&Cluster::shared().create_database().url).await;
        for (sql, is_named) in [
            ("EXECUTE unknown", true),
            ("PREPARE twice AS SELECT 1; PREPARE twice AS SELECT 2", true),
            ("DO $$ BEGIN RAISE SQLSTATE '08P01'; END $$", true),
            ("SELECT 1 / 0", false),
        ] {
            let session = server.begin().await.expect("no transaction");
            let error = session.execute_unprepared(sql).await.expect_err(sql);
            let error = crate::error::failed(error);
            let error = std::error::Error::source(&error)
                .expect("no cause")
                .to_string();
            assert_eq!(
                error.contains("statement-cache-capacity=0"),
                is_named,
                "{error}"
            );
        }
    }

    /// A client that disconnects drops the future of its request.
    #[tokio::test(flavor = "multi_thread")]
    async fn who_goes_away_while_a_transaction_begins_leaves_none_open() {
        let cluster = Cluster::shared();
        let database = cluster.create_database();
        let server = open(&database.url).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'central-oauth' AND state LIKE 'idle in transaction%'";
        let none_is_open = async || {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if cluster.execute(&database.name, open).trim() == "0" {
                    return;
                }
            }
            panic!("a transaction is open that nobody knows of");
        };
        drop(server.begin().await.expect("no transaction"));
        none_is_open().await;
        // Polled once, the free connection sends BEGIN; the response takes longer.
        let mut begun = Box::pin(server.begin());
        let first = poll_fn(|context| Poll::Ready(begun.as_mut().poll(context))).await;
        assert!(first.is_pending(), "the answer was there at once");
        drop(begun);
        none_is_open().await;
    }

    #[tokio::test]
    async fn who_stops_in_the_middle_lets_go_of_what_it_locked() {
        let cluster = Cluster::shared();
        let database = cluster.create_database();
        let setup = "CREATE TABLE held (id int); INSERT INTO held VALUES (1)";
        cluster.execute(&database.name, setup);
        let server = open(&database.url).await;
        let stopped = server.begin().await.expect("no transaction");
        let locked = stopped.execute_unprepared("UPDATE held SET id = 2").await;
        locked.expect("no lock");

        // It waits while the row is locked, and no longer.
        let other = server.begin().await.expect("no transaction");
        let changed = other.execute_unprepared("UPDATE held SET id = 3").await;
        changed.expect("the row is locked still");
        other.commit().await.expect("no commit");

        let late = stopped
            .commit()
            .await
            .expect_err("it was committed all the same");
        assert!(is_disconnected(&late), "{late:?}");
        assert_eq!(
            cluster
                .execute(&database.name, "SELECT id FROM held")
                .trim(),
            "3"
        );
    }
}
