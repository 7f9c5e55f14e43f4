use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditNumber, SignedEntry};
use crate::vault::RowMacs;
use crate::webhook::{Receiver, ReceiverName};

/// Stores the webhook receivers and their positions in the audit log, shared by all replicas.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Returns all receivers, sorted by name.
    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError>;

    /// Returns a receiver.
    async fn receiver(&self, name: &ReceiverName) -> Result<Option<Receiver>, StoreError>;

    /// Adds a receiver for the events after `position`, or after the last entry of the log if `position` is `None`. The
    /// audit entry is part of the transaction. Returns `false` and stores nothing if the receiver already exists.
    async fn add_receiver(
        &self,
        name: &ReceiverName,
        position: Option<AuditNumber>,
        macs: &RowMacs,
        audit: SignedEntry,
    ) -> Result<bool, StoreError>;

    /// Stores the next state of a receiver. Returns `false` and stores nothing if the version of `next` does not
    /// directly follow the stored version.
    async fn save_receiver(&self, next: &Receiver) -> Result<bool, StoreError>;
}
