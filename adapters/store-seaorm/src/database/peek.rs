//! Looking into a database without leaving a trace.

use std::io;
use std::path::Path;

use central_oauth_domain::secret::Sealed;
use sea_orm::DatabaseConnection;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm_migration::SchemaManager;

use super::error::OpenError;
use super::place::wal;
use super::session::{Channel, Session};
use super::sqlite::connect;
use super::{Database, PoolSettings};
use crate::url::{DatabaseUrl, Place};
use crate::{schema, seals};

/// Reads the sealed hash key and writes nothing, not even a new file: what a wrong secret key is refused by. `None`
/// when there is no database yet, or none that has been set up.
///
/// # Errors
/// When the database cannot be read, is none, or has been migrated by a newer version.
pub async fn peek_hash_key(
    url: &DatabaseUrl,
    settings: PoolSettings,
) -> Result<Option<Sealed>, OpenError> {
    let at = OpenError::at(url);
    match url.place() {
        Place::File(path) => hash_key_in(path, url).await,
        Place::Server(_) => {
            let server = Database::open(url, settings).await?;
            let session = server.read().await.map_err(&at)?;
            let sealed = read(&session, url).await;
            drop(session);
            server.close().await.map_err(at)?;
            sealed
        }
    }
}

/// Reads the sealed hash key of a file that has just been put into the place of another one. The write-ahead log beside it may
/// belong to the other one, so it counts only if the file itself holds no hash key.
pub(super) async fn hash_key_of_file(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    let file = connect(path, 1, at_rest).await;
    let file = file.map_err(OpenError::at(url))?;
    let sealed = read(&reading(&file), url).await;
    file.close().await.map_err(OpenError::at(url))?;
    match sealed? {
        Some(sealed) => Ok(Some(sealed)),
        None => hash_key_in(path, url).await,
    }
}

/// Reads the sealed hash key of a file and its write-ahead log.
async fn hash_key_in(path: &Path, url: &DatabaseUrl) -> Result<Option<Sealed>, OpenError> {
    let Some(file) = look_into(path, url).await? else {
        return Ok(None);
    };
    let sealed = read(&reading(&file), url).await;
    file.close().await.map_err(OpenError::at(url))?;
    sealed
}

/// Refuses a file of a newer version before anything is done to it.
pub(super) async fn refuse_newer(path: &Path, url: &DatabaseUrl) -> Result<(), OpenError> {
    let Some(file) = look_into(path, url).await? else {
        return Ok(());
    };
    let refused = schema::refuse_newer(&reading(&file), url).await;
    file.close().await.map_err(OpenError::at(url))?;
    refused
}

fn reading(file: &DatabaseConnection) -> Session {
    Session::new(Channel::Pool(file.clone()), None)
}

async fn read(session: &Session, url: &DatabaseUrl) -> Result<Option<Sealed>, OpenError> {
    schema::refuse_newer(session, url).await?;
    let tables = SchemaManager::new(session.unwatched().map_err(OpenError::at(url))?);
    let is_set_up = tables.has_table("service_keys").await;
    if !is_set_up.map_err(OpenError::at(url))? {
        return Ok(None);
    }
    let sealed = seals::read_hash_key(session).await;
    sealed.map_err(OpenError::at(url))
}

/// Opens a file for reading alone, if there is one.
async fn look_into(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<DatabaseConnection>, OpenError> {
    let size = |path: &Path| size(path).map_err(|source| OpenError::file(path, source));
    if size(path)? == 0 {
        return Ok(None);
    }
    let tune = if size(&wal(path))? == 0 {
        at_rest
    } else {
        in_use
    };
    let file = connect(path, 1, tune).await.map_err(OpenError::at(url))?;
    Ok(Some(file))
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

/// A file that does not exist is as empty as can be.
fn size(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        outcome => outcome.map(|metadata| metadata.len()),
    }
}
