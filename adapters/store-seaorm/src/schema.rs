//! The schema's version: what has been applied, what is left to do, and what is too new.

use std::collections::BTreeSet;
use std::time::Duration;

use central_oauth_migration::Migrator;
use sea_orm::{DbErr, EntityTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use tokio::time::timeout;

use crate::database::{OpenError, Session, Write};
use crate::locks;
use crate::store::SeaOrmStore;
use crate::url::DatabaseUrl;

/// Longer than migrations take on a database with millions of accounts, waiting for another process included.
const LONGEST_MIGRATION: Duration = Duration::from_secs(600);

impl SeaOrmStore {
    /// Applies every migration that is missing, all of them or none. Another process that does the same at this
    /// moment waits for the transaction, and then finds nothing left to do.
    ///
    /// # Errors
    /// When a migration fails, or does not come to its end.
    pub async fn migrate_up(&self) -> Result<(), OpenError> {
        self.in_time(LONGEST_MIGRATION, self.apply_missing()).await
    }

    async fn apply_missing(&self) -> Result<(), OpenError> {
        let at = OpenError::at(self.url());
        let write = self.begin_to_migrate().await.map_err(&at)?;
        refuse_newer(&write.txn, self.url()).await?;
        let executor = write.txn.executor();
        Migrator::up(executor, None).await.map_err(&at)?;
        write.txn.commit().await.map_err(&at)
    }

    /// Takes back the last migrations, or all of them: what they made is gone.
    ///
    /// # Errors
    /// When a migration fails, or does not come to its end.
    pub async fn migrate_down(&self, steps: Option<u32>) -> Result<(), OpenError> {
        self.in_time(LONGEST_MIGRATION, self.take_back(steps)).await
    }

    async fn take_back(&self, steps: Option<u32>) -> Result<(), OpenError> {
        let at = OpenError::at(self.url());
        let write = self.begin_to_migrate().await.map_err(&at)?;
        refuse_newer(&write.txn, self.url()).await?;
        let executor = write.txn.executor();
        Migrator::down(executor, steps).await.map_err(&at)?;
        write.txn.commit().await.map_err(&at)
    }

    /// Migrations are bounded by no limit of a statement, and a server that has vanished would be waited for as long as TCP
    /// is patient, which without anything to send is for ever. A file does not vanish.
    async fn in_time<T>(
        &self,
        limit: Duration,
        migrating: impl Future<Output = Result<T, OpenError>>,
    ) -> Result<T, OpenError> {
        if self.url().path().is_some() {
            return migrating.await;
        }
        let late = |_| OpenError::NotMigratedInTime {
            database: self.url().to_string(),
            limit,
        };
        timeout(limit, migrating).await.map_err(late)?
    }

    /// One process migrates at a time: the others wait, and then find nothing left to do.
    async fn begin_to_migrate(&self) -> Result<Write<'_>, DbErr> {
        let write = self.database.begin().await?;
        locks::migrations(&write.txn).await?;
        Ok(write)
    }

    /// The migrations that [`SeaOrmStore::migrate_up`] would apply, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        let at = OpenError::at(self.url());
        let session = self.database.read().await.map_err(&at)?;
        pending(&session).await.map_err(&at)
    }
}

/// The migrations that are missing, in order.
pub(crate) async fn pending(session: &Session) -> Result<Vec<String>, DbErr> {
    let applied = applied(session).await?;
    let mut pending = known();
    pending.retain(|name| !applied.contains(name));
    Ok(pending)
}

/// Refuses a database with migrations that this build does not know: it could only damage it.
pub(crate) async fn refuse_newer(session: &Session, url: &DatabaseUrl) -> Result<(), OpenError> {
    let mut unknown = applied(session).await.map_err(OpenError::at(url))?;
    for name in known() {
        unknown.remove(&name);
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(OpenError::NewerSchema {
        database: url.to_string(),
        migrations: unknown.into_iter().collect(),
    })
}

fn known() -> Vec<String> {
    let migrations = Migrator::migrations().into_iter();
    migrations.map(|known| known.name().to_owned()).collect()
}

/// Asks without making the migrator's own table, as the migrator would.
async fn applied(session: &Session) -> Result<BTreeSet<String>, DbErr> {
    let tables = SchemaManager::new(session.executor());
    if !tables.has_table("seaql_migrations").await? {
        return Ok(BTreeSet::new());
    }
    let rows = seaql_migrations::Entity::find().all(session).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

#[cfg(test)]
mod tests {
    use central_oauth_test_postgres::Cluster;

    use super::*;
    use crate::PoolSettings;

    #[tokio::test]
    async fn who_waits_for_another_to_migrate_gives_up_some_day() {
        let url = Cluster::shared().create_database().url.parse().unwrap();
        let open = async || SeaOrmStore::open(&url, PoolSettings::default()).await;
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        let stuck = one.begin_to_migrate().await.unwrap();
        let limit = Duration::from_secs(1);
        let late = other.in_time(limit, other.apply_missing()).await;
        let late = late.map_err(|error| error.to_string()).unwrap_err();
        assert!(late.contains("not migrated within 1 s"), "{late}");
        drop(stuck);
        other.migrate_up().await.unwrap();
    }
}
