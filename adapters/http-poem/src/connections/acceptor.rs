//! Accepting connections while there are places for them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::connection::Connection;
use super::stream::GuardedStream;
use super::{Connections, socket};

/// The pause after an error: when no descriptor is left, the next try fails at once, too.
const PAUSE: Duration = Duration::from_millis(100);

/// An acceptor whose connections are guarded.
pub struct GuardedAcceptor<A> {
    inner: A,
    connections: Connections,
}

/// The place of an open connection.
pub(super) struct Place {
    connections: Connections,
    opened: Option<(SocketAddr, Arc<Connection>)>,
    _permit: OwnedSemaphorePermit,
}

impl<A: Acceptor> GuardedAcceptor<A> {
    pub(super) const fn new(inner: A, connections: Connections) -> Self {
        Self { inner, connections }
    }
}

impl Place {
    /// Waits for a place, which the connection that has been waited for longest gives up if need be.
    async fn take(
        connections: Connections,
        address: Option<SocketAddr>,
        connection: &Arc<Connection>,
    ) -> io::Result<Self> {
        let places = Arc::clone(&connections.0.places);
        let permit = if let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
            permit
        } else {
            connections.0.make_room(places).await?
        };
        let opened = address.map(|address| (address, Arc::clone(connection)));
        connections.0.open().extend(opened.clone());
        Ok(Self {
            connections,
            opened,
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
                Ok((io, local, remote, scheme)) => {
                    let connection = Arc::new(Connection::new());
                    let connections = self.connections.clone();
                    let place = Place::take(connections, socket(&remote), &connection).await?;
                    let stream = GuardedStream::new(io, connection, place);
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
        let Some((address, connection)) = &self.opened else {
            return;
        };
        let mut open = self.connections.0.open();
        // The same address may have connected again.
        if open
            .get(address)
            .is_some_and(|one| Arc::ptr_eq(one, connection))
        {
            open.remove(address);
        }
    }
}
