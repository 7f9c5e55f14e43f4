//! Accepts connections, with a limit on their number.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::lock::lock;
use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::time::sleep;

use super::connection::Connection;
use super::stream::GuardedStream;
use super::{Place, Registry};

/// The pause after an error. If no file descriptor is left, an immediate retry would fail too.
const PAUSE: Duration = Duration::from_millis(100);

/// An acceptor with limits on its connections.
pub(crate) struct GuardedAcceptor<A> {
    inner: A,
    registry: Arc<Registry>,
    next_number: u64,
}

/// A new connection. Its requests carry `connection` as [data](poem::Request::set_data).
pub(crate) struct Accepted<Io> {
    pub(crate) stream: GuardedStream<Io>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) ends: (LocalAddr, RemoteAddr, Scheme),
}

impl<A: Acceptor> GuardedAcceptor<A> {
    /// Allows `most` connections at a time, but at least one.
    pub(crate) fn new(inner: A, most: usize) -> Self {
        Self {
            inner,
            registry: Arc::new(Registry::new(most)),
            next_number: 0,
        }
    }

    /// Returns the next connection. Retries after an error.
    pub(crate) async fn accept(&mut self) -> Accepted<A::Io> {
        loop {
            match self.inner.accept().await {
                Ok((io, local, remote, scheme)) => {
                    let connection = Arc::new(Connection::new());
                    let place = self.place(&connection).await;
                    let stream = GuardedStream::new(io, Arc::clone(&connection), place);
                    return Accepted {
                        stream,
                        connection,
                        ends: (local, remote, scheme),
                    };
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn place(&mut self, connection: &Arc<Connection>) -> Place {
        let registry = Arc::clone(&self.registry);
        let permit = registry.place().await;
        let number = self.next_number;
        self.next_number += 1;
        lock(&registry.open).insert(number, Arc::clone(connection));
        Place {
            registry,
            number,
            _permit: permit,
        }
    }
}
