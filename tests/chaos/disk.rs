//! A small disk for a test: a tmpfs in a mount namespace, which ends with the process that holds it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Room for a database and its log.
const SIZE: &str = "size=32m";
/// The unit in which the disk is filled, in bytes.
const PIECE: usize = 4096;

pub(super) struct SmallDisk {
    folder: TempDir,
    /// The process that holds the namespace. It reads its input, which is closed when this process ends at the latest.
    holder: Child,
}

impl SmallDisk {
    /// Mounts a disk, or returns why that is not permitted.
    pub(super) fn mount() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "--", "sh", "-c"]);
        unshare.arg("mount -t tmpfs -o \"$2\" tmpfs \"$1\" && echo mounted && exec cat");
        unshare.arg("sh").arg(folder.path()).arg(SIZE);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = unshare.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(output) = holder.stdout.as_mut() {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(|error| error.to_string())?;
        }
        if line.trim() == "mounted" {
            return Ok(Self { folder, holder });
        }
        let _ = holder.wait();
        Err("no file system can be mounted in a namespace".to_owned())
    }

    /// Returns the disk's path inside the namespace.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the command that runs another one inside the namespace.
    pub(super) fn enter(&self) -> Vec<String> {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        ["nsenter".to_owned(), namespace, "--".to_owned()].to_vec()
    }

    /// Fills the disk until about `left` bytes are free.
    pub(super) fn fill(&self, left: usize) {
        let mut ballast = File::create(self.ballast()).expect("cannot create the ballast");
        let mut written = 0_u64;
        while ballast.write_all(&[1; PIECE]).is_ok() {
            written += PIECE as u64;
        }
        let kept = written.saturating_sub(left as u64);
        ballast.set_len(kept).expect("cannot shorten the ballast");
    }

    /// Frees the space again.
    pub(super) fn make_room(&self) {
        // The ballast may have been removed already.
        let _ = fs::remove_file(self.ballast());
    }

    /// Returns the path of the ballast file, as seen from outside the namespace.
    fn ballast(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let inside = self.path().strip_prefix("/").unwrap_or(self.path());
        root.join(inside).join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
