//! Receivers of webhooks in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::audit::AuditNumber;
use crate::ports::{StoreError, WebhookStore};
use crate::webhook::{Receiver, ReceiverName};

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        Ok(self.lock().receivers.values().cloned().collect())
    }

    async fn receiver(&self, name: &ReceiverName) -> Result<Receiver, StoreError> {
        let mut state = self.lock();
        let head = state.audit.head().unwrap_or(AuditNumber(0));
        let fresh = || Receiver::new(name.clone(), head);
        let stored = state.receivers.entry(name.clone());
        Ok(stored.or_insert_with(fresh).clone())
    }

    async fn save_receiver(&self, next: &Receiver) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let stored = state.receivers.get_mut(&next.name);
        let stored = stored.filter(|stored| stored.version.0 + 1 == next.version.0);
        Ok(stored.map(|stored| *stored = next.clone()).is_some())
    }
}
