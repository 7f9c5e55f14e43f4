//! Why a database cannot be used.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::DbErr;

use crate::url::DatabaseUrl;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or made.
    #[error("the database file {} cannot be used: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server does not let us in, or the file is no database, or a damaged one.
    #[error("the database {database} cannot be used: {source}")]
    Database {
        /// Which one.
        database: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nobody knows what keeps a migration.
    #[error(
        "the database {database} was not migrated within {} s: another process is migrating it, or it does not answer any more",
        .limit.as_secs()
    )]
    NotMigratedInTime {
        /// Which one.
        database: String,
        /// How long was waited.
        limit: Duration,
    },
    /// A newer version of this program has been here.
    #[error(
        "the database {database} was migrated by a newer version of this program ({}): start that version, or let it migrate down",
        .migrations.join(", ")
    )]
    NewerSchema {
        /// Which one.
        database: String,
        /// The migrations that this build does not know.
        migrations: Vec<String>,
    },
}

impl OpenError {
    /// Wraps what the file system says about a path.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Wraps what SeaORM says about a database.
    pub(crate) fn at(url: &DatabaseUrl) -> impl Fn(DbErr) -> Self {
        move |error| Self::Database {
            database: url.to_string(),
            source: Box::new(error),
        }
    }
}
