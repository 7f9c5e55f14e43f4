//! chromedriver, the process between a test and its browser.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

use super::START_WITHIN;
use crate::support::process::{self, within};

/// A chromedriver for one browser.
pub(super) struct Driver {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    url: String,
    profile: PathBuf,
    log: PathBuf,
    folder: TempDir,
}

impl Driver {
    /// Starts a chromedriver; on return it listens.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        let log = folder.path().join("chromedriver.log");
        let mut command = process::command("chromedriver");
        let mut child = command
            .arg("--port=0")
            // Chromium leaves its own sockets and folders behind when it is killed.
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(process::log_file(&log))
            .spawn()
            .expect("cannot start chromedriver; run tests/fixtures/install");
        let mut stdout = BufReader::new(child.stdout.take().expect("chromedriver has an output"));
        let port = within(START_WITHIN, "chromedriver", port(&mut stdout)).await;
        Self {
            child,
            _stdout: stdout,
            url: format!("http://127.0.0.1:{port}"),
            profile: folder.path().join("profile"),
            log,
            folder,
        }
    }

    /// Returns chromedriver's URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the folder for the browser's profile.
    pub(super) fn profile(&self) -> &Path {
        &self.profile
    }

    /// Returns its output so far.
    pub(super) fn logs(&self) -> String {
        process::read_log(&self.log)
    }

    /// Ends chromedriver.
    pub(super) async fn stop(mut self) {
        let killed = within(START_WITHIN, "ending chromedriver", self.child.kill()).await;
        killed.expect("cannot end chromedriver");
    }
}

impl Drop for Driver {
    /// The browser ends by itself once the driver is gone, but writes to its folder until then.
    fn drop(&mut self) {
        // The process may have ended already, and a remaining folder is no reason to fail.
        let _ = self.child.start_kill();
        for _ in 0..40 {
            if std::fs::remove_dir_all(self.folder.path()).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Reads the free port that chromedriver has picked: `ChromeDriver was started successfully on port 40123.`
async fn port(stdout: &mut BufReader<ChildStdout>) -> u16 {
    let mut lines = stdout.lines();
    let mut said = String::new();
    while let Some(line) = lines
        .next_line()
        .await
        .expect("cannot read from chromedriver")
    {
        if let Some((_, port)) = line.split_once("successfully on port ")
            && let Ok(port) = port.trim_end_matches('.').parse()
        {
            return port;
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("chromedriver did not start:\n{said}");
}
