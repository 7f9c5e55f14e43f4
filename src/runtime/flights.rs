//! One flight for each account, or whatever else is seen to: whoever wants the same joins.

use std::collections::HashMap;
use std::error::Error;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::lock;

/// What is under way, each in a task of its own, and how far each is.
pub(super) struct Flights<K: Key, S: State = ()> {
    running: Running<K, S>,
    tasks: Mutex<JoinSet<()>>,
}

/// What a flight is known by.
pub(super) trait Key: Copy + Eq + Hash + Send + 'static {}

impl<T: Copy + Eq + Hash + Send + 'static> Key for T {}

/// How far a flight is.
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

/// The end of a flight.
#[derive(Clone)]
pub(super) struct Landed(watch::Receiver<()>);

impl Landed {
    /// Completes when the flight has ended, however it did.
    pub(super) async fn wait(mut self) {
        // Nothing is ever sent: the sender goes with the flight.
        while self.0.changed().await.is_ok() {}
    }
}

/// Goes with a flight, also when it panics.
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
    /// The flight of this key that is under way, or a new one.
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

    /// Starts a flight, for callers to join, unless there is one of this key; whether it did.
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

    /// Returns the keys of those that are this far.
    pub(super) fn running(&self, is_so_far: impl Fn(&S) -> bool) -> Vec<K> {
        let running = lock(&self.running);
        let keys = running.iter().filter(|(_, (_, state))| is_so_far(state));
        keys.map(|(key, _)| *key).collect()
    }

    /// Reads or changes how far a flight is. Returns `None` if there is no such flight.
    pub(super) fn with_state<T>(&self, key: K, change: impl FnOnce(&mut S) -> T) -> Option<T> {
        let mut running = lock(&self.running);
        running.get_mut(&key).map(|(_, state)| change(state))
    }

    /// Waits for all flights.
    pub(super) async fn finish(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            while let Some(landed) = tasks.join_next().await {
                told(landed);
            }
        }
    }

    fn spawn(&self, flight: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while let Some(landed) = tasks.try_join_next() {
            told(landed);
        }
        // Whoever is first to want it finds it in their own trace, and its lines under their request's id.
        tasks.spawn(flight.in_current_span());
    }
}

/// Whoever was seen to by a task that panicked is due again when the lease lapses.
fn told(landed: Result<(), JoinError>) {
    if let Err(error) = landed {
        tracing::error!(error = &error as &dyn Error, "a task ended too early");
    }
}
