//! Shared background tasks, called flights: one per key, such as an account id. Callers with the same key share a
//! flight.

use std::collections::HashMap;
use std::error::Error;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use central_oauth_domain::lock::lock;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

/// The flights in progress, each in its own task, and their states.
pub(super) struct Flights<K: Key, S: State = ()> {
    running: Running<K, S>,
    tasks: Mutex<JoinSet<()>>,
}

pub(super) trait Key: Copy + Eq + Hash + Send + 'static {}

impl<T: Copy + Eq + Hash + Send + 'static> Key for T {}

pub(super) trait State: Default + Send + 'static {}

impl<T: Default + Send + 'static> State for T {}

type Running<K, S> = Arc<Mutex<HashMap<K, (Landed, S)>>>;

impl<K: Key, S: State> Default for Flights<K, S> {
    fn default() -> Self {
        Self {
            running: Running::default(),
            tasks: Mutex::default(),
        }
    }
}

/// A handle for waiting until a flight has ended.
#[derive(Clone)]
pub(super) struct Landed(watch::Receiver<()>);

impl Landed {
    /// Completes when the flight has ended, also by a panic.
    pub(super) async fn wait(mut self) {
        // Nothing is ever sent: the sender is dropped with the flight.
        while self.0.changed().await.is_ok() {}
    }
}

/// Removes its flight from `running` on drop, also when the flight panics.
struct Landing<K: Key, S: State> {
    key: K,
    running: Running<K, S>,
    _until: watch::Sender<()>,
}

impl<K: Key, S: State> Drop for Landing<K, S> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

impl<K: Key, S: State> Flights<K, S> {
    /// Joins the flight of this key, or starts one.
    pub(super) fn join<F>(&self, key: K, flight: impl FnOnce() -> F) -> Landed
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = lock(&self.running);
        if let Some((landed, _)) = running.get(&key) {
            return landed.clone();
        }
        let (sender, receiver) = watch::channel(());
        let landed = Landed(receiver);
        running.insert(key, (landed.clone(), S::default()));
        drop(running);
        let landing = Landing {
            key,
            running: Arc::clone(&self.running),
            _until: sender,
        };
        let flight = flight();
        self.spawn(async move {
            flight.await;
            drop(landing);
        });
        landed
    }

    /// Starts a flight, unless one with this key is in progress. Returns whether it started one.
    pub(super) fn start<F>(&self, key: K, flight: F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut started = false;
        self.join(key, || {
            started = true;
            flight
        });
        started
    }

    /// Returns the keys of the flights whose state satisfies the predicate.
    pub(super) fn running(&self, is_so_far: impl Fn(&S) -> bool) -> Vec<K> {
        let running = lock(&self.running);
        let keys = running.iter().filter(|(_, (_, state))| is_so_far(state));
        keys.map(|(key, _)| *key).collect()
    }

    /// Reads or changes the state of a flight. Returns `None` if there is no such flight.
    pub(super) fn with_state<T>(&self, key: K, change: impl FnOnce(&mut S) -> T) -> Option<T> {
        let mut running = lock(&self.running);
        running.get_mut(&key).map(|(_, state)| change(state))
    }

    pub(super) async fn finish(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            while let Some(landed) = tasks.join_next().await {
                log_panic(landed);
            }
        }
    }

    fn spawn(&self, flight: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while let Some(landed) = tasks.try_join_next() {
            log_panic(landed);
        }
        // The flight runs in the span of the first caller: its log lines have the request id of that caller.
        tasks.spawn(flight.in_current_span());
    }
}

/// Logs the panic of a task. The work of the task is due again when its lease expires.
fn log_panic(landed: Result<(), JoinError>) {
    if let Err(error) = landed {
        tracing::error!(error = &error as &dyn Error, "a task ended too early");
    }
}
