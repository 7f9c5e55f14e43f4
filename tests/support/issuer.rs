//! Authorization servers of other authors: programs that print their issuer in their first line.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::process::{self, within};

const START_WITHIN: Duration = Duration::from_secs(60);

/// A running server; it ends with this handle.
pub(crate) struct Issuer {
    /// Its issuer.
    pub(crate) issuer: String,
    child: Child,
    // Kept open: a child whose output is closed is killed at its next write.
    _stdout: BufReader<ChildStdout>,
    log: PathBuf,
    _folder: TempDir,
}

impl Issuer {
    /// Starts a server in this folder, or else in a new one; on return it listens.
    pub(crate) async fn start(mut command: Command, within_folder: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        let log = folder.path().join("server.log");
        command
            .current_dir(within_folder.unwrap_or(folder.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(process::log_file(&log));
        let mut child = command.spawn().expect("cannot start the server");
        let mut stdout = BufReader::new(child.stdout.take().expect("it has an output"));
        let mut line = String::new();
        let read = within(START_WITHIN, "the server", stdout.read_line(&mut line));
        read.await.expect("cannot read from the server");
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(issuer) = ready["issuer"].as_str() else {
            panic!("the server did not start:\n{}", process::read_log(&log));
        };
        Self {
            issuer: issuer.to_owned(),
            child,
            _stdout: stdout,
            log,
            _folder: folder,
        }
    }

    /// Returns an address below the issuer.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Returns the server's output so far.
    pub(crate) fn logs(&self) -> String {
        process::read_log(&self.log)
    }

    /// Ends the server.
    pub(crate) async fn stop(mut self) {
        let killed = within(START_WITHIN, "ending the server", self.child.kill());
        killed.await.expect("cannot end the server");
    }
}
