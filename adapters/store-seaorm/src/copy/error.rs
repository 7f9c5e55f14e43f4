use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::UnlockError;

use super::progress::TableCount;
use super::unreadable::{UnreadableValue, named, rows};
use crate::database::OpenError;

/// Why a copy failed. On a server, the copied rows stay, and the next attempt continues from them. The messages name a
/// database by its URL, without the password.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Another process has the source file open, or a transaction on the source server has locked a table.
    #[error("{0} is in use: stop the service that runs on it, then copy again")]
    SourceInUse(String),
    /// A service is connected to the server or has checked in recently. A connected pooler looks like a service,
    /// because PgBouncer keeps the application name of the last client on an idle connection.
    #[error(
        "{0} is in use: stop the services that run on it, then copy again. One that was killed counts as running for \
         30 seconds. A pooler that they came through keeps its \
         connections for a while (PgBouncer's server_idle_timeout, 10 minutes if not set): stop it too, or have it close \
         them (RECONNECT at PgBouncer's console)"
    )]
    SourceHasConnections(String),
    /// The schema of the source is older than this version.
    #[error(
        "the schema of {database} is not up to date ({}): run `central-oauth migrate` on it first",
        .pending.join(", ")
    )]
    SourceIsBehind {
        /// The source.
        database: String,
        /// The migrations that are missing.
        pending: Vec<String>,
    },
    /// The source has no hash key: no service has ever run on it, or it is an unfinished copy.
    #[error(
        "the source has no hash key: no service has run on it yet, or it is an unfinished copy"
    )]
    NoHashKey,
    /// The configured secret keys cannot decrypt the values of the source.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The destination has a hash key: a copy was completed there, or a service has run on it.
    #[error("{0} is complete already, and may be in use: copying would overwrite newer tokens")]
    DestinationIsComplete(String),
    /// Another process uses the destination: a copy, or a service that is starting.
    #[error("{0} is in use: something else is being copied there, or a service starts on it")]
    DestinationInUse(String),
    /// A database cannot be opened or closed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// After the copy, a table has a different number of rows at the source and the destination.
    #[error("{} has {} rows at the source and {} at the destination", .0.table, .0.source, .0.destination)]
    Differs(TableCount),
    /// Rows cannot be read. Each is named by its table and its id.
    #[error("these rows of the source cannot be read: {}", rows(.0))]
    Damaged(Vec<(&'static str, i64)>),
    /// Sealed values cannot be decrypted.
    #[error("these values cannot be decrypted, neither here nor in the source database: {}", named(.0))]
    Unreadable(Vec<UnreadableValue>),
    /// During the copy, another process stored a hash key at the destination.
    #[error("another process completed the destination meanwhile")]
    Overtaken,
    /// A database failed during the copy.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Overtaken,
            error => Self::Store(error),
        }
    }
}
