//! Tests whether the database is writable, by writing.

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::ports::{StoreError, WriteTestStore};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use tokio::time::Instant;

use crate::database::Session;
use crate::error::failed;
use crate::store::SeaOrmStore;

/// The minimum pause after a failed test.
const TEST_EVERY: Duration = Duration::from_secs(1);

/// The result of the last write test.
#[derive(Default)]
pub(crate) struct LastTest {
    /// When the test failed; `None` if it succeeded.
    failed_at: Option<Instant>,
    /// The name of the test's transaction, if PostgreSQL has not confirmed its commit.
    unconfirmed: Option<String>,
}

#[async_trait]
impl WriteTestStore for SeaOrmStore {
    async fn test_write(&self, within: Option<Duration>) -> Result<(), StoreError> {
        let health = self.database.health();
        if health.is_well(within) {
            return Ok(());
        }
        let mut last = self.write_test.lock().await;
        // Another task may have tested meanwhile.
        if health.is_well(within) {
            return Ok(());
        }
        if last.failed_at.is_some_and(|at| at.elapsed() < TEST_EVERY) {
            let words = "the last write test failed less than a second ago";
            return Err(StoreError::Unavailable(words.into()));
        }
        let failures = health.failures();
        let tested = self.replace_test_row(&mut last.unconfirmed).await;
        if matches!(tested, Err(StoreError::Busy(_))) && health.is_well(None) {
            return Ok(());
        }
        last.failed_at = tested.is_err().then(Instant::now);
        tested?;
        health.proved(failures);
        Ok(())
    }
}

impl SeaOrmStore {
    /// Commits 64 KiB of incompressible data. The data stays until the next test, because a database might never write
    /// it if the same transaction deleted it.
    async fn replace_test_row(&self, unconfirmed: &mut Option<String>) -> Result<(), StoreError> {
        let write = self.write().await?;
        let own = name_unless_open(&write, unconfirmed.as_deref()).await?;
        let [delete, insert] = match write.get_database_backend() {
            // Replicas that test at the same time must not wait for each other.
            DbBackend::Postgres => [
                "DELETE FROM write_tests WHERE id IN (SELECT id FROM write_tests FOR UPDATE SKIP LOCKED)",
                // `md5` would fail in FIPS mode.
                "INSERT INTO write_tests (data) SELECT string_agg(sha256(random()::text::bytea), '') \
                 FROM generate_series(1, 2048)",
            ],
            _ => [
                "DELETE FROM write_tests",
                "INSERT INTO write_tests (data) VALUES (randomblob(65536))",
            ],
        };
        for sql in [delete, insert] {
            let done = write.execute_unprepared(sql).await;
            done.map_err(failed)?;
        }
        // Set before the commit, because the caller may disconnect during the commit.
        *unconfirmed = own;
        write.commit().await?;
        *unconfirmed = None;
        Ok(())
    }
}

/// Returns a name for the transaction of this session; `None` on SQLite. Fails while PostgreSQL has not ended the
/// transaction of the last test. If the commit of that test waits for a synchronous standby that is gone, another
/// commit would wait too and occupy another connection.
async fn name_unless_open(
    write: &Session,
    last: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let backend = write.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(None);
    }
    let sql = "SELECT concat(pg_backend_pid(), ' ', extract(epoch FROM now())) AS own, \
               EXISTS (SELECT FROM pg_stat_activity \
               WHERE concat(pid, ' ', extract(epoch FROM xact_start)) = $1) AS is_open";
    let last = Value::from(last.map(str::to_owned));
    let question = Statement::from_sql_and_values(backend, sql, [last]);
    let row = write.query_one_raw(question).await.map_err(failed)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let is_open: bool = row.try_get("", "is_open").map_err(failed)?;
    if is_open {
        let words = "the database has not confirmed the commit of the last write test";
        return Err(StoreError::Unavailable(words.into()));
    }
    row.try_get("", "own").map(Some).map_err(failed)
}
