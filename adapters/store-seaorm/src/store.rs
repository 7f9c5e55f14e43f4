//! The store, and how it writes.

use std::path::{Path, PathBuf};

use central_oauth_domain::ports::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::error::{failed, is_locked};
use crate::open::{self, Connections, OpenError};
use crate::peek;
use crate::url::DatabaseUrl;

/// Links, accounts, tokens, keys and revocations in an SQLite database.
pub struct SeaOrmStore {
    /// For reading.
    pub(crate) db: DatabaseConnection,
    writer: DatabaseConnection,
    path: PathBuf,
    /// Whose turn it is to write. SQLite lets one connection write at a time; within this process they queue, fairly.
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
        let Connections { readers, writer } = open::read_write(url.path()).await?;
        Ok(Self {
            db: readers,
            writer,
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
        let at = OpenError::at(&self.path);
        self.writer.close_by_ref().await.map_err(&at)?;
        self.db.close_by_ref().await.map_err(&at)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to write. The lock is taken at the start: a transaction that begins by reading and is refused the lock
    /// later fails at once, without any waiting. While another process has the lock it is asked for again and again, in
    /// short intervals, as that process may let go of it for moments only.
    pub(crate) async fn begin(&self) -> Result<Write<'_>, DbErr> {
        let turn = self.turn.lock().await;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let give_up_at = Instant::now() + open::BUSY_TIMEOUT;
        let txn = loop {
            match self.writer.begin_with_options(immediate).await {
                Err(error) if is_locked(&error) && Instant::now() < give_up_at => {}
                begun => break begun?,
            }
        };
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
