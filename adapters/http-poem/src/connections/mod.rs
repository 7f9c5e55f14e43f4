//! Limits the number of connections, and how long each may be silent.
//!
//! A connection is closed if a request does not arrive within [`REQUEST`], if no request begins within [`IDLE`], or if
//! the client does not read its response for [`ANSWER`]. At the maximum number of connections, a new connection evicts
//! the one that has been silent for longest. A connection whose request has arrived or is being processed is never
//! evicted. The server speaks HTTP/1.1 only: over HTTP/2, one connection could start any number of requests.

mod acceptor;
mod connection;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::lock::lock;
use poem::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub(crate) use acceptor::{Accepted, GuardedAcceptor};
pub(crate) use connection::Connection;
use connection::Handling;

/// How long a request may take to arrive, its body included.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may be idle between two requests. This is longer than load balancers keep idle connections
/// (600 s at Google Cloud), because a request that is sent while the service closes its connection fails.
const IDLE: Duration = Duration::from_secs(620);
/// How long the client may take to read the next part of its response.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an evicted connection may take to close before another one is evicted.
const EVICT_AGAIN: Duration = Duration::from_millis(50);

/// Marks that a request has arrived and is being processed, until the returned value is dropped. Returns `None` if the
/// request did not come over a [connection](Accepted) of this server.
pub(crate) fn handling(request: &Request) -> Option<Handling> {
    let connection = request.data::<Arc<Connection>>()?;
    Some(Handling::begin(Arc::clone(connection)))
}

/// The open connections of a listener.
#[derive(Debug)]
struct Registry {
    places: Arc<Semaphore>,
    /// The connections by number. The client's address is not a unique key, because a client may connect from one
    /// address and port to several addresses of this machine.
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

impl Registry {
    fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
            open: Mutex::default(),
        }
    }

    /// Waits until another connection is allowed. Evicts the connection that has been silent for longest, and tries
    /// again until one can be evicted, because all connections may be busy at first.
    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return place;
        }
        loop {
            self.evict();
            let place = timeout(EVICT_AGAIN, Arc::clone(&self.places).acquire_owned());
            if let Ok(Ok(place)) = place.await {
                return place;
            }
        }
    }

    /// Evicts the connection that has waited for its client for longest, if there is one.
    fn evict(&self) {
        let open = lock(&self.open);
        let waited_for = open.values().filter(|one| one.is_waited_for());
        let longest = waited_for.min_by_key(|one| one.since());
        if let Some(longest) = longest {
            longest.evict();
        }
    }
}

/// The place of an open connection. Dropping it allows another connection.
struct Place {
    registry: Arc<Registry>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.registry.open).remove(&self.number);
    }
}
