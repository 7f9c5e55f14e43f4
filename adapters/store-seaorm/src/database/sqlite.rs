//! A SQLite file, written by one `BEGIN IMMEDIATE` transaction at a time.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use central_oauth_domain::lock::lock;

use sea_orm::{
    DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::commits::FileState;
use super::error::OpenError;
use super::group::Group;
use super::health::WriteHealth;
use super::open_file::{BUSY_TIMEOUT, OpenFile, moved};
use super::peek;
use super::session::{Channel, Session};
use super::transaction::{Origin, Transaction};
use super::watched::{span, traced};
use crate::error::is_locked;
use crate::url::DatabaseUrl;

pub(crate) struct Sqlite {
    path: PathBuf,
    url: DatabaseUrl,
    current: Mutex<Arc<OpenFile>>,
    /// The queue for the writer connection, which is fair within this process. SQLite allows one writer at a time.
    turn: Arc<Semaphore>,
    /// The small writes that wait for a group commit.
    group: Group,
    health: Arc<WriteHealth>,
}

impl Sqlite {
    /// Opens a file for reading and writing. A new file is readable only by its owner.
    pub(super) async fn open(path: &Path, url: &DatabaseUrl) -> Result<Self, OpenError> {
        create_private(path).map_err(|source| OpenError::file(path, source))?;
        let file = Box::pin(OpenFile::open(path)).await;
        let file = file.map_err(OpenError::at(url))?;
        Ok(Self {
            path: path.to_owned(),
            url: url.clone(),
            current: Mutex::new(Arc::new(file)),
            turn: Arc::new(Semaphore::new(1)),
            group: Group::default(),
            health: Arc::default(),
        })
    }

    pub(super) fn readers(&self) -> DatabaseConnection {
        self.current().readers.clone()
    }

    pub(super) fn read(&self) -> Session {
        Session::new(Channel::Pool(self.readers()), None)
    }

    /// Returns the state of the file; `None` while the file is being replaced.
    pub(super) async fn state(&self) -> Result<Option<FileState>, DbErr> {
        self.current().commits.state().await
    }

    pub(super) const fn health(&self) -> &Arc<WriteHealth> {
        &self.health
    }

    pub(super) const fn group(&self) -> &Group {
        &self.group
    }

    /// Begins a transaction and takes SQLite's write lock. A transaction that took the lock later would fail at once
    /// while another process holds the lock. The attempt is repeated at short intervals, because the other process may
    /// release the lock only for moments.
    pub(super) async fn begin(&self) -> Result<Session, DbErr> {
        traced(span(DbBackend::Sqlite, "BEGIN"), self.begin_in_turn()).await
    }

    async fn begin_in_turn(&self) -> Result<Session, DbErr> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|error| DbErr::Custom(error.to_string()))?;
        let file = self.in_place().await?;
        let give_up_at = Instant::now() + BUSY_TIMEOUT;
        let txn = loop {
            match self.try_to_begin(&file).await {
                Err(error) if is_locked(&error) && Instant::now() < give_up_at => {}
                begun => break begun?,
            }
        };
        file.place.remember_wal();
        let txn = txn.with_turn(Some(turn));
        Ok(Session::new(Channel::Transaction(txn), None))
    }

    async fn try_to_begin(&self, file: &Arc<OpenFile>) -> Result<Transaction, DbErr> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let writer = file.writer.clone();
        let begin = async move { writer.begin_with_options(immediate).await };
        let health = Some(Arc::clone(&self.health));
        Transaction::begin(Origin::File(Arc::clone(file)), health, begin).await
    }

    /// Returns the file at the path. If another file has replaced the opened one, for example a restored backup, opens
    /// the new file. Fails if the new file belongs to another installation. The caller must hold the turn in the queue.
    async fn in_place(&self) -> Result<Arc<OpenFile>, DbErr> {
        let opened = self.current();
        if !opened.is_closed.load(Ordering::Relaxed) && opened.place.is_unchanged() {
            return Ok(opened);
        }
        if !opened.place.exists() {
            return Err(moved());
        }
        let is_another = !opened.place.is_same_database();
        if is_another {
            opened.remember_hash_key().await?;
        }
        // The old connections are closed first, because two sets of connections in one process would not see each
        // other's locks.
        opened.close().await?;
        if is_another {
            self.refuse_another_installation(&opened).await?;
        }
        tracing::warn!("the database file has been replaced; opening the new one");
        // Boxed, so that this rare case does not enlarge the future of every write.
        let fresh = Arc::new(Box::pin(OpenFile::open(&self.path)).await?);
        let mut current = lock(&self.current);
        *current = Arc::clone(&fresh);
        Ok(fresh)
    }

    /// Fails unless the file at the path contains the hash key of the opened file.
    async fn refuse_another_installation(&self, opened: &OpenFile) -> Result<(), DbErr> {
        let theirs = Box::pin(peek::hash_key_of_file(&self.path, &self.url)).await;
        let theirs = theirs.map_err(|error| DbErr::Custom(error.to_string()))?;
        if opened.hash_key.get() == Some(&theirs) {
            Ok(())
        } else {
            Err(moved())
        }
    }

    fn current(&self) -> Arc<OpenFile> {
        let current = lock(&self.current);
        Arc::clone(&current)
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        // After this, no transaction can begin, so the file is not opened again.
        self.turn.close();
        self.current().close().await
    }
}

/// Creates the file if it does not exist, readable only by its owner. SQLite would make it readable by everybody, and
/// its `-wal` and `-shm` files too. Fails if the file is read-only, because SQLite would open it and create these two
/// files with wrong permissions.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_read_only(path),
        outcome => refuse_public(path, outcome?.metadata()?.mode()),
    }
}

/// Deletes a new file and fails if the mode of the file lets every user read or write it. In this case, the file system
/// has ignored the requested mode, as exFAT, CIFS and bind mounts of Docker Desktop for Windows do.
fn refuse_public(path: &Path, mode: u32) -> io::Result<()> {
    const BY_OTHERS: u32 = 0o006;
    if mode & BY_OTHERS == 0 {
        return Ok(());
    }
    std::fs::remove_file(path)?;
    let reason = "this file system does not keep permissions, so every user of this machine could read the database: use a \
                  Docker volume or another disk";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

fn refuse_read_only(path: &Path) -> io::Result<()> {
    if path.metadata()?.permissions().readonly() {
        let reason = "its mode lets nobody write to it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        create_private(&path).unwrap();
        create_private(&path).unwrap();
        let mut mode = path.metadata().unwrap().permissions();
        mode.set_readonly(true);
        std::fs::set_permissions(&path, mode).unwrap();
        assert!(create_private(&path).is_err());
    }

    #[test]
    fn a_new_file_is_deleted_if_the_file_system_lets_everybody_use_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        for mode in [0o100_777, 0o100_604, 0o100_602] {
            create_private(&path).unwrap();
            let error = refuse_public(&path, mode).unwrap_err().to_string();
            assert!(error.contains("does not keep permissions"), "{error}");
            assert!(!path.exists(), "{mode:o}");
        }
        create_private(&path).unwrap();
        refuse_public(&path, 0o100_660).unwrap();
        assert!(path.exists());
    }
}
