//! Locks a database against writes while it is copied.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use sea_orm::sqlx::sqlite::SqliteLockingMode;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::time::{Instant, sleep};

use super::Purpose;
use super::open_file::{connect, options};
use super::pool_settings::PoolSettings;
use super::postgres::Postgres;
use super::session::{Channel, Session};
use super::transaction::{Origin, Transaction};
use crate::replicas;
use crate::url::{DatabaseUrl, Place};

/// How long to wait for services that are shutting down.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The pause between two checks whether services are still connected.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock that keeps others from writing to a database.
pub(crate) struct Held {
    pub(crate) session: Session,
    connections: Connections,
}

enum Connections {
    File(DatabaseConnection),
    Server(Arc<Postgres>),
}

impl Held {
    /// Locks a whole file. Fails if another process has the file open. On a server, only begins a transaction, in which
    /// [`Held::lock_tables`] locks the tables.
    pub(crate) async fn open(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, DbErr> {
        match url.place() {
            Place::File(path) => hold_file(path).await,
            Place::Server(server) => {
                let server = Postgres::open(server, settings).await?;
                let session = server.begin(Purpose::Change).await?;
                let session = session.without_timeouts().await?;
                let connections = Connections::Server(server);
                Ok(Self {
                    session,
                    connections,
                })
            }
        }
    }

    /// Locks these tables against writes. Returns false if a service uses them. On a server, others can still read, and
    /// writers wait until they time out. A service that refreshes meanwhile would store the new token after the copy,
    /// so no service may be connected. A running service may have no connection at this moment, for example behind a
    /// pooler. So in addition, no replica may have checked in recently.
    pub(crate) async fn lock_tables(&self, tables: &[&str]) -> Result<bool, DbErr> {
        if let Connections::File(_) = self.connections {
            return Ok(true);
        }
        let lock_timeout = TIMEOUT.as_millis();
        let tables = tables.join(", ");
        let lock =
            format!("SET LOCAL lock_timeout = {lock_timeout}; LOCK TABLE {tables} IN SHARE MODE");
        self.session.execute_unprepared(&lock).await?;
        let give_up_at = Instant::now() + TIMEOUT;
        while self.is_in_use().await? {
            if Instant::now() >= give_up_at {
                return Ok(false);
            }
            sleep(PAUSE).await;
        }
        Ok(true)
    }

    /// Whether services are connected to this database, or have checked in recently.
    async fn is_in_use(&self) -> Result<bool, DbErr> {
        // Within a transaction, the server caches the list of sessions, unless the cache is cleared.
        let look_again = "SELECT pg_stat_clear_snapshot()";
        self.session.execute_unprepared(look_again).await?;
        let others = "SELECT count(*) AS others, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now \
                      FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                      AND datname = current_database() AND application_name = 'central-oauth'";
        let others = Statement::from_string(self.session.get_database_backend(), others);
        let Some(row) = self.session.query_one_raw(others).await? else {
            return Ok(false);
        };
        let others: i64 = row.try_get("", "others")?;
        let now = Timestamp::from_millis(row.try_get("", "now")?);
        Ok(others > 0 || replicas::any_is_there(&self.session, now).await?)
    }

    pub(crate) async fn release(self) -> Result<(), DbErr> {
        drop(self.session);
        match self.connections {
            Connections::File(file) => file.close().await,
            Connections::Server(server) => server.close().await,
        }
    }
}

/// Opens a file in SQLite's exclusive locking mode. This fails if another process has the file open, even if that
/// process is idle. Afterwards, no other process can open the file.
async fn hold_file(path: &Path) -> Result<Held, DbErr> {
    // These options do not change the journal mode of the file.
    let alone = options(path)?
        .busy_timeout(TIMEOUT)
        .locking_mode(SqliteLockingMode::Exclusive);
    let file = connect(alone).await?;
    let exclusive = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Exclusive),
        ..TransactionOptions::default()
    };
    let connection = file.clone();
    let begin = async move { connection.begin_with_options(exclusive).await };
    let txn = Transaction::begin(Origin::OneUse, None, begin).await?;
    Ok(Held {
        session: Session::new(Channel::Transaction(txn), None),
        connections: Connections::File(file),
    })
}
