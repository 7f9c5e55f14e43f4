//! Receivers of webhooks in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::audit::{AuditEnds, AuditNumber, SignedEntry};
use crate::ports::{StoreError, WebhookStore};
use crate::vault::RowMacs;
use crate::webhook::{Receiver, ReceiverName};

impl MemoryStore {
    /// Deletes all receivers. An attacker with write access to the database could do this.
    pub fn forget_receivers(&self) {
        self.lock().receivers.clear();
    }

    /// Empties the audit log, as an operator does to begin a new log.
    pub fn begin_new_audit_log(&self) {
        self.lock().audit.clear();
    }

    /// Removes the audit log's entries after these earlier ends, as in a failover to a standby that lags behind.
    pub fn cut_audit_log(&self, ends: AuditEnds) {
        self.lock().audit.cut(ends);
    }
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        Ok(self.lock().receivers.values().cloned().collect())
    }

    async fn receiver(&self, name: &ReceiverName) -> Result<Option<Receiver>, StoreError> {
        Ok(self.lock().receivers.get(name).cloned())
    }

    async fn add_receiver(
        &self,
        name: &ReceiverName,
        position: Option<AuditNumber>,
        macs: &RowMacs,
        audit: SignedEntry,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if state.receivers.contains_key(name) {
            return Ok(false);
        }
        let head = state.audit.head().unwrap_or(AuditNumber(0));
        let fresh = Receiver::new(name.clone(), position.unwrap_or(head));
        let fresh = macs.authenticated_receiver(&fresh);
        state.receivers.insert(name.clone(), fresh);
        state.keep_entry(audit);
        Ok(true)
    }

    async fn save_receiver(&self, next: &Receiver) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let stored = state.receivers.get_mut(&next.name);
        let before = next.version.wrapping_sub(1);
        let stored = stored.filter(|stored| stored.version == before);
        Ok(stored.map(|stored| *stored = next.clone()).is_some())
    }
}
