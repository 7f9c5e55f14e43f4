//! Servers leave nothing behind, however their owner ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use central_oauth_test_postgres::{Cluster, HaProxy, PgBouncer};
use tempfile::TempDir;

const OWNER: &str = "owns_servers_until_told_otherwise";

#[test]
fn all_is_gone_after_the_owner_is_killed() {
    let place = place();
    let (mut owner, left) = spawn_owner(place.path());
    assert!(left.iter().all(Left::is_there), "{left:?}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    expect_gone(&left, place.path());
}

#[test]
fn all_is_gone_after_the_owner_panicked() {
    let place = place();
    let (mut owner, left) = spawn_owner(place.path());
    drop(owner.stdin.take());
    assert!(!owner.wait().unwrap().success());
    expect_gone(&left, place.path());
}

#[test]
fn all_is_gone_once_the_handle_is() {
    let cluster = Cluster::start();
    let left = Left::of(&cluster, cluster.port());
    assert!(left.is_there());
    drop(cluster);
    assert!(!left.is_there());

    let cluster = Cluster::start();
    let left = Left::of(&cluster, cluster.port());
    cluster.kill();
    drop(cluster);
    assert!(!left.folder.exists());
}

/// The other tests start this function in a separate process, which owns servers.
#[test]
#[ignore = "not a test"]
fn owns_servers_until_told_otherwise() {
    let cluster = Cluster::shared();
    let bouncer = PgBouncer::start(cluster);
    let proxy = HaProxy::start(|port| format!("{HTTP}  bind 127.0.0.1:{port}\n"));
    let mut stdout = std::io::stdout();
    let ports = [cluster.port(), bouncer.port(), proxy.port()];
    let folder = cluster.ca_file().parent().unwrap().to_owned();
    writeln!(stdout, "\nleft {} {ports:?}", folder.display()).unwrap();
    stdout.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    panic!("as told");
}

const HTTP: &str = "defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend all
";

/// The folder and the port of a server, which must be gone after its owner has ended.
#[derive(Debug)]
struct Left {
    folder: PathBuf,
    port: u16,
}

impl Left {
    fn of(cluster: &Cluster, port: u16) -> Self {
        let folder = cluster.ca_file().parent().unwrap().to_owned();
        Self { folder, port }
    }

    fn is_there(&self) -> bool {
        self.folder.exists() && self.accepts()
    }

    fn accepts(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn is_gone(&self) -> bool {
        !self.folder.exists() && !self.accepts()
    }
}

/// Returns the folder in which an owner creates all its folders. Every account may search it.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    place
}

fn spawn_owner(place: &Path) -> (Child, Vec<Left>) {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", OWNER, "--nocapture"])
        .env("TMPDIR", place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| Some(line.unwrap().strip_prefix("left ")?.to_owned()));
    let line = line.expect("the owner starts its servers");
    let (folder, ports) = line.split_once(" [").unwrap();
    let ports = ports.trim_end_matches(']').split(", ");
    let left = ports.map(|port| Left {
        folder: folder.into(),
        port: port.parse().unwrap(),
    });
    let left = left.collect();
    (owner, left)
}

/// Waits until ports, folders and processes are gone.
fn expect_gone(left: &[Left], place: &Path) {
    let start = Instant::now();
    let is_empty = || fs::read_dir(place).unwrap().next().is_none();
    while !left.iter().all(Left::is_gone) || !is_empty() || !processes_in(place).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "{left:?}");
        sleep(Duration::from_millis(20));
    }
}

/// Returns the command lines that contain a folder.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.contains(folder)).collect()
}
