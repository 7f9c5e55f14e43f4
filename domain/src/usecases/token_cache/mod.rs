//! Remembers for half a second what keys open, so that most requests for a token ask no database.
//!
//! Every remembered answer is confirmed by a read of the database that began at most [`SERVED_FOR`] ago. What is not
//! confirmed is read again. Whoever deletes a key or an account waits longer than that before the deletion is
//! acknowledged (see [`withdrawal`](super::withdrawal)), so no replica serves a token after it. Times are taken from
//! [`Clock::uptime`], which nobody sets and which counts the time that the machine was suspended.

mod memory;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::memory::{Memory, ReadId};
use crate::grant::AccountId;
use crate::ports::{Clock, OpenedKey, ReadStore, StoreError};
use crate::secret::KeyedHash;

/// How long an answer is served after the read that confirms it has begun.
pub(super) const SERVED_FOR: Duration = Duration::from_millis(500);
/// Once an answer is this old, the next request for it confirms all answers.
const CONFIRMED_AFTER: Duration = Duration::from_millis(250);
/// Answers that nobody has asked for in this time are forgotten.
const KEPT_UNUSED: Duration = Duration::from_secs(1);

/// What keys open, as the store has said it recently. It holds sealed tokens and hashes of keys, nothing in plain text.
pub struct TokenCache {
    store: Arc<dyn ReadStore>,
    clock: Arc<dyn Clock>,
    /// `None` if nothing is remembered.
    memory: Option<Mutex<Memory>>,
}

impl TokenCache {
    /// Creates an empty cache.
    #[must_use]
    pub fn new(store: Arc<dyn ReadStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            memory: Some(Mutex::default()),
        }
    }

    /// Creates one that remembers nothing and asks the store each time.
    #[must_use]
    pub fn off(store: Arc<dyn ReadStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            memory: None,
        }
    }

    /// Returns the key with this hash and what it opens.
    pub(super) async fn open_key(
        &self,
        key: &KeyedHash,
    ) -> Result<Option<Arc<OpenedKey>>, StoreError> {
        let Some(memory) = &self.memory else {
            return Ok(self.store.open_key(key).await?.map(Arc::new));
        };
        let mut recalled = lock(memory).recall(key, &*self.clock);
        if recalled.as_ref().is_some_and(|(_, is_ageing)| *is_ageing)
            && let Some(confirming) = Confirming::begin(memory)
        {
            self.confirm(memory).await;
            drop(confirming);
            // The confirmation may have failed, or have taken long.
            recalled = lock(memory).recall(key, &*self.clock);
        }
        match recalled {
            Some((opened, _)) => Ok(Some(opened)),
            None => self.read(memory, key).await,
        }
    }

    /// Forgets what is known of an account, because this process has changed it.
    pub(super) fn forget(&self, account: AccountId) {
        if let Some(memory) = &self.memory {
            lock(memory).forget(account);
        }
    }

    /// Forgets answers that nobody asks for any more.
    pub(super) fn forget_unused(&self) {
        if let Some(memory) = &self.memory {
            lock(memory).forget_unused(self.clock.uptime());
        }
    }

    async fn read(
        &self,
        memory: &Mutex<Memory>,
        key: &KeyedHash,
    ) -> Result<Option<Arc<OpenedKey>>, StoreError> {
        let reading = Reading::begin(memory);
        let began = self.clock.uptime();
        let opened = self.store.open_key(key).await?.map(Arc::new);
        lock(memory).keep(reading.id, *key, opened.as_ref(), began);
        Ok(opened)
    }

    /// Confirms all answers that are in use with one question. The caller does it for everybody, and the others are served
    /// meanwhile; so there is no task that asks on when nobody needs an answer.
    async fn confirm(&self, memory: &Mutex<Memory>) {
        let began = self.clock.uptime();
        let answers = lock(memory).in_use(began);
        let seen: Vec<_> = answers
            .iter()
            .map(|answer| (answer.id, answer.version.clone()))
            .collect();
        match self.store.changed(&seen).await {
            Ok(changed) => lock(memory).confirm(&answers, &changed, began),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "remembered tokens are not confirmed");
            }
        }
    }
}

/// A read that is under way; what is forgotten meanwhile is not remembered afterwards.
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

/// A confirmation that is under way. If its caller goes away, the next one confirms.
struct Confirming<'a>(&'a Mutex<Memory>);

impl<'a> Confirming<'a> {
    /// `None` while another caller confirms.
    fn begin(memory: &'a Mutex<Memory>) -> Option<Self> {
        let is_first = lock(memory).begin_confirmation();
        is_first.then_some(Self(memory))
    }
}

impl Drop for Confirming<'_> {
    fn drop(&mut self) {
        lock(self.0).end_confirmation();
    }
}

/// What a panic left in the middle is forgotten or confirmed like everything else.
fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
