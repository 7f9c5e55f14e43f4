//! Records audit entries, and lists them for admins and auditors.

mod list;
mod pending;
#[cfg(test)]
mod tests;
mod verify;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::pending::{Pending, PendingCount, PendingEntry};
use super::Caller;
use super::housekeeping::last_written;
use crate::audit::{
    Actor, AuditChain, AuditDraft, AuditEvent, AuditKind, AuditNetwork, AuditReference,
    NetworkPrecision, SignedEntry,
};
use crate::entropy::Entropy;
use crate::grant::{AccessKeyId, AccountId};
use crate::lock::lock;
use crate::observe::Observer;
use crate::operator::OperatorRole;
use crate::ports::{AuditStore, Clock, StoreError};
use crate::vault::Vault;

pub use list::{AuditPage, READERS_ONLY};
pub use verify::{VerifiedLog, VerifyError, export_audit, verify_audit};

/// Settings of the audit log.
#[derive(Debug, Clone, Copy)]
pub struct AuditSettings {
    /// How much of an address is recorded.
    pub precision: NetworkPrecision,
    /// How long entries are stored.
    pub retention: Duration,
}

impl Default for AuditSettings {
    /// Records networks and stores entries for 90 days.
    fn default() -> Self {
        Self {
            precision: NetworkPrecision::Cut,
            retention: Duration::from_secs(90 * 24 * 3600),
        }
    }
}

/// Records audit entries.
///
/// Recording takes a lock and writes to memory, so it neither waits nor fails. The runtime calls [`AuditLog::store`]
/// every second. While the store fails, entries wait in memory; beyond a limit they are only counted. An event that
/// must not be lost is recorded in the transaction of the event itself, with [`AuditLog::draft`].
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    observer: Arc<dyn Observer>,
    chain: AuditChain,
    settings: AuditSettings,
    pending: Mutex<Pending>,
    /// Signed entries that an earlier call of [`AuditLog::store`] could not store. They keep their references, by which
    /// the store recognises entries that it has already. `None` while a call is storing the entries.
    outgoing: Mutex<Option<Vec<SignedEntry>>>,
}

/// Entries per transaction.
const BATCH: usize = 200;
/// An entry that is dated further ahead than this comes from a wrong clock, and may be deleted.
const MOST_AHEAD: Duration = Duration::from_secs(24 * 3600);

impl AuditLog {
    /// Creates the audit log of this process.
    pub fn new(
        store: Arc<dyn AuditStore>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        observer: Arc<dyn Observer>,
        settings: AuditSettings,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            observer,
            chain: AuditChain::new(vault),
            settings,
            pending: Mutex::default(),
            outgoing: Mutex::new(Some(Vec::new())),
        }
    }

    /// Records an event. It is stored within about a second.
    pub fn record(&self, event: AuditEvent, actor: Actor, address: Option<IpAddr>) {
        let recorded = PendingEntry {
            at: self.clock.now(),
            event,
            actor,
            network: self.network(address),
        };
        let uptime = self.clock.uptime();
        lock(&self.pending).record(recorded, uptime);
    }

    /// Counts a frequent event. The count is stored within about ten minutes.
    pub fn count(
        &self,
        kind: AuditKind,
        about: Option<(AccountId, AccessKeyId)>,
        actor: Actor,
        address: IpAddr,
    ) {
        let counted = PendingCount {
            kind,
            about,
            actor,
            network: self.network(Some(address)),
        };
        let (now, uptime) = (self.clock.now(), self.clock.uptime());
        lock(&self.pending).count(counted, now, uptime);
    }

    /// Prepares an entry that the store records in the same transaction as the event.
    pub fn draft(&self, actor: Actor, address: Option<IpAddr>) -> AuditDraft {
        let (now, network) = (self.clock.now(), self.network(address));
        self.chain.draft(self.reference(), now, actor, network)
    }

    /// Stores recorded entries and the counts that are due; `with_counts` stores all counts. Then numbers all stored
    /// entries. Does nothing while another call of this process is running.
    ///
    /// # Errors
    /// When the store fails; nothing is lost, call it again later.
    pub async fn store(&self, with_counts: bool) -> Result<(), StoreError> {
        let Some(entries) = lock(&self.outgoing).take() else {
            return Ok(());
        };
        let mut outgoing = Outgoing {
            entries,
            unsent: &self.outgoing,
        };
        self.send(&mut outgoing.entries).await?;
        let recorded = lock(&self.pending).take(self.clock.uptime(), with_counts);
        let signed = recorded.into_iter().map(|recorded| self.signed(recorded));
        outgoing.entries.extend(signed);
        self.send(&mut outgoing.entries).await?;
        self.chain_all().await
    }

    async fn send(&self, entries: &mut Vec<SignedEntry>) -> Result<(), StoreError> {
        while !entries.is_empty() {
            let batch = entries.len().min(BATCH);
            self.store.store_entries(&entries[..batch]).await?;
            entries.drain(..batch);
        }
        Ok(())
    }

    fn signed(&self, recorded: PendingEntry) -> SignedEntry {
        let (at, actor) = (recorded.at, recorded.actor);
        let draft = self
            .chain
            .draft(self.reference(), at, actor, recorded.network);
        draft.entry(recorded.event)
    }

    async fn chain_all(&self) -> Result<(), StoreError> {
        loop {
            let now = self.clock.now();
            let chained = self.store.chain_entries(&self.chain, BATCH as u64, now);
            let chained = chained.await?;
            if chained.is_broken {
                self.observer.audit_log_altered();
                tracing::error!(
                    "the audit log was changed in the database, but not by this service; find out who wrote to the database, and run central-oauth audit verify"
                );
            }
            if chained.taken < BATCH as u64 {
                return Ok(());
            }
        }
    }

    /// Deletes up to `limit` entries that are older than the retention, or that a wrong clock has dated far ahead.
    /// Returns how many. Deletes nothing while a quarter of the last entries are dated far ahead, because then the
    /// clock itself may be behind. For example, a machine without a battery-backed clock starts in the past, until it
    /// has synchronized.
    ///
    /// # Errors
    /// When the store fails, or when somebody other than this service has changed the entries or the signed ends of the
    /// log.
    pub async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let retained = now - self.settings.retention..=now + MOST_AHEAD;
        let last = last_written(&*self.store).await?;
        let ahead = last.iter().filter(|at| *at > retained.end()).count();
        if ahead > 0 && ahead * 4 >= last.len() {
            return Ok(0);
        }
        self.store.purge_entries(&self.chain, retained, limit).await
    }

    fn reference(&self) -> AuditReference {
        AuditReference(self.entropy.bytes())
    }

    fn network(&self, address: Option<IpAddr>) -> Option<AuditNetwork> {
        AuditNetwork::of(address?, self.settings.precision)
    }
}

/// Entries that a call of [`AuditLog::store`] is storing. On drop, even if the call is cancelled, the entries that were
/// not stored go back to `AuditLog::outgoing` for the next call.
struct Outgoing<'a> {
    entries: Vec<SignedEntry>,
    unsent: &'a Mutex<Option<Vec<SignedEntry>>>,
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        *lock(self.unsent) = Some(std::mem::take(&mut self.entries));
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Nobody => Self::Anonymous,
            Caller::Admin(name) => Self::Operator(OperatorRole::Admin, *name),
            Caller::Auditor(name) => Self::Operator(OperatorRole::Auditor, *name),
            Caller::Enroller(name) => Self::Operator(OperatorRole::Enroll, *name),
            Caller::Key(key) => Self::Key(key.id),
        }
    }
}
