//! Replicas in the store.

use async_trait::async_trait;

use super::StoreError;
use crate::replica::{Presence, Replica};
use crate::time::Timestamp;

/// Who shares the store, and who does what one of them does for all.
#[async_trait]
pub trait ReplicaStore: Send + Sync {
    /// Notes that a replica is there, and forgets those that have not been for [`REMEMBERED_FOR`]. It keeps or gets the
    /// housekeeping until `duty_until` if nobody else has it. Returns whether it has it.
    ///
    /// [`REMEMBERED_FOR`]: crate::replica::REMEMBERED_FOR
    async fn check_in(
        &self,
        replica: &Presence,
        now: Timestamp,
        duty_until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Forgets a replica that ends, with its duty.
    async fn check_out(&self, instance: &str) -> Result<(), StoreError>;

    /// All replicas, in the order in which they were first seen; whose duty has lapsed by `now` has none.
    async fn replicas(&self, now: Timestamp) -> Result<Vec<Replica>, StoreError>;
}
