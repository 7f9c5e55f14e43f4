//! Connections to a server, and when they are given up.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::PgPool;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::session::Patience;

/// After so many in vain the next ones are given twice the time: a server that is merely slow is to get its answer through
/// in the end.
const HURRIED_TRIES: u32 = 3;
/// A patience that is at an end is noticed before this, so that the connections are made anew.
const LATER: Duration = Duration::from_millis(100);

/// Connections, and how to make them anew.
pub(crate) struct Pool {
    options: PgConnectOptions,
    pool_options: PgPoolOptions,
    /// How long an answer is waited for: at first, and at most.
    patience: RangeInclusive<Duration>,
    /// How long is waited for a connection besides; `None` where that is part of the patience.
    connecting: Option<Duration>,
    current: Mutex<Current>,
}

struct Current {
    connections: DatabaseConnection,
    /// How often they have been made anew.
    generation: u64,
    /// How often that was since a transaction came to its end.
    in_vain: u32,
}

impl Pool {
    pub(super) fn new(
        options: PgConnectOptions,
        pool_options: PgPoolOptions,
        patience: RangeInclusive<Duration>,
        connecting: Option<Duration>,
    ) -> Self {
        let current = Mutex::new(Current {
            connections: lazy(&options, &pool_options, connecting, *patience.start()),
            generation: 0,
            in_vain: 0,
        });
        Self {
            options,
            pool_options,
            patience,
            connecting,
            current,
        }
    }

    /// The connections, and how long to wait for an answer of one.
    pub(super) fn current(self: &Arc<Self>) -> (DatabaseConnection, Patience) {
        let current = self.lock();
        let patience = Patience {
            limit: self.limit(current.in_vain),
            pool: Arc::clone(self),
            generation: current.generation,
        };
        (current.connections.clone(), patience)
    }

    /// What is waited for a connection besides.
    pub(super) fn connecting(&self) -> Duration {
        self.connecting.unwrap_or_default()
    }

    fn limit(&self, in_vain: u32) -> Duration {
        let times = 2_u32.saturating_pow(in_vain / HURRIED_TRIES);
        let longer = self.patience.start().saturating_mul(times);
        longer.min(*self.patience.end())
    }

    /// How many connections there are at most.
    pub(super) fn most(&self) -> u32 {
        self.pool_options.get_max_connections()
    }

    /// Begins with new connections. The old ones may hang for as long as TCP is patient, a quarter of an hour, and would
    /// keep their places meanwhile. Many may find out at the same moment; once is enough.
    pub(super) fn give_up(&self, generation: u64) {
        let mut current = self.lock();
        if current.generation == generation {
            tracing::warn!("the database does not answer: its connections are made anew");
            let in_vain = current.in_vain.saturating_add(1);
            let limit = self.limit(in_vain);
            *current = Current {
                connections: lazy(&self.options, &self.pool_options, self.connecting, limit),
                generation: generation + 1,
                in_vain,
            };
        }
    }

    /// Opens new connections, because one of these did something unexpected: what is known of it may be wrong, and a server
    /// that has become read-only may not be the one that new connections reach.
    pub(super) fn discard(&self, generation: u64) {
        let mut current = self.lock();
        if current.generation == generation {
            tracing::debug!("a database transaction ended unexpectedly; connecting again");
            let limit = self.limit(current.in_vain);
            current.connections = lazy(&self.options, &self.pool_options, self.connecting, limit);
            current.generation += 1;
        }
    }

    /// A transaction has come to its end.
    pub(super) fn is_well(&self) {
        self.lock().in_vain = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While a server is down sqlx asks it again at growing distances, up to a fifth of the time it is given.
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
