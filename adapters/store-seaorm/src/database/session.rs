//! Statements on their way to a database: bounded in time where that is another machine, and seen by whoever traces.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, QueryResult, RuntimeErr, Statement,
};
use tokio::time::timeout;
use tracing::Instrument;

use super::postgres::Pool;
use crate::error::is_disconnected;

/// A connection, or a transaction.
pub(crate) struct Session {
    channel: Channel,
    patience: Option<Patience>,
}

pub(crate) enum Channel {
    Pool(DatabaseConnection),
    Transaction(DatabaseTransaction),
}

/// How long an answer is waited for, and whom to tell that none came.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    /// How many there are at most.
    pub(crate) connections: u32,
    pub(crate) pool: Arc<Pool>,
    /// Which of the pool's connections these are.
    pub(crate) generation: u64,
}

impl Session {
    pub(crate) const fn new(channel: Channel, patience: Option<Patience>) -> Self {
        Self { channel, patience }
    }

    /// The same one, whose answers take as long as they take.
    pub(crate) fn without_hurry(self) -> Self {
        Self {
            patience: None,
            ..self
        }
    }

    /// For what is not to be bounded.
    pub(crate) fn executor(&self) -> DatabaseExecutor<'_> {
        match &self.channel {
            Channel::Pool(pool) => DatabaseExecutor::Connection(pool),
            Channel::Transaction(txn) => DatabaseExecutor::Transaction(txn),
        }
    }

    /// Makes what was written durable.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        let backend = self.get_database_backend();
        match self.channel {
            Channel::Pool(_) => Ok(()),
            Channel::Transaction(txn) => {
                let committed = txn.commit().instrument(span(backend, "COMMIT"));
                within(self.patience.as_ref(), committed).await
            }
        }
    }

    /// A question by itself may be asked again on another connection: after a restart of the server each of its old ones
    /// fails once.
    fn connections_to_try(&self) -> u32 {
        match (&self.channel, &self.patience) {
            (Channel::Pool(_), Some(patience)) => patience.connections,
            _ => 0,
        }
    }

    async fn asked<T>(
        &self,
        sql: &str,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let operation = sql.split_ascii_whitespace().next().unwrap_or_default();
        let span = span(self.get_database_backend(), operation);
        within(self.patience.as_ref(), answer.instrument(span)).await
    }
}

/// Named as the semantic conventions of OpenTelemetry have it.
fn span(backend: DbBackend, operation: &str) -> tracing::Span {
    let system = match backend {
        DbBackend::Postgres => "postgresql",
        _ => "sqlite",
    };
    tracing::debug_span!(
        "store",
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = operation
    )
}

/// An answer that does not come in time is given up, and the connection with it: the server ends slow statements by
/// itself, so it must be the way to it that is broken.
pub(crate) async fn within<T>(
    patience: Option<&Patience>,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(patience) = patience else {
        return answer.await;
    };
    match timeout(patience.limit, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            patience.pool.give_up(patience.generation);
            let message = format!("no answer within {} s", patience.limit.as_secs());
            Err(DbErr::Conn(RuntimeErr::Internal(message)))
        }
    }
}

#[async_trait]
impl ConnectionTrait for Session {
    fn get_database_backend(&self) -> DbBackend {
        self.executor().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let sql = statement.sql.clone();
        self.asked(&sql, self.executor().execute_raw(statement))
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.asked(sql, self.executor().execute_unprepared(sql))
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let sql = &statement.sql;
        for _ in 0..self.connections_to_try() {
            let question = self.executor();
            let asked = self.asked(sql, question.query_one_raw(statement.clone()));
            match asked.await {
                Err(error) if is_disconnected(&error) => {}
                answer => return answer,
            }
        }
        self.asked(sql, self.executor().query_one_raw(statement.clone()))
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let sql = &statement.sql;
        for _ in 0..self.connections_to_try() {
            let question = self.executor();
            let asked = self.asked(sql, question.query_all_raw(statement.clone()));
            match asked.await {
                Err(error) if is_disconnected(&error) => {}
                answer => return answer,
            }
        }
        self.asked(sql, self.executor().query_all_raw(statement.clone()))
            .await
    }
}
