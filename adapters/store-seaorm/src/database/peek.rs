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

/// Reads the sealed hash key of a file that has just replaced another one. The write-ahead log beside it may belong to
/// the other one, so it is read only if the file itself has no hash key.
pub(super) async fn hash_key_of_file(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    match look_into(path, true, url).await? {
        Some(sealed) => Ok(Some(sealed)),
        None => hash_key_in(path, url).await,
    }
}

/// Reads the sealed hash key of a file and its write-ahead log, without writing anything, not even a new file.
/// `None` if there is no database yet, or an empty one.
pub(super) async fn hash_key_in(
    path: &Path,
    url: &DatabaseUrl,
) -> Result<Option<Sealed>, OpenError> {
    let size = |path: &Path| size(path).map_err(|source| OpenError::file(path, source));
    if size(path)? == 0 {
        return Ok(None);
    }
    // Even a reader would recreate an empty log and its index and leave them behind, unless it is told that the file is
    // immutable. Any other log exists already: another process has the database open, or died.
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

/// Reads the sealed hash key of a database that no newer version has migrated.
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

/// A file that does not exist counts as empty.
fn size(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        outcome => outcome.map(|metadata| metadata.len()),
    }
}
