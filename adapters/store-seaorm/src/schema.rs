use std::time::Duration;

use central_oauth_migration::Migrator;
use sea_orm::{DatabaseExecutor, DbErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use tokio::time::{sleep, timeout};

use crate::database::versions::{known, pending, refuse_newer};
use crate::database::{OpenError, Purpose, Session};
use crate::error::is_locked;
use crate::locks::{self, Migrating};
use crate::store::SeaOrmStore;

/// Timeout of migrations on a server, including the wait for another process. Migrations take less, even with millions
/// of accounts.
const LONGEST_MIGRATION: Duration = Duration::from_secs(600);
/// The pause before a new attempt, if a table could not be locked. During the pause, other transactions can use the
/// table.
const PAUSE: Duration = Duration::from_secs(2);

impl SeaOrmStore {
    /// Applies all pending migrations, or none. If another process is migrating, waits for it, and then finds nothing
    /// pending.
    ///
    /// # Errors
    /// When a migration fails or times out.
    pub async fn migrate_up(&self) -> Result<(), OpenError> {
        if self.is_up_to_date().await? {
            return Ok(());
        }
        let up = self.migrate(async |schema| Migrator::up(schema, None).await);
        self.in_time(LONGEST_MIGRATION, Box::pin(up)).await
    }

    /// Whether no migration is pending. In that case `migrate_up` begins no transaction, because an empty commit would
    /// count as a successful write.
    async fn is_up_to_date(&self) -> Result<bool, OpenError> {
        refuse_newer(&self.look().await?, self.url()).await?;
        Ok(self.pending_migrations().await?.is_empty())
    }

    /// Rolls back the last `steps` migrations, or all if `steps` is `None`. Deletes the tables and columns that these
    /// migrations created, with their data.
    ///
    /// # Errors
    /// When a migration fails or times out.
    pub async fn migrate_down(&self, steps: Option<u32>) -> Result<(), OpenError> {
        let down = self.migrate(async |schema| Migrator::down(schema, steps).await);
        self.in_time(LONGEST_MIGRATION, Box::pin(down)).await
    }

    /// Migrates in one transaction, and starts over if a table cannot be locked.
    async fn migrate(
        &self,
        migrate: impl AsyncFn(DatabaseExecutor<'_>) -> Result<(), DbErr>,
    ) -> Result<(), OpenError> {
        let at = OpenError::at(self.url());
        loop {
            let write = self.begin_to_migrate().await.map_err(&at)?;
            refuse_newer(&write, self.url()).await?;
            match migrate(write.unwatched().map_err(&at)?).await {
                Ok(()) => return write.commit_raw().await.map_err(&at),
                Err(error) if self.is_on_server() && is_locked(&error) => {
                    tracing::warn!(
                        "the migration waits for another transaction on the tables, such as a backup"
                    );
                }
                Err(error) => return Err(at(error)),
            }
            drop(write);
            sleep(PAUSE).await;
        }
    }

    fn is_on_server(&self) -> bool {
        self.url().path().is_none()
    }

    /// Fails after `limit`, on a server only. Migrations have no statement timeout, so without this limit TCP could
    /// wait for ever for a server that has vanished.
    async fn in_time<T>(
        &self,
        limit: Duration,
        migrating: impl Future<Output = Result<T, OpenError>>,
    ) -> Result<T, OpenError> {
        if !self.is_on_server() {
            return migrating.await;
        }
        let late = |_| OpenError::NotMigratedInTime {
            database: self.url().to_string(),
            limit,
        };
        timeout(limit, migrating).await.map_err(late)?
    }

    /// Begins a transaction and takes the lock for migrations. Other processes wait for the lock, and then find nothing
    /// pending.
    async fn begin_to_migrate(&self) -> Result<Session, DbErr> {
        let write = self.database.begin(Purpose::Change).await?;
        locks::migrations(&write).await?;
        Ok(write)
    }

    /// Returns the process that is migrating, if any. Always `None` on SQLite.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn migrating(&self) -> Result<Option<Migrating>, OpenError> {
        let migrating = locks::migrating(&self.look().await?).await;
        migrating.map_err(OpenError::at(self.url()))
    }

    /// Returns the migration that [`SeaOrmStore::migrate_down`] would roll back first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_migration(&self) -> Result<Option<String>, OpenError> {
        let pending = self.pending_migrations().await?;
        let mut newest_first = known().into_iter().rev();
        Ok(newest_first.find(|name| !pending.contains(name)))
    }

    /// Returns the migrations that [`SeaOrmStore::migrate_up`] would apply, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        let pending = pending(&self.look().await?).await;
        pending.map_err(OpenError::at(self.url()))
    }

    /// Whether the schema has the table `replicas`, which old schemas lack.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn knows_replicas(&self) -> Result<bool, OpenError> {
        let at = OpenError::at(self.url());
        let session = self.look().await?;
        let tables = SchemaManager::new(session.unwatched().map_err(&at)?);
        tables.has_table("replicas").await.map_err(&at)
    }

    pub(crate) async fn look(&self) -> Result<Session, OpenError> {
        let session = self.database.read().await;
        session.map_err(OpenError::at(self.url()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use central_oauth_test_postgres::Cluster;
    use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

    use super::*;
    use crate::PoolSettings;

    #[tokio::test]
    async fn who_waits_for_another_to_migrate_gives_up_some_day() {
        let url = Cluster::shared().create_database().url.parse().unwrap();
        let open = async || SeaOrmStore::open(&url, PoolSettings::default()).await;
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        assert_eq!(other.migrating().await.unwrap(), None);
        let stuck = one.begin_to_migrate().await.unwrap();
        let by = other.migrating().await.unwrap().expect("somebody migrates");
        assert_eq!(by.address.as_deref(), Some("127.0.0.1"));
        let limit = Duration::from_secs(1);
        let late = other.in_time(limit, other.migrate(async |_| Ok(()))).await;
        let late = late.map_err(|error| error.to_string()).unwrap_err();
        assert!(late.contains("not migrated within 1 s"), "{late}");
        drop(stuck);
        other.migrate_up().await.unwrap();
    }

    /// A backup reads every table and takes long.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_migration_that_waits_for_a_table_keeps_nobody_from_it() {
        let cluster = Cluster::shared();
        let database = cluster.create_database();
        let url = database.url.parse().unwrap();
        let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
        let store = Arc::new(store.unwrap());
        store.migrate_up().await.unwrap();
        // Rolls back the last migration that changes this table, and all later migrations.
        let last = "m0005_grant_expires_at".to_owned();
        while !store.pending_migrations().await.unwrap().contains(&last) {
            store.migrate_down(Some(1)).await.unwrap();
        }
        let other = sea_orm::Database::connect(&database.url).await.unwrap();
        let backup = other.begin().await.unwrap();
        let reads = "SELECT count(*) FROM tokens";
        backup.execute_unprepared(reads).await.unwrap();

        let migrating = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.migrate_up().await }
        });
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' \
                       AND relation = 'tokens'::regclass";
        while cluster.execute(&database.name, waiting).trim() == "0" {
            assert!(!migrating.is_finished(), "nothing is locked");
            sleep(Duration::from_millis(20)).await;
        }
        let session = store.database.read().await.unwrap();
        let read = session.execute_unprepared(reads).await;
        read.expect("who reads stands behind the migration");
        assert!(!migrating.is_finished());
        backup.rollback().await.unwrap();
        migrating.await.unwrap().unwrap();
        assert!(store.pending_migrations().await.unwrap().is_empty());
    }
}
