//! Looking into a database without leaving a trace.

use std::io;
use std::path::{Path, PathBuf};

use central_oauth_domain::secret::Sealed;
use sea_orm::DatabaseConnection;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm_migration::SchemaManager;

use crate::open::{OpenError, connect};
use crate::url::DatabaseUrl;
use crate::{schema, seals};

/// Reads the sealed hash key and writes nothing, not even a new file: what a wrong secret key is refused by. `None`
/// when there is no database yet, or none that has been set up.
///
/// # Errors
/// When the file cannot be read, is no database, or has been migrated by a newer version.
pub async fn peek_hash_key(url: &DatabaseUrl) -> Result<Option<Sealed>, OpenError> {
    let path = url.path();
    let Some(db) = look_into(path).await? else {
        return Ok(None);
    };
    let sealed = read(&db, path).await;
    db.close().await.map_err(OpenError::at(path))?;
    sealed
}

/// Refuses a database of a newer version before anything is done to it.
pub(crate) async fn refuse_newer(path: &Path) -> Result<(), OpenError> {
    let Some(db) = look_into(path).await? else {
        return Ok(());
    };
    let refused = schema::refuse_newer(&db, path).await;
    db.close().await.map_err(OpenError::at(path))?;
    refused
}

async fn read(db: &DatabaseConnection, path: &Path) -> Result<Option<Sealed>, OpenError> {
    schema::refuse_newer(db, path).await?;
    let tables = SchemaManager::new(db);
    let is_set_up = tables.has_table("service_keys").await;
    if !is_set_up.map_err(OpenError::at(path))? {
        return Ok(None);
    }
    seals::read_hash_key(db).await.map_err(OpenError::at(path))
}

/// Opens a database for reading alone, if there is one.
async fn look_into(path: &Path) -> Result<Option<DatabaseConnection>, OpenError> {
    let size = |path: &Path| size(path).map_err(|source| OpenError::file(path, source));
    if size(path)? == 0 {
        return Ok(None);
    }
    let tune = if size(&wal(path))? == 0 {
        at_rest
    } else {
        in_use
    };
    let db = connect(path, 1, tune).await.map_err(OpenError::at(path))?;
    Ok(Some(db))
}

/// With nothing in the write-ahead log the file says it all. Even a reader would make the log and its index anew and
/// leave them behind, unless it is told that nobody changes the file.
fn at_rest(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.read_only(true).immutable(true)
}

/// The log exists already: another process has the database open, or died.
fn in_use(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.read_only(true)
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A file that does not exist is as empty as can be.
fn size(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        outcome => outcome.map(|metadata| metadata.len()),
    }
}
