//! Detects that the database file was moved, replaced or deleted. A process can still write to such a file, but these
//! writes would be lost after a restart.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The device and inode of a file, which do not depend on its name.
type FileId = (u64, u64);

/// The identities of a database file and of its write-ahead log when they were opened.
pub(super) struct FilePlace {
    database: PathBuf,
    database_id: Option<FileId>,
    wal: PathBuf,
    /// Set after the first transaction has begun, because the log may not exist earlier.
    wal_id: OnceLock<FileId>,
}

impl FilePlace {
    pub(super) fn of(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            database_id: file_id(database),
            wal: wal(database),
            wal_id: OnceLock::new(),
        }
    }

    /// Stores the identity of the write-ahead log. SQLite keeps this file while a connection is open.
    pub(super) fn remember_wal(&self) {
        if let (None, Some(id)) = (self.wal_id.get(), file_id(&self.wal)) {
            // Another task may have stored it already.
            let _ = self.wal_id.set(id);
        }
    }

    /// Whether the paths still lead to the files that were opened.
    pub(super) fn is_unchanged(&self) -> bool {
        let wal_id = self.wal_id.get();
        self.is_same_database() && wal_id.is_none_or(|id| file_id(&self.wal) == Some(*id))
    }

    /// Whether the path still leads to the database file that was opened. Ignores the write-ahead log.
    pub(super) fn is_same_database(&self) -> bool {
        self.database_id.is_some() && file_id(&self.database) == self.database_id
    }

    /// Whether there is a database file at all.
    pub(super) fn exists(&self) -> bool {
        file_id(&self.database).is_some()
    }
}

/// Returns the path of a database's write-ahead log.
pub(super) fn wal(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn file_id(path: &Path) -> Option<FileId> {
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}
