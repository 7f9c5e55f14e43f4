//! Tests whether the database is writable, by writing.

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::ports::{StoreError, WriteTestStore};
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::time::Instant;

use crate::error::failed;
use crate::store::SeaOrmStore;

/// The pause after a failed test.
const TEST_EVERY: Duration = Duration::from_secs(1);

#[async_trait]
impl WriteTestStore for SeaOrmStore {
    async fn test_write(&self, within: Option<Duration>) -> Result<(), StoreError> {
        let health = self.database.health();
        if health.is_well(within) {
            return Ok(());
        }
        let mut failed_at = self.write_test.lock().await;
        // Another task may have tested meanwhile.
        if health.is_well(within) {
            return Ok(());
        }
        if failed_at.is_some_and(|at: Instant| at.elapsed() < TEST_EVERY) {
            let words = "the last write test failed less than a second ago";
            return Err(StoreError::Unavailable(words.into()));
        }
        let failures = health.failures();
        let tested = self.replace_test_row().await;
        if matches!(tested, Err(StoreError::Busy(_))) && health.is_well(None) {
            return Ok(());
        }
        *failed_at = tested.is_err().then(Instant::now);
        tested?;
        health.proved(failures);
        Ok(())
    }
}

impl SeaOrmStore {
    /// Commits 64 KiB of incompressible data. The data stays until the next test, because a database might never write
    /// it if the same transaction deleted it.
    async fn replace_test_row(&self) -> Result<(), StoreError> {
        let write = self.write().await?;
        let [delete, insert] = match write.get_database_backend() {
            // Replicas that test at the same time must not wait for each other.
            DbBackend::Postgres => [
                "DELETE FROM write_tests WHERE id IN (SELECT id FROM write_tests FOR UPDATE SKIP LOCKED)",
                "INSERT INTO write_tests (data) SELECT decode(string_agg(md5(random()::text), ''), 'hex') \
                 FROM generate_series(1, 4096)",
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
        write.commit().await
    }
}
