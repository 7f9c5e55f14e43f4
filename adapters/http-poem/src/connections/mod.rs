//! Limits connections in number and in how long they may be silent.
//!
//! A connection is closed when a request does not arrive within [`REQUEST`], when no request begins within [`IDLE`], or
//! when the client does not read its response for [`ANSWER`]. When all places are taken, a new connection evicts the
//! one that has been silent for longest; a connection whose request is being processed, or has arrived, is never evicted.
//! The server speaks HTTP/1.1 only: over HTTP/2 one connection could start any number of requests.

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
/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(75);
/// How long the client may take to read the next part of its response.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an evicted connection may take to close before another one is evicted.
const EVICT_AGAIN: Duration = Duration::from_millis(50);

/// Marks that a request has arrived and is being processed, until the returned value is dropped. `None` if it did not come
/// over a [connection](Accepted) of this server.
pub(crate) fn handling(request: &Request) -> Option<Handling> {
    let connection = request.data::<Arc<Connection>>()?;
    Some(Handling::begin(Arc::clone(connection)))
}

/// The open connections of a listener.
#[derive(Debug)]
struct Registry {
    places: Arc<Semaphore>,
    /// By their numbers, because peers may connect from one address to several listeners.
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

impl Registry {
    fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
            open: Mutex::default(),
        }
    }

    /// Waits for a place. If there is none, evicts the connection that has been silent for longest; again and again, because
    /// all connections may be busy at first.
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

    /// Closes the connection that has been silent for longest, if there is one.
    fn evict(&self) {
        let open = lock(&self.open);
        let waited_for = open.values().filter(|one| one.is_waited_for());
        let longest = waited_for.min_by_key(|one| one.since());
        if let Some(longest) = longest {
            longest.evict();
        }
    }
}

/// The place of an open connection.
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
