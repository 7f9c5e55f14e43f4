//! A library that breaks the disk and the wall clock of a program that loads it (`shim.c`).
//!
//! A test cannot make a real file system read-only, or let it fail, while a program has files open on it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskFault {
    /// No space is left (`ENOSPC`).
    Full,
    /// The file system is read-only (`EROFS`).
    ReadOnly,
    /// Writing fails (`EIO`).
    Broken,
}

impl DiskFault {
    pub(super) const ALL: [Self; 3] = [Self::Full, Self::ReadOnly, Self::Broken];

    const fn error_number(self) -> i64 {
        match self {
            Self::Full => 28,
            Self::ReadOnly => 30,
            Self::Broken => 5,
        }
    }
}

/// The compiled library and the file that controls it.
pub(super) struct Shim {
    folder: TempDir,
    control: File,
}

impl Shim {
    /// Compiles the library with `cc`, which is also needed to build this program.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        // A database server that runs as another user loads the library too.
        readable(folder.path(), 0o755);
        let library = folder.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/shim.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library);
        let output = cc.arg(source).arg("-ldl").output();
        let output = output.expect("cannot start cc");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cc: {said}");
        let path = folder.path().join("control");
        fs::write(&path, [0; 16]).expect("cannot write the control file");
        readable(&path, 0o644);
        let control = File::options().write(true).open(&path);
        let control = control.expect("cannot open the control file");
        Self { folder, control }
    }

    /// Returns the environment variables for a program. The shim then controls its clock, and its disk at `disk`.
    pub(super) fn variables(&self, disk: &Path) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.folder.path().join("shim.so")),
            ("CHAOS_CONTROL", self.folder.path().join("control")),
            ("CHAOS_FOLDER", disk.to_owned()),
        ]
    }

    /// Makes writes fail from now on, or succeed again.
    pub(super) fn set_disk(&self, fault: Option<DiskFault>) {
        self.set(0, fault.map_or(0, DiskFault::error_number));
    }

    /// Sets by how much the wall clock is ahead or, if `behind`, behind.
    pub(super) fn set_clock(&self, by: Duration, behind: bool) {
        let nanoseconds = i64::try_from(by.as_nanos()).expect("a clock is not off by centuries");
        self.set(1, if behind { -nanoseconds } else { nanoseconds });
    }

    fn set(&self, place: u64, value: i64) {
        let written = self.control.write_all_at(&value.to_ne_bytes(), place * 8);
        written.expect("cannot write the control file");
    }
}

fn readable(path: &Path, mode: u32) {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.expect("cannot set permissions");
}
