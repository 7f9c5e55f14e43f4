//! The byte stream of a limited connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::{Connection, Phase};
use super::{ANSWER, Place};

/// The beginning of an interim response that asks for the body (RFC 9110 section 15.2.1). The client then sends the
/// rest of the request.
const CONTINUE: &[u8] = b"HTTP/1.1 100 ";

/// How long an evicted connection stays open after it received bytes, because the rest of a request may follow.
const SPARED: Duration = Duration::from_millis(20);

/// A connection that fails when the client is silent for too long.
pub(crate) struct GuardedStream<Io> {
    io: Io,
    connection: Arc<Connection>,
    timer: Pin<Box<Sleep>>,
    /// When the client stopped reading the sent data.
    stuck_since: Option<Instant>,
    arrived_at: Option<Instant>,
    /// When the delay [`SPARED`] of an evicted connection began.
    spared_since: Option<Instant>,
    /// Dropped after `io`, because the file descriptor must be closed before another connection is allowed.
    _place: Place,
}

impl<Io> GuardedStream<Io> {
    pub(super) fn new(io: Io, connection: Arc<Connection>, place: Place) -> Self {
        let deadline = connection.deadline().unwrap_or_else(Instant::now);
        Self {
            io,
            connection,
            timer: Box::pin(sleep_until(deadline)),
            stuck_since: None,
            arrived_at: None,
            spared_since: None,
            _place: place,
        }
    }

    /// Fails once `deadline` has passed. The timer is reset only if it fires too early or would fire too late.
    fn poll_deadline(&mut self, deadline: Instant, task: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            if self.timer.deadline() > deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(task));
            if Instant::now() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Fails if the connection is evicted. If bytes have arrived, now or in an earlier poll, fails only [`SPARED`]
    /// later, because the rest of a request may follow.
    fn poll_evicted(&mut self, has_arrived: bool, task: &mut Context<'_>) -> Poll<io::Error> {
        if has_arrived {
            self.arrived_at = Some(Instant::now());
        }
        self.connection.wake_on_eviction(task.waker());
        if !self.connection.has_to_go() {
            self.spared_since = None;
            return Poll::Pending;
        }
        if self.spared_since.is_none() {
            self.spared_since = self.arrived_at;
        }
        match self.spared_since {
            Some(since) => self.poll_deadline(since + SPARED, task),
            None => Poll::Ready(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Fails if the client has read nothing for [`ANSWER`], or if the connection is evicted while it waits for the
    /// client.
    fn poll_taken<T>(
        &mut self,
        taken: Poll<io::Result<T>>,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if taken.is_pending() {
            self.connection.wake_on_eviction(task.waker());
            if self.connection.has_to_go() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            let since = *self.stuck_since.get_or_insert_with(Instant::now);
            return self.poll_deadline(since + ANSWER, task).map(Err);
        }
        self.stuck_since = None;
        taken
    }

    /// Handles the result of a write, like `poll_taken`. After the request was processed, each write restarts the idle
    /// time, because the client is still reading the response. An interim response does not restart it.
    fn poll_written(
        &mut self,
        bytes: &[u8],
        written: Poll<io::Result<usize>>,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll_taken(written, task));
        if self.connection.phase() != Phase::Work && !bytes.starts_with(CONTINUE) {
            self.connection.enter(Phase::Idle);
        }
        Poll::Ready(written)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for GuardedStream<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(task, buffer);
        if let Poll::Ready(error) = this.poll_evicted(read.is_ready(), task) {
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(read) = read {
            read?;
            if this.connection.phase() == Phase::Idle && buffer.filled().len() > before {
                this.connection.enter(Phase::Request);
            }
            return Poll::Ready(Ok(()));
        }
        match this.connection.deadline() {
            Some(deadline) => this.poll_deadline(deadline, task).map(Err),
            None => Poll::Pending,
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for GuardedStream<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(task, bytes);
        self.poll_written(bytes, written, task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(task, bytes);
        let first = bytes.first().map_or(&[][..], |bytes| bytes);
        self.poll_written(first, written, task)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A stream such as TLS has a buffer of its own, so a flush may wait for the client as a write does.
        let flushed = Pin::new(&mut self.io).poll_flush(task);
        self.poll_taken(flushed, task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS sends a close alert, so a shutdown may wait for the client as a write does.
        let shut = Pin::new(&mut self.io).poll_shutdown(task);
        self.poll_taken(shut, task)
    }
}
