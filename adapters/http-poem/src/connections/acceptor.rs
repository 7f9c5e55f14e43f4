//! Accepts connections while there are free places.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::connection::Connection;
use super::stream::GuardedStream;
use super::{Connections, numbered};

/// The pause after an error: when no descriptor is left, the next try fails at once, too.
const PAUSE: Duration = Duration::from_millis(100);

/// An acceptor with limits on its connections.
pub struct GuardedAcceptor<A> {
    inner: A,
    connections: Connections,
    next_number: u64,
}

/// The place of an open connection.
pub(super) struct Place {
    connections: Connections,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl<A: Acceptor> GuardedAcceptor<A> {
    pub(super) const fn new(inner: A, connections: Connections) -> Self {
        Self {
            inner,
            connections,
            next_number: 0,
        }
    }
}

impl Place {
    /// Waits for a place. If necessary, evicts the connection that has been silent for longest.
    async fn take(
        connections: Connections,
        number: u64,
        connection: &Arc<Connection>,
    ) -> io::Result<Self> {
        let places = Arc::clone(&connections.0.places);
        let permit = if let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
            permit
        } else {
            connections.0.make_room(places).await?
        };
        let opened = Arc::clone(connection);
        connections.0.open().insert(number, opened);
        Ok(Self {
            connections,
            number,
            _permit: permit,
        })
    }
}

impl<A: Acceptor> Acceptor for GuardedAcceptor<A> {
    type Io = GuardedStream<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            match self.inner.accept().await {
                Ok((io, _, remote, scheme)) => {
                    let connection = Arc::new(Connection::new());
                    let connections = self.connections.clone();
                    let number = self.next_number;
                    self.next_number += 1;
                    let place = Place::take(connections, number, &connection).await?;
                    let stream = GuardedStream::new(io, connection, place);
                    let local = numbered(number);
                    return Ok((stream, local, remote, scheme));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.0.open().remove(&self.number);
    }
}
