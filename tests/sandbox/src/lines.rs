//! Connections that tests can cut, and whose end is recorded.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::watch::Watch;

/// One connection.
pub(crate) struct Line {
    /// The number of the connection, in the order of opening, from 1.
    pub(crate) number: u64,
    is_cut: AtomicBool,
    has_ended: AtomicBool,
}

impl Line {
    /// Blocks further output; the next write ends the connection.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// Whether the client has disconnected, so that nothing reaches it.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }
}

/// All open connections by client address.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Open>);

#[derive(Default)]
struct Open {
    lines: HashMap<SocketAddr, Arc<Line>>,
    count: u64,
}

impl Lines {
    /// Returns the connection from an address.
    pub(crate) fn of(&self, remote: &RemoteAddr) -> Option<Arc<Line>> {
        self.from(remote.as_socket_addr()?)
    }

    /// Returns the connection from a socket address.
    pub(crate) fn from(&self, remote: &SocketAddr) -> Option<Arc<Line>> {
        self.lock().lines.get(remote).cloned()
    }

    fn open(&self, from: SocketAddr) -> Arc<Line> {
        let mut open = self.lock();
        open.count += 1;
        let line = Arc::new(Line {
            number: open.count,
            is_cut: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        open.lines.insert(from, Arc::clone(&line));
        line
    }

    fn close(&self, from: SocketAddr, number: u64) {
        let mut open = self.lock();
        // Another connection may have the same address by now.
        if open
            .lines
            .get(&from)
            .is_some_and(|line| line.number == number)
        {
            open.lines.remove(&from);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener that registers its connections in [`Lines`].
pub(crate) struct Watched {
    acceptor: TcpAcceptor,
    watch: Arc<Watch>,
}

impl Watched {
    pub(crate) fn new(acceptor: TcpAcceptor, watch: Arc<Watch>) -> Self {
        Self { acceptor, watch }
    }
}

impl Acceptor for Watched {
    type Io = Stream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Stream, LocalAddr, RemoteAddr, Scheme)> {
        let (inner, local, remote, scheme) = self.acceptor.accept().await?;
        let from = inner.peer_addr()?;
        let stream = Stream {
            inner,
            from,
            line: self.watch.lines.open(from),
            watch: Arc::clone(&self.watch),
        };
        Ok((stream, local, remote, scheme))
    }
}

/// A connection that fails once it is cut.
pub(crate) struct Stream {
    inner: TcpStream,
    from: SocketAddr,
    line: Arc<Line>,
    watch: Arc<Watch>,
}

impl Stream {
    fn end(&self) {
        if !self.line.has_ended.swap(true, Ordering::SeqCst) {
            self.watch
                .ledger()
                .closed(self.line.number, self.watch.now());
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watch.lines.close(self.from, self.line.number);
        self.end();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        // The server drops the stream only after the request in progress. Checking reads notices a client that
        // disconnects earlier.
        let is_over = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.end();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_cut.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
