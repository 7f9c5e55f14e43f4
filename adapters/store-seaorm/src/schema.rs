//! The schema's version: what has been applied, what is left to do, and what is too new.

use std::collections::BTreeSet;

use central_oauth_migration::Migrator;
use sea_orm::{DbErr, EntityTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

use crate::database::{OpenError, Session, Write};
use crate::locks;
use crate::store::SeaOrmStore;
use crate::url::DatabaseUrl;

impl SeaOrmStore {
    /// Applies every migration that is missing, all of them or none. Another process that does the same at this
    /// moment waits for the transaction, and then finds nothing left to do.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate_up(&self) -> Result<(), OpenError> {
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
    /// When a migration fails.
    pub async fn migrate_down(&self, steps: Option<u32>) -> Result<(), OpenError> {
        let at = OpenError::at(self.url());
        let write = self.begin_to_migrate().await.map_err(&at)?;
        refuse_newer(&write.txn, self.url()).await?;
        let executor = write.txn.executor();
        Migrator::down(executor, steps).await.map_err(&at)?;
        write.txn.commit().await.map_err(&at)
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
