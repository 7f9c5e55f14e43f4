//! Ports, logs and time limits.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Returns a port without a listener, reserved for this process until it ends. It is below the range that the kernel
/// assigns by itself, so it stays free until a server takes it, and during a restart.
///
/// # Panics If no port is free.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u64 = 12_000;
    static CLAIMED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let (port, claim) = (0..200)
        .filter_map(|_| u16::try_from(random() % COUNT).ok())
        .map(|offset| FIRST + offset)
        .find_map(|port| Some((port, claim(port)?)))
        .expect("there is no free port");
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    claimed.push(claim);
    port
}

/// Reserves a port across processes, whether or not a server listens on it: binds the same number for UDP, which no
/// server here uses.
fn claim(port: u16) -> Option<UdpSocket> {
    let claim = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    is_free.then_some(claim)
}

/// Returns a random number. The keys of hash maps are the only source of randomness in the standard library.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Whether a server accepts connections on this port of loopback.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Repeats the check until it succeeds. Returns false if the time limit has passed.
pub(crate) fn wait_until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process has ended, even if its parent has not waited for it yet.
pub(crate) fn has_ended(id: u32) -> bool {
    match fs::read_to_string(format!("/proc/{id}/stat")) {
        // The name of its program is in parentheses and may contain anything; the state follows.
        Ok(stat) => stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    }
}

/// Returns a server's output so far.
pub(crate) fn read_log(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
