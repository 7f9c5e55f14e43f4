//! Keys whose link is not complete.

use std::path::{Path, PathBuf};

use super::{Profile, failed, parse};
use crate::cli::Failure;

/// A key whose link is not complete yet. Its file is beside the file of the profile.
pub(crate) struct Pending {
    path: PathBuf,
    profile: PathBuf,
}

impl Pending {
    /// Returns the pending file for this profile file.
    pub(crate) fn beside(profile: &Path) -> Self {
        let mut name = profile.file_name().unwrap_or_default().to_owned();
        name.push(".pending");
        Self {
            path: profile.with_file_name(name),
            profile: profile.to_owned(),
        }
    }

    /// Loads the key of an interrupted link, if there is one.
    pub(crate) fn load(&self) -> Option<Profile> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        parse(&text, &self.path).ok()
    }

    pub(crate) fn keep(&self, profile: &Profile) -> Result<(), Failure> {
        profile.keep(&self.path)
    }

    /// Makes this the key of the profile, because its link is complete.
    pub(crate) fn promote(&self) -> Result<(), Failure> {
        let moved = std::fs::rename(&self.path, &self.profile);
        moved.map_err(|error| failed(&self.profile, "cannot be written", &error))
    }

    /// Removes the key, because its link ended without an account. A file that cannot be removed does no harm.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
