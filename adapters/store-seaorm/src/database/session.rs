//! Sessions: connections and transactions that run statements.

use async_trait::async_trait;
use central_oauth_domain::ports::StoreError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseExecutor, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, Value,
};

use super::pool::ResponseTimeout;
use super::transaction::Transaction;
use super::watched::{span, traced, with_timeout};
use crate::error::{is_disconnected, unavailable};

/// Removes the timeouts of a transaction and its statements on PostgreSQL, except the timeout for idle transactions.
/// Servers older than 17 have no `transaction_timeout`.
pub(crate) const NO_TIMEOUTS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SELECT set_config('transaction_timeout', '0', true) WHERE current_setting('transaction_timeout', true) <> '0'";

/// A pool of connections for single statements, or a transaction. Dropping a session rolls its transaction back.
pub(crate) struct Session {
    channel: Channel,
    response_timeout: Option<ResponseTimeout>,
}

pub(crate) enum Channel {
    Pool(DatabaseConnection),
    Transaction(Transaction),
}

impl Session {
    pub(crate) const fn new(channel: Channel, response_timeout: Option<ResponseTimeout>) -> Self {
        Self {
            channel,
            response_timeout,
        }
    }

    /// Removes the timeouts of a transaction and its statements, for example to count a large table.
    pub(crate) async fn without_timeouts(self) -> Result<Self, DbErr> {
        if self.get_database_backend() == DbBackend::Postgres {
            let stay = format!("SET LOCAL idle_in_transaction_session_timeout = 0; {NO_TIMEOUTS}");
            self.execute_unprepared(&stay).await?;
        }
        Ok(Self {
            response_timeout: None,
            ..self
        })
    }

