//! The schema's version: what has been applied, what is left to do, and what is too new.

use std::collections::BTreeSet;
use std::path::Path;

use central_oauth_migration::Migrator;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigratorTrait, SchemaManager, seaql_migrations,
};

use crate::open::OpenError;
use crate::store::SeaOrmStore;

impl SeaOrmStore {
    /// Applies every migration that is missing, all of them or none. Another process that does the same at this
    /// moment waits for the transaction, and then finds nothing left to do.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate_up(&self) -> Result<(), OpenError> {
        let at = OpenError::at(self.path());
        let write = self.begin().await.map_err(&at)?;
        refuse_newer(&write.txn, self.path()).await?;
        Migrator::up(&write.txn, None).await.map_err(&at)?;
        write.txn.commit().await.map_err(&at)
    }

    /// Takes back the last migrations, or all of them: what they made is gone.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate_down(&self, steps: Option<u32>) -> Result<(), OpenError> {
        let at = OpenError::at(self.path());
        let write = self.begin().await.map_err(&at)?;
        refuse_newer(&write.txn, self.path()).await?;
        Migrator::down(&write.txn, steps).await.map_err(&at)?;
        write.txn.commit().await.map_err(&at)
    }

    /// The migrations that [`SeaOrmStore::migrate_up`] would apply, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        let applied = applied(&self.db)
            .await
            .map_err(OpenError::at(self.path()))?;
        let mut pending = known();
        pending.retain(|name| !applied.contains(name));
        Ok(pending)
    }
}

/// Refuses a database with migrations that this build does not know: it could only damage it.
pub(crate) async fn refuse_newer<'c, C>(db: &'c C, path: &Path) -> Result<(), OpenError>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let mut unknown = applied(db).await.map_err(OpenError::at(path))?;
    for name in known() {
        unknown.remove(&name);
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(OpenError::NewerSchema {
        path: path.to_owned(),
        migrations: unknown.into_iter().collect(),
    })
}

fn known() -> Vec<String> {
    let migrations = Migrator::migrations().into_iter();
    migrations.map(|known| known.name().to_owned()).collect()
}

/// Asks without making the migrator's own table, as the migrator would.
async fn applied<'c, C>(db: &'c C) -> Result<BTreeSet<String>, DbErr>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    if !SchemaManager::new(db).has_table("seaql_migrations").await? {
        return Ok(BTreeSet::new());
    }
    let rows = seaql_migrations::Entity::find().all(db).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
