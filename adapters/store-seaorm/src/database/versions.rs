//! Compares the migrations of a database with those of this build.

use std::collections::BTreeSet;

use central_oauth_migration::Migrator;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, Statement};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

use super::error::OpenError;
use super::session::Session;
use crate::url::DatabaseUrl;

pub(crate) async fn pending(session: &Session) -> Result<Vec<String>, DbErr> {
    let applied = applied(session).await?;
    let mut pending = known();
    pending.retain(|name| !applied.contains(name));
    Ok(pending)
}

/// Rejects a database with unknown migrations, because this build could damage it.
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

pub(crate) fn known() -> Vec<String> {
    let migrations = Migrator::migrations().into_iter();
    migrations.map(|known| known.name().to_owned()).collect()
}

/// Returns the applied migrations. Unlike the migrator, does not create the table of migrations.
async fn applied(session: &Session) -> Result<BTreeSet<String>, DbErr> {
    let tables = SchemaManager::new(session.unwatched()?);
    if !tables.has_table("seaql_migrations").await? {
        refuse_hidden(session).await?;
        return Ok(BTreeSet::new());
    }
    let rows = seaql_migrations::Entity::find().all(session).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Fails if PostgreSQL finds our tables in a schema other than the first schema of `search_path`. Migrations would
/// create all tables again in the first schema, and the service would start without its accounts.
async fn refuse_hidden(session: &Session) -> Result<(), DbErr> {
    let backend = session.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    // Another application may have a table of the same name.
    let sql = "SELECT ours.relnamespace::regnamespace::text AS place FROM pg_class ours \
               JOIN pg_class migrations ON migrations.relnamespace = ours.relnamespace \
               AND migrations.relname = 'seaql_migrations' \
               WHERE ours.oid = to_regclass('service_keys') \
               AND ours.relnamespace <> to_regnamespace(quote_ident(current_schema()))";
    let found = session.query_one_raw(Statement::from_string(backend, sql));
    let Some(row) = found.await? else {
        return Ok(());
    };
    let place: String = row.try_get("", "place")?;
    let reason = format!(
        "its tables are in the schema {place}, which is not the first of search_path: put it first, or remove it for a \
         new, empty installation"
    );
    Err(DbErr::Custom(reason))
}
