//! Keys that may yet come to nothing.

use std::path::{Path, PathBuf};

use super::{Profile, failed, parse};
use crate::cli::Failure;

/// A key whose link is not complete yet: a file beside its profile's.
pub(crate) struct Pending {
    path: PathBuf,
    profile: PathBuf,
}

impl Pending {
    /// The file beside this one.
    pub(crate) fn beside(profile: &Path) -> Self {
        let mut name = profile.file_name().unwrap_or_default().to_owned();
        name.push(".pending");
        Self {
            path: profile.with_file_name(name),
            profile: profile.to_owned(),
        }
    }

    /// What an interrupted link left, if it can be read.
    pub(crate) fn load(&self) -> Option<Profile> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        parse(&text, &self.path).ok()
    }

    pub(crate) fn keep(&self, profile: &Profile) -> Result<(), Failure> {
        profile.keep(&self.path)
    }

    /// The link is complete: the key takes its place.
    pub(crate) fn promote(&self) -> Result<(), Failure> {
        let moved = std::fs::rename(&self.path, &self.profile);
        moved.map_err(|error| failed(&self.profile, "cannot be written", &error))
    }

    /// The link has ended: the key opens nothing. A file that cannot be removed does no harm.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
