//! Why nothing is copied.

use central_oauth_domain::ports::StoreError;

use crate::database::OpenError;

/// Why nothing is copied. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
pub enum CopyRefused {
    /// A service may store something at any moment.
    #[error("{database} is in use: stop the service that runs on it, then copy again")]
    SourceInUse {
        /// Which one.
        database: String,
    },
    /// A service is connected to the server, or a pooler still is on behalf of one: PgBouncer leaves a connection the name
    /// of whoever used it last.
    #[error(
        "{database} is in use: stop the services that run on it, then copy again. A pooler that they came through keeps its \
         connections for a while (PgBouncer's server_idle_timeout, 10 minutes if not set): stop it too, or have it close \
         them (RECONNECT at PgBouncer's console)"
    )]
    SourceHasConnections {
        /// Which one.
        database: String,
    },
    /// An older version of this program has made the source.
    #[error(
        "the schema of {database} is not up to date ({}): run `central-oauth migrate` on it first",
        .pending.join(", ")
    )]
    SourceIsBehind {
        /// Which one.
        database: String,
        /// The migrations that are missing.
        pending: Vec<String>,
    },
    /// A copy has been completed there, or a service has run there.
    #[error(
        "{database} is complete already, and may be in use: copying would put old tokens over newer ones"
    )]
    DestinationIsComplete {
        /// Which one.
        database: String,
    },
    /// Another copy is under way.
    #[error(
        "{database} is in use: something else is being copied there, or a service starts on it"
    )]
    DestinationInUse {
        /// Which one.
        database: String,
    },
    /// A database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
