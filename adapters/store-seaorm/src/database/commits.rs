//! Detects commits to a SQLite file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Error, query_scalar};
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::Mutex;

/// The state of a SQLite file. If two states are equal, nobody has committed to the file in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    /// The connection that has read `data_version`. Values of different connections cannot be compared.
    connection: u64,
    data_version: i64,
}

#[cfg(test)]
impl FileState {
    pub(crate) const fn of_test(data_version: i64) -> Self {
        Self {
            connection: 0,
            data_version,
        }
    }
}

/// A connection that only reads the state of its file. It never writes, because a connection's own commits do not
/// change its `data_version`.
pub(super) struct CommitWatch {
    number: u64,
    /// `None` once the file is closed.
    connection: Mutex<Option<SqliteConnection>>,
}

impl CommitWatch {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, DbErr> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let connection = options.connect().await.map_err(failed)?;
        Ok(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            connection: Mutex::new(Some(connection)),
        })
    }

    /// Returns the state of the file; `None` once the file is closed.
    pub(super) async fn state(&self) -> Result<Option<FileState>, DbErr> {
        let mut connection = self.connection.lock().await;
        let Some(connection) = connection.as_mut() else {
            return Ok(None);
        };
        let data_version = query_scalar("PRAGMA data_version").fetch_one(connection);
        Ok(Some(FileState {
            connection: self.number,
            data_version: data_version.await.map_err(failed)?,
        }))
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        match self.connection.lock().await.take() {
            Some(connection) => connection.close().await.map_err(failed),
            None => Ok(()),
        }
    }
}

fn failed(error: Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}
