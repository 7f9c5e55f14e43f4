//! Caches keys and the tokens of their accounts for half a second, so that most token requests need no query.
//!
//! The cache serves an entry only if a database read that began at most [`SERVED_FOR`] ago has confirmed it. The
//! runtime confirms entries every [`REVALIDATE_EVERY`]; an entry that is not confirmed in time is read again. The
//! deletion of a key or an account is acknowledged only after more than [`SERVED_FOR`] (see
//! [`withdrawal`](super::withdrawal)), so no replica serves a deleted token after the acknowledgement. Times are taken
//! from [`Clock::uptime`], which nobody can set and which goes on while the machine is suspended.

mod memory;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::memory::{Memory, ReadId};
use crate::grant::AccountId;
use crate::lock::lock;
use crate::ports::{Clock, OpenedKey, ReadStore, StoreError};
use crate::secret::KeyedHash;
use crate::vault::RowMacs;

/// How long an entry is served, counted from the start of the read that confirmed it.
pub(super) const SERVED_FOR: Duration = Duration::from_millis(500);
/// How often entries are confirmed.
pub(super) const REVALIDATE_EVERY: Duration = Duration::from_millis(200);
/// Maximum number of entries that one query confirms. More would keep a connection of the store busy for too long.
const REVALIDATED_AT_ONCE: usize = 1000;
/// Entries that nobody has requested for this long are removed.
const KEPT_UNUSED: Duration = Duration::from_secs(1);

/// Caches access keys that were read recently and whose MAC is valid, with the tokens of their accounts. Holds key
/// hashes and sealed tokens, no plaintext.
pub struct TokenCache {
    store: Arc<dyn ReadStore>,
    clock: Arc<dyn Clock>,
    macs: RowMacs,
    /// `None` if the cache is off.
    memory: Option<Mutex<Memory>>,
}

impl TokenCache {
    /// Creates an empty cache.
    #[must_use]
    pub fn new(store: Arc<dyn ReadStore>, clock: Arc<dyn Clock>, macs: RowMacs) -> Self {
        Self {
            store,
            clock,
            macs,
            memory: Some(Mutex::default()),
        }
    }

    /// Creates a cache that is off: each request reads the store.
    #[must_use]
    pub fn off(store: Arc<dyn ReadStore>, clock: Arc<dyn Clock>, macs: RowMacs) -> Self {
        let memory = None;
        Self {
            memory,
            ..Self::new(store, clock, macs)
        }
    }

    /// Returns the key with this hash and its tokens from the cache. Only keys with a valid MAC are cached.
    pub(super) fn get(&self, key: &KeyedHash) -> Option<Arc<OpenedKey>> {
        lock(self.memory.as_ref()?).get(key, &*self.clock)
    }

    /// Reads the key with this hash and its tokens from the store, and caches them if the key's MAC is valid.
    pub(super) async fn read(&self, key: &KeyedHash) -> Result<Option<Arc<OpenedKey>>, StoreError> {
        let Some(memory) = &self.memory else {
            return Ok(self.store.open_key(key).await?.map(Arc::new));
        };
        let reading = Reading::begin(memory);
        let began = self.clock.uptime();
        let opened = self.store.open_key(key).await?.map(Arc::new);
        let genuine = opened
            .as_ref()
            .filter(|opened| self.macs.is_genuine(&opened.holder));
        lock(memory).insert(reading.id, *key, genuine, began);
        Ok(opened)
    }

    /// Removes an account from the cache, because this process has changed it.
    pub(super) fn invalidate(&self, account: AccountId) {
        if let Some(memory) = &self.memory {
            lock(memory).invalidate(account);
        }
    }

    /// Confirms all entries that somebody has requested recently, and removes the others. No request waits for the
    /// confirmation: if it fails or takes too long, requests read the store.
    pub(super) async fn revalidate(&self) {
        let Some(memory) = &self.memory else { return };
        let entries = lock(memory).in_use(self.clock.uptime());
        for entries in entries.chunks(REVALIDATED_AT_ONCE) {
            let began = self.clock.uptime();
            let seen: Vec<_> = entries
                .iter()
                .map(|entry| (entry.id, entry.version.clone()))
                .collect();
            match self.store.changed(&seen).await {
                Ok(changed) => lock(memory).revalidate(entries, &changed, began),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "cached tokens could not be confirmed");
                    return;
                }
            }
        }
    }
}

/// A read in progress. Its result is not cached if the account was invalidated meanwhile.
struct Reading<'a> {
    memory: &'a Mutex<Memory>,
    id: ReadId,
}

impl<'a> Reading<'a> {
    fn begin(memory: &'a Mutex<Memory>) -> Self {
        let id = lock(memory).begin_read();
        Self { memory, id }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        lock(self.memory).end_read(self.id);
    }
}
