//! Children that end with their test, and time limits.

use std::ffi::OsStr;
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) use central_oauth_test_postgres::free_port;
use tokio::process::Command;

/// The first start on a machine downloads the packages.
const INSTALL_WITHIN: Duration = Duration::from_secs(300);

/// Returns a command whose child is killed when its handle is dropped. The kernel also kills the child when the thread
/// that spawned it dies, so even a killed test leaves no process behind. Spawn from the test itself or from a task, not
/// from `spawn_blocking`, whose threads come and go.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = if has_setpriv() {
        let mut leashed = Command::new("setpriv");
        leashed.args(["--pdeathsig", "KILL", "--"]).arg(program);
        leashed
    } else {
        Command::new(program)
    };
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Returns whether `setpriv` (util-linux) is installed. Without it, only the handles of children end them.
fn has_setpriv() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let mut probe = std::process::Command::new("setpriv");
        let quiet = probe.arg("--version").stdout(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    })
}

/// Opens a file for a child's output, appending to it.
pub(crate) fn log_file(path: &Path) -> File {
    let opened = File::options().create(true).append(true).open(path);
    opened.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()))
}

/// Returns a child's output so far.
pub(crate) fn read_log(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for a future, with a time limit.
pub(crate) async fn within<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    match tokio::time::timeout(limit, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {limit:?}"),
    }
}

/// Repeats the check until it succeeds, with a time limit.
pub(crate) async fn eventually(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns where the packages of a fixture are, and installs them first if necessary.
pub(crate) async fn modules(name: &str) -> PathBuf {
    let mut install = command(fixtures().join("install"));
    install.args(["--modules", name]);
    let output = within(INSTALL_WITHIN, "tests/fixtures/install", install.output())
        .await
        .expect("cannot run tests/fixtures/install");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}
