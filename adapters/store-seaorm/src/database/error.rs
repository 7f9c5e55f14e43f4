use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::DbErr;

use crate::error::{ACCESS_NEEDED, with_advice};
use crate::url::DatabaseUrl;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or created.
    #[error("the database file {} cannot be used: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The server rejects the connection, or the file is not a database or is damaged.
    #[error("the database {database} cannot be used: {source}")]
    Database {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The migrations did not finish within the timeout.
    #[error(
        "the database {database} was not migrated within {} s: another process is migrating it, or it does not answer any more",
        .limit.as_secs()
    )]
    NotMigratedInTime {
        /// The database.
        database: String,
        /// The timeout of the migrations.
        limit: Duration,
    },
    /// The database was migrated by a newer version of this program.
    #[error(
        "the database {database} was migrated by a newer version of this program ({}): start that version, or run \
         its `central-oauth migrate down`",
        .migrations.join(", ")
    )]
    NewerSchema {
        /// The database.
        database: String,
        /// The migrations that this build does not know.
        migrations: Vec<String>,
    },
}

impl OpenError {
    /// Wraps a file system error.
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        let advice = match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(ACCESS_NEEDED),
            ErrorKind::NotFound => Some("create its folder, or correct the path"),
            _ => None,
        };
        let source = match advice {
            Some(advice) => io::Error::new(error.kind(), format!("{error}; {advice}")),
            None => error,
        };
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
