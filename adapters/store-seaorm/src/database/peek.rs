//! Reads a database without modifying any file.

use std::io;
use std::path::Path;

use central_oauth_domain::secret::Sealed;
use sea_orm_migration::SchemaManager;

use super::error::OpenError;
use super::open_file::{connect, options};
use super::place::wal;
use super::session::{Channel, Session};
use super::versions::refuse_newer;
use crate::hash_key;
use crate::url::DatabaseUrl;

/// Reads the sealed hash key of a file that has just replaced another file. The write-ahead log at this path may still
/// belong to the replaced file, so the log is read only if the new file has no hash key.
pub(super) async fn hash_key_of_file(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    match look_into(path, true, url).await? {
        Some(sealed) => Ok(Some(sealed)),
        None => hash_key_in(path, url).await,
    }
}

/// Reads the sealed hash key from a file and its write-ahead log. Writes nothing and creates no file. Returns `None` if
/// the file does not exist or is empty, or if the database has no hash key.
pub(super) async fn hash_key_in(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    let size = |path: &Path| size(path).map_err(|source| OpenError::file(path, source));
    if size(path)? == 0 {
        return Ok(None);
    }
    // If the log is missing or empty, even a read-only connection would create log files and leave them behind. The
    // option `immutable` prevents this. A log that is not empty must be read: another process has the database open, or
    // has crashed.
    look_into(path, size(&wal(path))? == 0, url).await
}

async fn look_into(
    path: &Path,
    is_immutable: bool,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    let at = OpenError::at(url);
    let options = options(path).map_err(&at)?.read_only(true);
    let file = connect(options.immutable(is_immutable))
        .await
        .map_err(&at)?;
    let sealed = read(&Session::new(Channel::Pool(file.clone()), None), url).await;
    file.close().await.map_err(&at)?;
    sealed
}

/// Reads the sealed hash key. Fails if a newer version has migrated the database.
pub(super) async fn read(
    session: &Session,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    refuse_newer(session, url).await?;
    let tables = SchemaManager::new(session.unwatched().map_err(OpenError::at(url))?);
    let is_set_up = tables.has_table("service_keys").await;
    if !is_set_up.map_err(OpenError::at(url))? {
        return Ok(None);
    }
    let sealed = hash_key::read(session).await;
    sealed.map_err(OpenError::at(url))
}

/// Returns the size of a file, or 0 if it does not exist.
fn size(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        outcome => outcome.map(|metadata| metadata.len()),
    }
}
