//! A proxy between several replicas and the sandbox. It knows which replica opened each connection.
//!
//! All replicas use the same provider address, because a grant belongs to one address. A replica in a network namespace
//! reaches this address on its own loopback, through our listener inside.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How often a connection that the sandbox is about to accept is looked up.
const LOOKS: usize = 2000;
const PAUSE: Duration = Duration::from_millis(1);

/// The process of each connection, by the connection's number in the ledger.
pub(super) type Callers = Arc<Mutex<HashMap<u64, usize>>>;

/// The proxy of a sandbox.
#[derive(Clone)]
pub(super) struct Front {
    sandbox: Arc<Sandbox>,
    inner: SocketAddr,
    callers: Callers,
}

/// The possible clients of a listener.
#[derive(Clone)]
pub(super) enum Neighbours {
    /// One process alone.
    One(usize),
    /// Any of these replicas, each with the id of its current process.
    Any(Vec<(usize, Arc<AtomicU32>)>),
}

impl Front {
    pub(super) fn new(sandbox: &Arc<Sandbox>) -> Self {
        let inner = sandbox.base_url().trim_start_matches("http://");
        Self {
            sandbox: Arc::clone(sandbox),
            inner: inner.parse().expect("the sandbox has an address"),
            callers: Callers::default(),
        }
    }

    pub(super) fn caller(&self, connection: u64) -> Option<usize> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.get(&connection).copied()
    }

    /// Forwards all connections of a listener, for ever.
    pub(super) async fn serve(self, listener: TcpListener, neighbours: Neighbours) {
        let mut open = JoinSet::new();
        loop {
            let accepted = listener.accept().await;
            let (stream, peer) = accepted.expect("the front cannot accept");
            while open.try_join_next().is_some() {}
            // Looked up at once, while the client is certainly connected.
            let caller = neighbours.find(peer, listener.local_addr().ok());
            let front = self.clone();
            open.spawn(async move {
                // A failed connection is closed, which is all that clients see.
                let _ = front.pass_on(stream, caller).await;
            });
        }
    }

    async fn pass_on(&self, mut outer: TcpStream, caller: Option<usize>) -> io::Result<()> {
        let mut inner = TcpStream::connect(self.inner).await?;
        outer.set_nodelay(true)?;
        inner.set_nodelay(true)?;
        self.note(inner.local_addr()?, caller).await;
        let (mut from_outer, mut to_outer) = outer.split();
        let (mut from_inner, mut to_inner) = inner.split();
        // When one end disconnects, the other one is closed at once.
        tokio::select! {
            ended = pass_requests(&mut from_outer, &mut to_inner) => ended,
            ended = copy(&mut from_inner, &mut to_outer) => ended.map(drop),
        }
    }

    /// Records which process opened a connection, before anything is forwarded.
    async fn note(&self, address: SocketAddr, caller: Option<usize>) {
        let Some(caller) = caller else {
            return;
        };
        for _ in 0..LOOKS {
            if let Some(connection) = self.sandbox.connection_from(address) {
                let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
                callers.insert(connection, caller);
                return;
            }
            sleep(PAUSE).await;
        }
        panic!("the sandbox accepts nothing");
    }
}

/// Forwards requests, except those of clients that have disconnected: on a busy machine they would arrive late, even
/// after the next attempt with the same refresh token, and could not be told apart.
async fn pass_requests(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let ended = from.peek(&mut [0]).now_or_never();
        if length == 0 || matches!(ended, Some(Ok(0) | Err(_))) {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}

impl Neighbours {
    fn find(&self, peer: SocketAddr, local: Option<SocketAddr>) -> Option<usize> {
        match self {
            Self::One(process) => Some(*process),
            Self::Any(processes) => {
                let socket = socket(peer, local?)?;
                let owns = |id: u32| {
                    let open = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten();
                    let mut open = open
                        .flatten()
                        .filter_map(|file| fs::read_link(file.path()).ok());
                    open.any(|file| file.as_os_str() == socket.as_str())
                };
                let found = processes.iter();
                let found = found.map(|(process, id)| (*process, id.load(Ordering::SeqCst)));
                found
                    .filter(|(_, id)| owns(*id))
                    .map(|found| found.0)
                    .next()
            }
        }
    }
}

/// Returns the kernel's name of the client's socket, as in its owner's list of files.
fn socket(peer: SocketAddr, local: SocketAddr) -> Option<String> {
    let (peer, local) = (in_hex(peer)?, in_hex(local)?);
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut rows = table
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&&*peer) && row.get(2) == Some(&&*local))?;
    Some(format!("socket:[{}]", row.get(9)?))
}

fn in_hex(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let host = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{host:08X}:{:04X}", address.port()))
}

/// Returns a free port on the loopback, and a listener on it.
pub(super) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("there is no free port");
    let port = listener.local_addr().map(|address| address.port());
    (listener, port.expect("a listener has a port"))
}
