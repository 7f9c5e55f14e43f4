use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::DbErr;

use crate::error::with_advice;
use crate::url::DatabaseUrl;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or created.
    #[error("the database file {} cannot be used: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    /// The server rejects the connection, or the file is not a database or is damaged.
    #[error("the database {database} cannot be used: {source}")]
    Database {
        database: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// A migration did not finish, for an unknown reason.
    #[error(
        "the database {database} was not migrated within {} s: another process is migrating it, or it does not answer any more",
        .limit.as_secs()
    )]
    NotMigratedInTime { database: String, limit: Duration },
    #[error(
        "the database {database} was migrated by a newer version of this program ({}): start that version, or run \
         its `central-oauth migrate down`",
        .migrations.join(", ")
    )]
    NewerSchema {
        database: String,
        /// The migrations that this build does not know.
        migrations: Vec<String>,
    },
}

impl OpenError {
    /// Wraps a file system error.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Wraps a SeaORM error.
    pub(crate) fn at(url: &DatabaseUrl) -> impl Fn(DbErr) -> Self {
        move |error| Self::Database {
            database: url.to_string(),
            source: with_advice(error),
        }
    }
}