    /// Returns SeaORM's own connection or transaction, without timeouts and spans, for migrations. After a failed
    /// statement, the caller must not commit.
    pub(crate) fn unwatched(&self) -> Result<DatabaseExecutor<'_>, DbErr> {
        match &self.channel {
            Channel::Pool(pool) => Ok(DatabaseExecutor::Connection(pool)),
            Channel::Transaction(txn) => {
                let ended = || DbErr::Custom("the transaction has ended".to_owned());
                let txn = txn.unwatched().ok_or_else(ended)?;
                Ok(DatabaseExecutor::Transaction(txn))
            }
        }
    }

    fn executor(&self) -> Result<DatabaseExecutor<'_>, DbErr> {
        match &self.channel {
            Channel::Pool(pool) => Ok(DatabaseExecutor::Connection(pool)),
            Channel::Transaction(txn) => Ok(DatabaseExecutor::Transaction(txn.running()?)),
        }
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Busy`]: the commit may have succeeded nevertheless.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.commit_raw().await.map_err(unavailable)
    }

    /// Like [`Session::commit`], but returns the error of the database.
    ///
    /// # Errors
    /// When the database has not confirmed the commit. The commit may have succeeded nevertheless.
    pub(crate) async fn commit_raw(self) -> Result<(), DbErr> {
        match self.channel {
            Channel::Pool(_) => Ok(()),
            Channel::Transaction(txn) => txn.commit(self.response_timeout).await,
        }
    }

    /// Rolls a transaction back, see [`Transaction::roll_back`].
    pub(super) async fn roll_back(self) {
        if let Channel::Transaction(txn) = self.channel {
            txn.roll_back().await;
        }
    }

    /// Rolls a transaction back to a savepoint, so that it can continue after a failed statement.
    pub(super) async fn roll_back_to(&self, savepoint: &str) -> Result<(), DbErr> {
        match &self.channel {
            Channel::Pool(_) => Ok(()),
            Channel::Transaction(txn) => txn.roll_back_to(savepoint).await,
        }
    }

    /// Returns how many times a single query may be repeated on another connection. After a restart of the server, each
    /// old connection fails once.
    fn connections_to_try(&self) -> u32 {
        match (&self.channel, &self.response_timeout) {
            (Channel::Pool(_), Some(response_timeout)) => response_timeout.pool.most(),
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
        let answer = traced(span, with_timeout(self.response_timeout.as_ref(), answer)).await;
        if let (Err(error), Channel::Transaction(txn)) = (&answer, &self.channel) {
            txn.statement_failed(error);
        }
        answer
    }
}

/// Replaces a final `LIMIT ?`, which SeaORM adds to fetch one row, with `LIMIT 1`. SQLite uses the bound value for its
/// query plan, so it prepares the statement again at every execution. With a literal, it prepares the statement once
/// per connection.
fn prepared_once(mut statement: Statement) -> Statement {
    const BOUND: &str = " LIMIT ?";
    let last = statement.values.as_mut().and_then(|values| {
        let is_one = matches!(values.0.last(), Some(Value::BigUnsigned(Some(1))));
        is_one.then_some(&mut values.0)
    });
    if let Some(values) = last
        && let Some(sql) = statement.sql.strip_suffix(BOUND)
    {
        statement.sql = format!("{sql} LIMIT 1");
        values.pop();
    }
    statement
}

#[async_trait]
impl ConnectionTrait for Session {
    fn get_database_backend(&self) -> DbBackend {
        match &self.channel {
            Channel::Pool(pool) => pool.get_database_backend(),
            Channel::Transaction(txn) => txn.backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let sql = statement.sql.clone();
        let executor = self.executor()?;
        self.asked(&sql, executor.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let executor = self.executor()?;
        self.asked(sql, executor.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = prepared_once(statement);
        let mut connections_left = self.connections_to_try();
        loop {
            let executor = self.executor()?;
            let asked = executor.query_one_raw(statement.clone());
            match self.asked(&statement.sql, asked).await {
                Err(error) if is_disconnected(&error) && connections_left > 0 => {
                    connections_left -= 1;
                }
                answer => return answer,
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connections_left = self.connections_to_try();
        loop {
            let executor = self.executor()?;
            let asked = executor.query_all_raw(statement.clone());
            match self.asked(&statement.sql, asked).await {
                Err(error) if is_disconnected(&error) && connections_left > 0 => {
                    connections_left -= 1;
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use central_oauth_test_postgres::Cluster;
    use tracing::field::{Field, Visit};
    use tracing::instrument::WithSubscriber as _;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Instrument as _, Subscriber, error_span};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use crate::{DatabaseUrl, PoolSettings, SeaOrmStore};

    use super::*;

    /// The fields of the store's spans, in the order in which the spans began.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<(Id, Fields)>>>);

    #[derive(Clone, Default)]
    struct Fields(BTreeMap<&'static str, String>);

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name(), value.to_owned());
        }

        fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
    }

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
            if attributes.metadata().name() == "store" {
                let mut fields = Fields::default();
                attributes.record(&mut fields);
                self.0.lock().unwrap().push((id.clone(), fields));
            }
        }

        fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
            let mut spans = self.0.lock().unwrap();
            if let Some((_, fields)) = spans.iter_mut().rfind(|(known, _)| known == id) {
                values.record(fields);
            }
        }
    }

    impl Seen {
        /// Removes and returns the recorded statements, each with the `error.type` of its failure.
        fn take(&self) -> Vec<(String, Option<String>)> {
            let spans = std::mem::take(&mut *self.0.lock().unwrap());
            let told = spans.into_iter().map(|(_, Fields(fields))| {
                let failed = fields.contains_key("otel.status_code");
                let kind = fields.get("error.type").cloned();
                assert_eq!(failed, kind.is_some());
                (fields["db.operation.name"].clone(), kind)
            });
            told.collect()
        }
    }

    async fn ask(store: &SeaOrmStore) {
        let write = store.write().await.unwrap();
        let asked = write.execute_unprepared("SELECT 1").await;
        asked.unwrap();
        write.commit().await.unwrap();
        let read = store.read().await.unwrap();
        let nonsense = read.execute_unprepared("SELECT nothing").await;
        nonsense.unwrap_err();
    }

    async fn look(url: &DatabaseUrl, kind: &str, seen: &Seen) {
        let store = SeaOrmStore::open(url, PoolSettings::default()).await;
        let store = store.unwrap();
        ask(&store).await;
        assert_eq!(seen.take(), [], "nobody has asked");
        ask(&store).instrument(error_span!("request")).await;
        let mut told = seen.take();
        assert_eq!(
            told.pop(),
            Some(("SELECT".to_owned(), Some(kind.to_owned())))
        );
        let rest = ["BEGIN", "SELECT", "COMMIT"].map(|asked| (asked.to_owned(), None));
        assert_eq!(told, rest);
    }

    #[tokio::test]
    async fn what_is_asked_for_somebody_is_in_their_trace_and_says_whether_it_failed() {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseUrl::file(folder.path().join("store.sqlite3"));
        let server = Cluster::shared().create_database().url.parse().unwrap();
        for (url, kind) in [(file, "1"), (server, "42703")] {
            let seen = Seen::default();
            let subscriber = tracing_subscriber::registry().with(seen.clone());
            let looking = look(&url, kind, &seen);
            looking.with_subscriber(subscriber).await;
        }
    }
}
