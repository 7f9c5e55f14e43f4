use async_trait::async_trait;

use super::StoreError;
use crate::replica::{Replica, ReplicaReport};
use crate::time::Timestamp;

/// Stores which replicas share the store.
#[async_trait]
pub trait ReplicaStore: Send + Sync {
    /// Records that a replica is running, and deletes replicas that have not reported for [`REMEMBERED_FOR`].
    ///
    /// [`REMEMBERED_FOR`]: crate::replica::REMEMBERED_FOR
    async fn check_in(&self, replica: &ReplicaReport, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes a replica that is shutting down.
    async fn check_out(&self, instance: &str) -> Result<(), StoreError>;

    /// Returns all replicas, in the order in which they were first seen.
    async fn replicas(&self) -> Result<Vec<Replica>, StoreError>;
}
