use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::UnlockError;

use super::progress::TableCount;
use super::unreadable::{UnreadableValue, named, rows};
use crate::database::OpenError;

/// Why a copy failed. Whatever was copied stays; running the copy again continues it.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A service may store something at any moment.
    #[error("{database} is in use: stop the service that runs on it, then copy again")]
    SourceInUse {
        /// The URL of the source, without its password.
        database: String,
    },
    /// A service is connected to the server or was seen just now, or a pooler is still connected: PgBouncer keeps the
    /// application name of the last client on an idle connection.
    #[error(
        "{database} is in use: stop the services that run on it, then copy again. One that was killed counts as running for \
         30 seconds. A pooler that they came through keeps its \
         connections for a while (PgBouncer's server_idle_timeout, 10 minutes if not set): stop it too, or have it close \
         them (RECONNECT at PgBouncer's console)"
    )]
    SourceHasConnections {
        /// The URL of the source, without its password.
        database: String,
    },
    /// An older version of this program made the source.
    #[error(
        "the schema of {database} is not up to date ({}): run `central-oauth migrate` on it first",
        .pending.join(", ")
    )]
    SourceIsBehind {
        /// The URL of the source, without its password.
        database: String,
        /// The migrations that are missing.
        pending: Vec<String>,
    },
    /// No service has ever run on the source, or it is the unfinished destination of another copy.
    #[error(
        "the source has no hash key: no service has run on it yet, or it is an unfinished copy"
    )]
    NoHashKey,
    /// The keys do not open the source.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// A copy was completed there, or a service has run there.
    #[error(
        "{database} is complete already, and may be in use: copying would overwrite newer tokens"
    )]
    DestinationIsComplete {
        /// The URL of the destination, without its password.
        database: String,
    },
    /// Another copy is running.
    #[error(
        "{database} is in use: something else is being copied there, or a service starts on it"
    )]
    DestinationInUse {
        /// The URL of the destination, without its password.
        database: String,
    },
    /// A database cannot be opened or closed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The numbers of rows differ after everything was copied.
    #[error("{} has {} rows at the source and {} at the destination", .0.table, .0.source, .0.destination)]
    Differs(TableCount),
    /// Rows cannot be read, as tables and numbers.
    #[error("these rows of the source cannot be read: {}", rows(.0))]
    Damaged(Vec<(&'static str, i64)>),
    /// Values cannot be decrypted.
    #[error("these values cannot be decrypted, neither here nor in the source database: {}", named(.0))]
    Unreadable(Vec<UnreadableValue>),
    /// Something else gave the destination a hash key during the copy.
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
