//! Ports, logs and time limits.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A port on which nothing listens, for this process alone until it ends. It comes from below the range that the kernel
/// hands out by itself, so it stays free until a server takes it, and while that restarts.
///
/// # Panics
///
/// When it finds none.
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

/// Keeps other tests from being given a port on which nobody listens yet, or nobody for the moment, or nobody ever. The
/// number is free for TCP all the same: UDP, which no server here speaks, counts its ports apart.
fn claim(port: u16) -> Option<UdpSocket> {
    let claim = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    is_free.then_some(claim)
}

/// The standard library's only source of randomness is the one for its hash maps.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Whether somebody accepts connections there.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Asks again and again until the answer is yes; no when that takes too long.
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

/// Whether a process has ended, also where its parent has not noticed yet.
pub(crate) fn has_ended(id: u32) -> bool {
    match fs::read_to_string(format!("/proc/{id}/stat")) {
        // The name of its program stands in brackets and may hold anything; the state follows.
        Ok(stat) => stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    }
}

/// What a server has written so far.
pub(crate) fn read_log(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
