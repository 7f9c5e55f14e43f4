//! Keys whose link is not complete.

use std::fs::{File, Metadata, TryLockError, create_dir_all, remove_file};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Profile, failed, parse, remove};
use crate::cli::{Exit, Failure};

/// A key whose link is not complete yet. Its file is beside the file of the profile.
pub(crate) struct Pending {
    path: PathBuf,
    profile: PathBuf,
}

impl Pending {
    /// The maximum number of interrupted links per profile.
    const MOST: usize = 8;

    /// Returns a free file for the key of a new link; `None` if interrupted links use all files.
    pub(crate) fn beside(profile: &Path) -> Option<Self> {
        let mut all = (0..Self::MOST).map(|number| Self::numbered(profile, number));
        all.find(Self::is_free)
    }

    /// Returns the error for a profile without a free file: a person may still consent to each of the interrupted
    /// links.
    pub(crate) fn none_free(profile: &Path) -> Failure {
        let (most, file) = (Self::MOST, profile.display());
        let message = format!(
            "{most} interrupted links of {file} may still be completed. Run `central-oauth link` again when their codes have \
             expired, save another key with --profile, or delete {file}.pending*"
        );
        Failure::new(Exit::Other, message)
    }

    /// Whether the file contains no key.
    fn is_free(&self) -> bool {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => parse(&text, &self.path).is_err(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }

    /// Returns the keys of interrupted links of this profile.
    pub(crate) fn earlier(profile: &Path) -> Vec<(Self, Profile)> {
        let all = (0..Self::MOST).map(|number| Self::numbered(profile, number));
        all.filter_map(|pending| pending.load().map(|key| (pending, key)))
            .collect()
    }

    fn numbered(profile: &Path, number: usize) -> Self {
        let suffix = match number {
            0 => ".pending".to_owned(),
            number => format!(".pending{number}"),
        };
        Self {
            path: neighbour(profile, &suffix),
            profile: profile.to_owned(),
        }
    }

    fn load(&self) -> Option<Profile> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        parse(&text, &self.path).ok()
    }

    pub(crate) fn save(&self, profile: &Profile) -> Result<(), Failure> {
        profile.save(&self.path)
    }

    /// Makes this the key of the profile, because its link is complete. If the pending file is gone, writes the key
    /// again.
    pub(crate) fn promote(&self, key: &Profile) -> Result<(), Failure> {
        std::fs::rename(&self.path, &self.profile).or_else(|_| key.save(&self.profile))
    }

    /// Removes the key.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        remove(&self.path)
    }

    /// Removes the key, because its link ended without an account. A file that cannot be removed does no harm.
    pub(crate) fn forget(&self) {
        let _ = self.remove();
    }
}

/// A lock on a profile. Without it, two processes could change the profile at the same time and lose a key.
pub(crate) struct Reserved {
    path: PathBuf,
    _locked: File,
}

impl Reserved {
    const MOST_TRIES: u32 = 1000;

    /// Locks a profile until the value is dropped or the process ends.
    pub(crate) fn new(profile: &Path) -> Result<Self, Failure> {
        let path = neighbour(profile, ".lock");
        let cannot = |error| failed(profile, "cannot be written", &error);
        create_dir_all(path.parent().unwrap_or(&path)).map_err(cannot)?;
        let mut tries_left = Self::MOST_TRIES;
        loop {
            let file = File::create(&path).map_err(cannot)?;
            // Other errors are ignored, because some network file systems have no locks.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                let message = format!(
                    "another `central-oauth link` or `logout` is about to change {}: let it finish, or choose another \
                     --profile",
                    profile.display()
                );
                return Err(Failure::new(Exit::Other, message));
            }
            // The previous holder of the lock may have removed the file, and another process may lock a new one. The
            // number of tries is limited because some network file systems give a file another inode number each time.
            tries_left -= 1;
            if is_at(&file, &path) || tries_left == 0 {
                return Ok(Self {
                    path,
                    _locked: file,
                });
            }
        }
    }
}

/// Whether the path still names this file.
fn is_at(file: &File, path: &Path) -> bool {
    let number = |found: Metadata| (found.dev(), found.ino());
    file.metadata().ok().map(number) == path.metadata().ok().map(number)
}

impl Drop for Reserved {
    /// Removes the file while it is still locked.
    fn drop(&mut self) {
        let _ = remove_file(&self.path);
    }
}

fn neighbour(profile: &Path, suffix: &str) -> PathBuf {
    let mut name = profile.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    profile.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_one_at_a_time_reserves_a_profile() {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("default.toml");
        let (holders, reserved) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        let Ok(held) = Reserved::new(&profile) else {
                            continue;
                        };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        reserved.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert!(reserved.into_inner() > 0);
    }
}
