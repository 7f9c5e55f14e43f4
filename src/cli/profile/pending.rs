//! Keys whose link is not complete.

use std::fs::{File, TryLockError, create_dir_all, remove_file};
use std::path::{Path, PathBuf};

use super::{Profile, failed, parse};
use crate::cli::{Exit, Failure};

/// A key whose link is not complete yet. Its file is beside the file of the profile.
pub(crate) struct Pending {
    path: PathBuf,
    profile: PathBuf,
}

impl Pending {
    /// How many interrupted links are remembered for a profile.
    const MOST: usize = 8;

    /// Returns a free file for the key of a new link. If there is none, the first is overwritten.
    pub(crate) fn beside(profile: &Path) -> Self {
        let is_free = |pending: &Self| !pending.path.exists();
        let free = (0..Self::MOST)
            .map(|number| Self::numbered(profile, number))
            .find(is_free);
        free.unwrap_or_else(|| Self::numbered(profile, 0))
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

    pub(crate) fn keep(&self, profile: &Profile) -> Result<(), Failure> {
        profile.keep(&self.path)
    }

    /// Makes this the key of the profile, because its link is complete. If its file is gone, writes the key again.
    pub(crate) fn promote(&self, key: &Profile) -> Result<(), Failure> {
        std::fs::rename(&self.path, &self.profile).or_else(|_| key.keep(&self.profile))
    }

    /// Removes the key, because its link ended without an account. A file that cannot be removed does no harm.
    pub(crate) fn forget(&self) {
        let _ = remove_file(&self.path);
    }
}

/// A profile that no other process links meanwhile: of two keys, one would be lost.
pub(crate) struct Reserved {
    path: PathBuf,
    _locked: File,
}

impl Reserved {
    /// Reserves a profile until the value is dropped or the process ends.
    pub(crate) fn new(profile: &Path) -> Result<Self, Failure> {
        let path = neighbour(profile, ".lock");
        let cannot = |error| failed(profile, "cannot be written", &error);
        create_dir_all(path.parent().unwrap_or(&path)).map_err(cannot)?;
        let file = File::create(&path).map_err(cannot)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let message = format!(
                "another `central-oauth link` is about to save a key in {}: let it finish, or use --profile to save \
                 another key beside it",
                profile.display()
            );
            return Err(Failure::new(Exit::Other, message));
        }
        // Some network file systems have no locks.
        Ok(Self {
            path,
            _locked: file,
        })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let _ = remove_file(&self.path);
    }
}

fn neighbour(profile: &Path, suffix: &str) -> PathBuf {
    let mut name = profile.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    profile.with_file_name(name)
}
