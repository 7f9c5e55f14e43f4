//! Replicas in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::ports::{ReplicaStore, StoreError};
use crate::replica::{Presence, REMEMBERED_FOR, Replica, has_duty};
use crate::time::Timestamp;

/// A replica, and until when it has the duty that it has.
#[derive(Clone)]
pub(super) struct Known {
    replica: Replica,
    duty_until: Option<Timestamp>,
}

impl Known {
    fn has_duty(&self, now: Timestamp) -> bool {
        has_duty(self.duty_until, now)
    }
}

#[async_trait]
impl ReplicaStore for MemoryStore {
    async fn check_in(
        &self,
        replica: &Presence,
        now: Timestamp,
        duty_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let known = &mut self.lock().replicas;
        known.retain(|known| now.since(known.replica.seen_at) < REMEMBERED_FOR);
        let is_this = |known: &Known| known.replica.presence.instance == replica.instance;
        let others = known.iter().filter(|known| !is_this(known));
        let is_free = !others.into_iter().any(|other| other.has_duty(now));
        if !known.iter().any(is_this) {
            known.push(Known {
                replica: Replica {
                    presence: replica.clone(),
                    seen_at: now,
                    keeps_house_since: None,
                },
                duty_until: None,
            });
        }
        for known in known.iter_mut().filter(|known| is_this(known)) {
            known.replica.seen_at = now;
            if is_free {
                let since = known.replica.keeps_house_since;
                let since = since.filter(|_| known.has_duty(now)).unwrap_or(now);
                known.replica.keeps_house_since = Some(since);
                known.duty_until = Some(duty_until);
            }
        }
        Ok(is_free)
    }

    async fn check_out(&self, instance: &str) -> Result<(), StoreError> {
        let is_other = |known: &Known| known.replica.presence.instance != instance;
        self.lock().replicas.retain(is_other);
        Ok(())
    }

    async fn replicas(&self, now: Timestamp) -> Result<Vec<Replica>, StoreError> {
        let known = self.lock().replicas.clone();
        let replicas = known.into_iter().map(|known| Replica {
            keeps_house_since: known
                .replica
                .keeps_house_since
                .filter(|_| known.has_duty(now)),
            ..known.replica
        });
        Ok(replicas.collect())
    }
}
