//! Workloads in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::grant::{AccessKeyId, AccountId};
use crate::ports::{StoreError, WorkloadStore};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::workload::{NewWorkload, WorkloadAccess, WorkloadRecord};

#[async_trait]
impl WorkloadStore for MemoryStore {
    async fn find_workloads(
        &self,
        identity: &KeyedHash,
        now: Timestamp,
    ) -> Result<Vec<WorkloadAccess>, StoreError> {
        let state = self.lock();
        let own = state.workloads.iter();
        let own = own.filter(|(_, kept)| kept.identity == *identity);
        let accesses = own.filter_map(|(number, kept)| {
            let key = state.holder(AccessKeyId(*number))?;
            let has_expired = key.expires_at.is_some_and(|at| at <= now);
            (!has_expired).then(|| WorkloadAccess {
                key,
                binding: kept.binding.clone(),
                mac: kept.mac,
            })
        });
        Ok(accesses.collect())
    }

    async fn workloads(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<WorkloadRecord>, StoreError> {
        let state = self.lock();
        let all = state.workloads.iter().filter_map(|(number, kept)| {
            let key = state.keys.get(number)?;
            let is_its = key.account == Some(account) && Some(key.record.id) > after;
            is_its.then(|| WorkloadRecord {
                id: key.record.id,
                binding: kept.binding.clone(),
                role: key.record.role,
                created_at: key.record.created_at,
                expires_at: key.record.expires_at,
                last_used_at: key.record.last_used_at,
            })
        });
        Ok(all
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect())
    }

    async fn is_workload(&self, account: AccountId, key: AccessKeyId) -> Result<bool, StoreError> {
        let state = self.lock();
        let is_its = state
            .keys
            .get(&key.0)
            .is_some_and(|kept| kept.account == Some(account));
        Ok(is_its && state.workloads.contains_key(&key.0))
    }

    async fn purge_used_tokens(
        &self,
        expired_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        self.lock().used_tokens.retain(|used| {
            let goes = used.expires_at < expired_before && gone < limit;
            gone += u64::from(goes);
            !goes
        });
        Ok(gone)
    }
}

impl MemoryStore {
    /// Changes the stored workload of a key. An attacker with access to the database could do this.
    pub fn change_workload(&self, key: AccessKeyId, change: impl FnOnce(&mut NewWorkload)) {
        if let Some(kept) = self.lock().workloads.get_mut(&key.0) {
            change(kept);
        }
    }

    /// Calls `show` for each key with its stored workload.
    pub fn each_workload(&self, mut show: impl FnMut(AccessKeyId, &NewWorkload)) {
        for (number, kept) in &self.lock().workloads {
            show(AccessKeyId(*number), kept);
        }
    }
}
