//! Records what happens, and shows the record to those who may read it.

mod list;
mod pending;
#[cfg(test)]
mod tests;
mod verify;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::pending::{Pending, Recorded};
use super::Caller;
use crate::audit::{
    Actor, AuditChain, AuditDraft, AuditEvent, AuditKind, AuditNetwork, AuditReference, KeptEntry,
    NetworkPrecision,
};
use crate::entropy::Entropy;
use crate::grant::{AccessKeyId, AccountId};
use crate::ports::{AuditStore, Clock, StoreError};
use crate::vault::Vault;

pub use list::{AuditPage, READERS_ONLY};
pub use verify::{Verified, VerifyError, export_audit, verify_audit};

/// What the operator decides about the audit log.
#[derive(Debug, Clone, Copy)]
pub struct AuditSettings {
    /// How much of an address is recorded.
    pub precision: NetworkPrecision,
    /// How long entries are kept.
    pub retention: Duration,
}

impl Default for AuditSettings {
    /// Networks, for a year.
    fn default() -> Self {
        Self {
            precision: NetworkPrecision::Cut,
            retention: Duration::from_secs(365 * 24 * 3600),
        }
    }
}

/// Records what happens.
///
/// Recording takes a lock and writes to memory, so it neither waits nor fails. [`AuditLog::store`] writes what was
/// recorded, every second. While the store fails, entries wait; there is a bound, beyond which they are counted. An
/// event that must not be lost is recorded in its own transaction: [`AuditLog::draft`].
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    chain: AuditChain,
    settings: AuditSettings,
    pending: Mutex<Pending>,
    /// Entries on their way to the store. They keep their references when they are stored again.
    outgoing: Mutex<Vec<KeptEntry>>,
}

/// Entries in one transaction.
const BATCH: usize = 200;

impl AuditLog {
    /// Creates the log of one process.
    #[must_use]
    pub fn new(
        store: Arc<dyn AuditStore>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        settings: AuditSettings,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            chain: AuditChain::new(vault),
            settings,
            pending: Mutex::default(),
            outgoing: Mutex::default(),
        }
    }

    /// Records an event. It is stored within about a second.
    pub fn record(&self, event: AuditEvent, actor: Actor, address: Option<IpAddr>) {
        let (now, network) = (self.clock.now(), self.network(address));
        lock(&self.pending).record(event, actor, network, now);
    }

    /// Counts an event of a kind of which there are many. The count is stored within about a minute.
    pub fn count(
        &self,
        kind: AuditKind,
        about: Option<(AccountId, AccessKeyId)>,
        actor: Actor,
        address: IpAddr,
    ) {
        let (now, network) = (self.clock.now(), self.network(Some(address)));
        lock(&self.pending).count(kind, about, actor, network, now);
    }

    /// Prepares the entry of an event that the store records in the transaction of the event.
    #[must_use]
    pub fn draft(&self, actor: Actor, address: Option<IpAddr>) -> AuditDraft {
        let (now, network) = (self.clock.now(), self.network(address));
        self.chain.draft(self.reference(), now, actor, network)
    }

    /// Stores what was recorded, and the counts of past minutes; `with_counts` stores those of this minute too. Then
    /// gives all stored entries their places.
    ///
    /// # Errors
    /// When the store fails; nothing is lost, call it again later.
    pub async fn store(&self, with_counts: bool) -> Result<(), StoreError> {
        let mut outgoing = Outgoing {
            entries: std::mem::take(&mut *lock(&self.outgoing)),
            unsent: &self.outgoing,
        };
        if outgoing.entries.is_empty() {
            let recorded = lock(&self.pending).take(self.clock.now(), with_counts);
            let signed = recorded.into_iter().map(|recorded| self.signed(recorded));
            outgoing.entries.extend(signed);
        }
        while !outgoing.entries.is_empty() {
            let batch = outgoing.entries.len().min(BATCH);
            self.store.keep_entries(&outgoing.entries[..batch]).await?;
            outgoing.entries.drain(..batch);
        }
        self.chain_kept().await
    }

    fn signed(&self, recorded: Recorded) -> KeptEntry {
        let (at, actor) = (recorded.at, recorded.actor);
        let draft = self
            .chain
            .draft(self.reference(), at, actor, recorded.network);
        draft.entry(recorded.event)
    }

    async fn chain_kept(&self) -> Result<(), StoreError> {
        loop {
            let now = self.clock.now();
            let chained = self.store.chain_entries(&self.chain, BATCH as u64, now);
            if chained.await? < BATCH as u64 {
                return Ok(());
            }
        }
    }

    /// Deletes entries that are older than the retention, up to `limit`. Returns how many.
    ///
    /// # Errors
    /// When the store fails, or the signed ends of the log are not those that this service has written.
    pub async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let before = self.clock.now() - self.settings.retention;
        self.store.purge_entries(&self.chain, before, limit).await
    }

    fn reference(&self) -> AuditReference {
        AuditReference(self.entropy.bytes())
    }

    fn network(&self, address: Option<IpAddr>) -> Option<AuditNetwork> {
        AuditNetwork::of(address?, self.settings.precision)
    }
}

/// Entries on their way to the store. Those that have not arrived are sent again, even if the caller disconnects.
struct Outgoing<'a> {
    entries: Vec<KeptEntry>,
    unsent: &'a Mutex<Vec<KeptEntry>>,
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        lock(self.unsent).append(&mut self.entries);
    }
}

/// What a panic left behind is whole at every point.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Nobody => Self::Anonymous,
            Caller::Admin => Self::Admin,
            Caller::Auditor => Self::Auditor,
            Caller::Enroller => Self::Enroller,
            Caller::Key(key) => Self::Key(key.id),
        }
    }
}
