//! The store, and how it writes.

use std::path::{Path, PathBuf};

use central_oauth_domain::ports::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::failed;
use crate::open::{self, OpenError};
use crate::peek;
use crate::url::DatabaseUrl;

/// Links, accounts, tokens, keys and revocations in an SQLite database.
pub struct SeaOrmStore {
    pub(crate) db: DatabaseConnection,
    path: PathBuf,
    /// Whose turn it is to write. SQLite lets one connection write at a time and has the others poll for their turn;
    /// here they queue, fairly and without holding a connection that a reader could use.
    turn: Mutex<()>,
}

/// An open transaction that may write; dropping it takes everything back.
pub(crate) struct Write<'a> {
    pub(crate) txn: DatabaseTransaction,
    _turn: MutexGuard<'a, ()>,
}

impl SeaOrmStore {
    /// Opens the database, and creates the file if need be, readable by its owner alone. The schema is left as it is:
    /// see [`SeaOrmStore::migrate_up`].
    ///
    /// # Errors
    /// When the file cannot be used, or has been migrated by a newer version.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        peek::refuse_newer(url.path()).await?;
        Ok(Self {
            db: open::read_write(url.path()).await?,
            path: url.path().to_owned(),
            turn: Mutex::default(),
        })
    }

    /// Finishes what is under way and closes the file. Whoever asks the store afterwards is told that it is
    /// unavailable.
    ///
    /// # Errors
    /// When the database reports trouble on closing.
    pub async fn close(&self) -> Result<(), OpenError> {
        let closed = self.db.close_by_ref().await;
        closed.map_err(OpenError::at(&self.path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to write. The lock is taken at the start: a transaction that begins by reading and is refused the lock
    /// later fails at once, without any waiting.
    pub(crate) async fn begin(&self) -> Result<Write<'_>, DbErr> {
        let turn = self.turn.lock().await;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = self.db.begin_with_options(immediate).await?;
        Ok(Write { txn, _turn: turn })
    }

    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        self.begin().await.map_err(failed)
    }
}

impl Write<'_> {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.txn.commit().await.map_err(failed)
    }
}
