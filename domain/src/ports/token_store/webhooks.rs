//! Receivers of webhooks in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::webhook::{Receiver, ReceiverName};

/// How far each receiver has got in the audit log, shared by all replicas.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Returns all receivers, by name.
    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError>;

    /// Returns a receiver. A new one is stored first: it starts behind the last entry of the log.
    async fn receiver(&self, name: &ReceiverName) -> Result<Receiver, StoreError>;

    /// Stores the next state of a receiver. Returns `false` and stores nothing if the stored version is not the one before
    /// that of `next`.
    async fn save_receiver(&self, next: &Receiver) -> Result<bool, StoreError>;
}
