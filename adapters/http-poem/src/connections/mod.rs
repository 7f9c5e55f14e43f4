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
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::Addr;
use poem::listener::Acceptor;
use poem::web::LocalAddr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use acceptor::GuardedAcceptor;
use connection::{Connection, Handling};
pub use stream::GuardedStream;

/// How long a request may take to arrive, its body included.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(75);
/// How long the client may take to read the next part of its response.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an evicted connection may take to close before another one is evicted.
const EVICT_AGAIN: Duration = Duration::from_millis(50);

/// The open connections of a listener.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Registry>);

#[derive(Debug)]
struct Registry {
    places: Arc<Semaphore>,
    /// By their numbers, because peers may connect from one address to several listeners.
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

impl Connections {
    /// Allows `most` connections at a time, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Registry {
            places: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
            open: Mutex::default(),
        }))
    }

    /// Limits the connections of an acceptor.
    #[must_use]
    pub fn guard<A: Acceptor>(&self, acceptor: A) -> GuardedAcceptor<A> {
        GuardedAcceptor::new(acceptor, self.clone())
    }

    /// Marks that a request has arrived and is being processed, until the returned value is dropped.
    pub(crate) fn handling(&self, over: &LocalAddr) -> Option<Handling> {
        let connection = self.0.open().get(&number_of(over)?).cloned()?;
        Some(Handling::begin(connection))
    }
}

impl Registry {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. Retries the eviction, because all connections may be busy at first.
    async fn make_room(&self, places: Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
        loop {
            self.evict();
            let place = timeout(EVICT_AGAIN, Arc::clone(&places).acquire_owned());
            if let Ok(place) = place.await {
                return place.map_err(io::Error::other);
            }
        }
    }

    /// Closes the connection that has been silent for longest, if there is one.
    fn evict(&self) {
        let open = self.open();
        let waited_for = open.values().filter(|one| one.is_waited_for());
        let longest = waited_for.min_by_key(|one| one.since());
        if let Some(longest) = longest {
            longest.evict();
        }
    }
}

/// The prefix of the local address of a numbered connection.
const NUMBER: &str = "connection";

/// Passes the number of a connection on to its requests, as their local address.
fn numbered(number: u64) -> LocalAddr {
    LocalAddr(Addr::custom(NUMBER, number.to_string()))
}

fn number_of(address: &LocalAddr) -> Option<u64> {
    match &address.0 {
        Addr::Custom(NUMBER, number) => number.parse().ok(),
        _ => None,
    }
}
