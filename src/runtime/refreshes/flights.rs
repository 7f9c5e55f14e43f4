//! One flight for each account: whoever wants the same joins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use central_oauth_domain::grant::AccountId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::runtime::lock;

/// The refreshes that are under way, each in a task of its own.
#[derive(Default)]
pub(super) struct Flights {
    running: Arc<Mutex<HashMap<AccountId, Landed>>>,
    tasks: Mutex<JoinSet<()>>,
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
struct Landing {
    account: AccountId,
    running: Arc<Mutex<HashMap<AccountId, Landed>>>,
    _until: watch::Sender<()>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.account);
    }
}

impl Flights {
    /// The flight of this account that is under way, or a new one.
    pub(super) fn join<F>(&self, account: AccountId, flight: impl FnOnce() -> F) -> Landed
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = lock(&self.running);
        if let Some(landed) = running.get(&account) {
            return landed.clone();
        }
        let (sender, receiver) = watch::channel(());
        let landed = Landed(receiver);
        running.insert(account, landed.clone());
        drop(running);
        let landing = Landing {
            account,
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

    /// Starts a flight in any case, for callers to join if there is none of this account: it has the lease.
    pub(super) fn start<F>(&self, account: AccountId, flight: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut flight = Some(flight);
        let join = || {
            let flight = flight.take();
            async move {
                if let Some(flight) = flight {
                    flight.await;
                }
            }
        };
        self.join(account, join);
        if let Some(flight) = flight {
            self.spawn(flight);
        }
    }

    /// Waits for all flights.
    pub(super) async fn finish(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            while tasks.join_next().await.is_some() {}
        }
    }

    fn spawn(&self, flight: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(flight);
    }
}
