//! Connections to a server, and when they are replaced.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::lock::lock;

use sea_orm::sqlx::PgPool;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::{ConnAcquireErr, DatabaseConnection, DbErr, RuntimeErr};
use tokio::time::Instant;

use crate::error::is_busy;

/// The response timeout doubles each time this many generations of connections have failed, so that a slow server can
/// respond in time eventually.
const GENERATIONS_PER_TIMEOUT: u32 = 3;
/// How much longer the pool's acquire timeout is than the response timeout. The response timeout must expire first,
/// because its expiry replaces the connections. A save continues meanwhile, so a slow connection can still complete the
/// save.
const LATER: Duration = Duration::from_secs(2);

/// Maximum time that a connection hangs after its server has disappeared. After this time, TCP times out.
const HANGS_FOR: Duration = Duration::from_secs(15 * 60);

/// A pool of connections that can be replaced all at once.
pub(crate) struct Pool {
    options: PgConnectOptions,
    pool_options: PgPoolOptions,
    /// The statements that each session executes first. Behind a pooler, each transaction executes them.
    setup: Arc<str>,
    /// The initial and the maximum response timeout.
    response_timeout: RangeInclusive<Duration>,
    /// Additional time to get a connection. `None` if the response timeout includes this time.
    connecting: Option<Duration>,
    current: Mutex<Current>,
}

struct Current {
    connections: DatabaseConnection,
    /// Incremented each time the connections are replaced.
    generation: u64,
    /// The times at which a response timeout expired. For each of them, one connection may still hang.
    abandoned: Vec<Instant>,
    /// Number of generations with a timeout since the last completed transaction.
    failed_generations: u32,
    /// When the server last answered over these connections.
    answered_at: Option<Instant>,
}

impl Pool {
    pub(super) fn new(
        options: PgConnectOptions,
        pool_options: PgPoolOptions,
        setup: Arc<str>,
        response_timeout: RangeInclusive<Duration>,
        connecting: Option<Duration>,
    ) -> Self {
        let current = Mutex::new(Current {
            connections: lazy(
                &options,
                &pool_options,
                connecting,
                *response_timeout.start(),
            ),
            generation: 0,
            abandoned: Vec::new(),
            failed_generations: 0,
            answered_at: None,
        });
        Self {
            options,
            pool_options,
            setup,
            response_timeout,
            connecting,
            current,
        }
    }

    /// Returns the connections and their response timeout.
    pub(super) fn current(self: &Arc<Self>) -> (DatabaseConnection, ResponseTimeout) {
        let current = lock(&self.current);
        let response_timeout = ResponseTimeout {
            limit: self.limit(current.failed_generations),
            pool: Arc::clone(self),
            generation: current.generation,
        };
        (current.connections.clone(), response_timeout)
    }

    /// Returns the additional time to get a connection.
    pub(super) fn connecting(&self) -> Duration {
        self.connecting.unwrap_or_default()
    }

    fn limit(&self, failed_generations: u32) -> Duration {
        let times = 2_u32.saturating_pow(failed_generations / GENERATIONS_PER_TIMEOUT);
        let longer = self.response_timeout.start().saturating_mul(times);
        longer.min(*self.response_timeout.end())
    }

    pub(super) fn setup(&self) -> &str {
        &self.setup
    }

    pub(super) fn most(&self) -> u32 {
        self.pool_options.get_max_connections()
    }

    /// Records a response timeout, and replaces the connections. Old connections may hang until TCP times out
    /// ([`HANGS_FOR`]), and would count towards the pool's limit. If many callers time out together, only the first of
    /// them replaces the connections of this `generation`.
    ///
    /// Keeps the connections if the server has answered another caller since `asked_at` and fewer than half of the
    /// connections may hang. The server is only slow in this case, for example after a failover, and many new
    /// connections would slow it down further.
    pub(super) fn give_up(&self, generation: u64, asked_at: Instant) {
        let mut current = lock(&self.current);
        if current.generation != generation {
            return;
        }
        let now = Instant::now();
        current.abandoned.retain(|at| now - *at < HANGS_FOR);
        current.abandoned.push(now);
        if current.abandoned.len() == 1 {
            current.failed_generations = current.failed_generations.saturating_add(1);
        }
        let answers = current.answered_at >= Some(asked_at);
        if answers && current.abandoned.len() * 2 < self.most() as usize {
            return;
        }
        tracing::warn!("the database does not respond; reconnecting");
        self.replace(&mut current);
        current.answered_at = None;
    }

    /// Replaces the connections because one of them has behaved unexpectedly and its state is unknown. If the server
    /// has become read-only, new connections may reach another server.
    pub(super) fn discard(&self, generation: u64) {
        let mut current = lock(&self.current);
        if current.generation == generation {
            tracing::debug!("a database transaction ended unexpectedly; connecting again");
            self.replace(&mut current);
        }
    }

    fn replace(&self, current: &mut Current) {
        let limit = self.limit(current.failed_generations);
        current.connections = lazy(&self.options, &self.pool_options, self.connecting, limit);
        current.generation += 1;
        current.abandoned.clear();
    }

    /// Records whether the server has responded. If no connection was free and the server has not responded to any
    /// caller since `asked_at`, all connections may hang, because their callers may have disconnected before the
    /// response timeout (launchbadge/sqlx issue 4349). In this case, replaces the connections of this `generation`, and
    /// returns an error that says so instead of the timeout of the pool.
    pub(super) fn answer<T>(
        &self,
        generation: u64,
        asked_at: Instant,
        answer: Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let mut current = lock(&self.current);
        match answer {
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
                if current.answered_at < Some(asked_at) =>
            {
                if current.generation == generation {
                    self.replace(&mut current);
                }
                let message = "no connection in time, and no answer over the others";
                Err(DbErr::Conn(RuntimeErr::Internal(message.to_owned())))
            }
            Err(error @ DbErr::ConnectionAcquire(_)) => Err(error),
            answer => {
                if answer.as_ref().err().is_none_or(is_busy) {
                    current.answered_at = Some(Instant::now());
                }
                answer
            }
        }
    }

    /// Records that a transaction has completed.
    pub(super) fn note_success(&self) {
        lock(&self.current).failed_generations = 0;
    }
}

/// A response timeout, and the pool whose connections are replaced when it expires.
#[derive(Clone)]
pub(crate) struct ResponseTimeout {
    pub(super) limit: Duration,
    pub(super) pool: Arc<Pool>,
    /// The generation of the connection in the pool.
    pub(super) generation: u64,
}

impl ResponseTimeout {
    /// Adds the time to get a connection, for a statement that first waits for one.
    pub(super) fn with_connecting(self) -> Self {
        let limit = self.limit + self.pool.connecting();
        Self { limit, ..self }
    }
}

/// Creates a pool that connects when it is first used. While the server is down, sqlx retries at growing intervals of
/// up to a fifth of the acquire timeout.
fn lazy(
    options: &PgConnectOptions,
    pool_options: &PgPoolOptions,
    connecting: Option<Duration>,
    limit: Duration,
) -> DatabaseConnection {
    let within = connecting.unwrap_or(limit + LATER);
    let pool_options = pool_options.clone().acquire_timeout(within);
    let pool: PgPool = pool_options.connect_lazy_with(options.clone());
    pool.into()
}
