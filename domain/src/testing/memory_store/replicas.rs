//! Replicas in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::ports::{ReplicaStore, StoreError};
use crate::replica::{REMEMBERED_FOR, Replica, ReplicaReport};
use crate::time::Timestamp;

#[async_trait]
impl ReplicaStore for MemoryStore {
    async fn check_in(&self, replica: &ReplicaReport, now: Timestamp) -> Result<(), StoreError> {
        let replicas = &mut self.lock().replicas;
        replicas.retain(|known| now.since(known.seen_at) < REMEMBERED_FOR);
        let mut known = replicas.iter_mut();
        match known.find(|known| known.report.instance == replica.instance) {
            Some(known) => known.seen_at = now,
            None => replicas.push(Replica {
                report: replica.clone(),
                seen_at: now,
            }),
        }
        Ok(())
    }

    async fn check_out(&self, instance: &str) -> Result<(), StoreError> {
        let is_other = |known: &Replica| known.report.instance != instance;
        self.lock().replicas.retain(is_other);
        Ok(())
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        Ok(self.lock().replicas.clone())
    }
}
