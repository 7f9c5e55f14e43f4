//! How many exchanges with one provider may be under way at once, so that one that is down holds up no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use central_oauth_domain::grant::ProviderName;
use tokio::sync::Semaphore;

use super::lock;

/// The places at each provider.
pub(super) struct Places {
    most: usize,
    by_provider: Mutex<HashMap<ProviderName, Arc<Semaphore>>>,
}

impl Places {
    /// So many places at each provider.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            by_provider: Mutex::default(),
        }
    }

    /// The places at this provider.
    pub(super) fn at(&self, provider: &ProviderName) -> Arc<Semaphore> {
        let mut places = lock(&self.by_provider);
        let places = places.entry(provider.clone());
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(self.most))))
    }

    /// The providers that have no free place, and how much may be claimed at the others: what is claimed starts at
    /// once, so that no lease runs out in a queue.
    pub(super) fn room(&self) -> (Vec<ProviderName>, u64) {
        let (mut busy, mut room) = (Vec::new(), self.most);
        for (name, places) in lock(&self.by_provider).iter() {
            match places.available_permits() {
                0 => busy.push(name.clone()),
                free => room = room.min(free),
            }
        }
        (busy, u64::try_from(room).unwrap_or(u64::MAX))
    }
}
