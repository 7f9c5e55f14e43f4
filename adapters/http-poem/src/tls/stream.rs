use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{Accept, server};

/// A connection that begins with a TLS handshake.
pub struct TlsStream<Io>(State<Io>);

enum State<Io> {
    Handshaking(Box<Accept<Io>>),
    Open(Box<server::TlsStream<Io>>),
    Failed,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> TlsStream<Io> {
    pub(super) fn new(handshake: Accept<Io>) -> Self {
        Self(State::Handshaking(Box::new(handshake)))
    }

    fn poll_open(
        &mut self,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut server::TlsStream<Io>>>> {
        if let State::Handshaking(handshake) = &mut self.0 {
            match ready!(Pin::new(handshake).poll(task)) {
                Ok(open) => self.0 = State::Open(Box::new(open)),
                Err(error) => {
                    self.0 = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match &mut self.0 {
            State::Open(open) => Ok(Pin::new(&mut **open)),
            State::Handshaking(_) | State::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(task))?.poll_read(task, buffer)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(task))?.poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(task))?.poll_write_vectored(task, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing before the end of the handshake, because no data has been written yet.
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Open(open) => Pin::new(&mut **open).poll_flush(task),
            State::Handshaking(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }

    /// Does nothing before the end of the handshake. An unfinished handshake ends when the connection is closed.
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Open(open) => Pin::new(&mut **open).poll_shutdown(task),
            State::Handshaking(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }
}
