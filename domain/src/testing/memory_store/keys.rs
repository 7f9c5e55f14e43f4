//! Access keys in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::audit::{AuditDraft, AuditEvent};
use crate::clock_step::last_use;
use crate::grant::{
    AccessKeyId, AccountId, InertKey, KeyBinding, KeyHolder, KeyMaker, KeyRecord, NewKey,
};
use crate::link::Link;
use crate::ports::{Descendants, KeyCreation, KeyStore, StoreError};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::vault::RowMacs;

pub(super) struct Key {
    pub(super) hash: KeyedHash,
    pub(super) account: Option<AccountId>,
    pub(super) mac: Option<KeyedHash>,
    pub(super) record: KeyRecord,
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError> {
        Ok(self.lock().find_key(key))
    }

    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let state = self.lock();
        let keys = state.keys_of(account).map(|key| key.record.clone());
        let later = keys.filter(|key| Some(key.id) > after);
        Ok(later
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect())
    }

    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError> {
        let (mut state, account) = (self.lock(), key.account);
        let created = state.create_key(key, most, macs)?;
        if let KeyCreation::Created(record) = &created {
            state.keep_entry(audit.entry(AuditEvent::key_created(account, record)));
        }
        Ok(created)
    }

    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        with: Descendants,
        audit: AuditDraft,
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        let mut state = self.lock();
        let records: Vec<_> = state
            .keys_of(account)
            .map(|key| key.record.clone())
            .collect();
        if !records.iter().any(|record| record.id == key) {
            return Ok(Vec::new());
        }
        let mut gone = vec![key];
        if with == Descendants::Deleted {
            let made = records.iter().filter(|record| record.is_deleted_with(key));
            gone.extend(made.map(|made| made.id).filter(|made| *made != key));
        }
        for key in &gone {
            state.keys.remove(&key.0);
            state.links.retain(|_, link| link.key != *key);
        }
        for entry in audit.keys_deleted(account, &gone) {
            state.keep_entry(entry);
        }
        Ok(gone)
    }

    async fn purge_keys(
        &self,
        expired_before: Timestamp,
        limit: u64,
        audit: AuditDraft,
    ) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let State { keys, links, .. } = &mut *state;
        let expired = keys.values().filter_map(|key| {
            let record = &key.record;
            let goes = record.expires_at.is_some_and(|at| at < expired_before)
                && !links.values().any(|link| link.key == record.id);
            key.account.filter(|_| goes).zip(Some(record.id))
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let gone: Vec<_> = expired.take(limit).collect();
        for (_, key) in &gone {
            state.keys.remove(&key.0);
        }
        for entry in audit.expired_keys_deleted(&gone) {
            state.keep_entry(entry);
        }
        Ok(gone.len() as u64)
    }

    async fn keys_without_mac(
        &self,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyHolder>, StoreError> {
        let state = self.lock();
        let without = state.keys.iter().filter(|(_, key)| key.mac.is_none());
        let later = without.map(|(id, _)| AccessKeyId(*id));
        let later = later.filter(|id| Some(*id) > after);
        let holders = later.filter_map(|id| state.holder(id));
        Ok(holders
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect())
    }

    async fn store_key_macs(&self, keys: &[KeyHolder]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let mut kept = 0;
        for read in keys {
            let without = KeyHolder {
                mac: None,
                ..read.clone()
            };
            if state.holder(read.id) == Some(without)
                && let Some(key) = state.keys.get_mut(&read.id.0)
            {
                key.mac = read.mac;
                kept += 1;
            }
        }
        Ok(kept)
    }

    async fn note_key_uses(
        &self,
        uses: &[(AccessKeyId, Timestamp)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        for (id, at) in uses {
            if let Some(key) = state.keys.get_mut(&id.0) {
                key.record.last_used_at = Some(last_use(key.record.last_used_at, *at, now));
            }
        }
        Ok(())
    }
}

impl State {
    fn keys_of(&self, account: AccountId) -> impl Iterator<Item = &Key> {
        let keys = self.keys.values();
        keys.filter(move |key| key.account == Some(account))
    }

    pub(super) fn find_key(&self, hash: &KeyedHash) -> Option<KeyHolder> {
        let (number, _) = self.keys.iter().find(|(_, key)| key.hash == *hash)?;
        self.holder(AccessKeyId(*number))
    }

    pub(super) fn holder(&self, id: AccessKeyId) -> Option<KeyHolder> {
        let key = self.keys.get(&id.0)?;
        let binding = match key.account {
            Some(id) => KeyBinding::Account {
                id,
                person: self.accounts.get(&id.0)?.account.key.clone(),
            },
            None => {
                let link = self.links.values().find(|link| link.key == id)?;
                KeyBinding::Link(Box::new(link.clone()))
            }
        };
        Some(KeyHolder {
            id,
            hash: key.hash,
            role: key.record.role,
            expires_at: key.record.expires_at,
            maker: key.record.maker,
            limits: key.record.limits.clone(),
            binding,
            mac: key.mac,
        })
    }

    fn create_key(
        &mut self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
    ) -> Result<KeyCreation, StoreError> {
        let account = self.accounts.get(&key.account.0);
        let person = account.ok_or(StoreError::Conflict)?.account.key.clone();
        if let KeyMaker::Key(maker) = key.maker {
            let maker = self.holder(maker).ok_or(StoreError::Conflict)?;
            if maker.binding.account() != Some(key.account) || !macs.is_genuine(&maker) {
                return Err(StoreError::Conflict);
            }
        }
        let not_expired = self.keys_of(key.account).filter(|kept| {
            let expires_at = kept.record.expires_at;
            expires_at.is_none_or(|at| at > key.created_at)
        });
        if not_expired.count() as u64 >= most {
            return Ok(KeyCreation::Full);
        }
        let holder = key.holder(AccessKeyId(self.next_number()), person);
        let record = record(&holder, Some(key.name), key.created_at);
        self.insert_key(&macs.authenticated(holder), record.clone())?;
        if let Some(workload) = key.workload {
            self.workloads.insert(record.id.0, workload);
        }
        Ok(KeyCreation::Created(record))
    }

    /// Adds the key of a new link. The key is inactive until the link is complete.
    pub(super) fn insert_inert_key(
        &mut self,
        key: InertKey,
        link: &Link,
        macs: &RowMacs,
    ) -> Result<(), StoreError> {
        let holder = macs.authenticated(key.holder(link));
        let name = link.requester.client_name.clone();
        self.insert_key(&holder, record(&holder, name, link.created_at))
    }

    fn insert_key(&mut self, key: &KeyHolder, record: KeyRecord) -> Result<(), StoreError> {
        if self.keys.values().any(|kept| kept.hash == key.hash) {
            return Err(StoreError::Conflict);
        }
        let kept = Key {
            hash: key.hash,
            account: key.binding.account(),
            mac: key.mac,
            record,
        };
        self.keys.insert(key.id.0, kept);
        Ok(())
    }
}

fn record(key: &KeyHolder, name: Option<String>, created_at: Timestamp) -> KeyRecord {
    KeyRecord {
        id: key.id,
        role: key.role,
        name,
        maker: key.maker,
        limits: key.limits.clone(),
        created_at,
        expires_at: key.expires_at,
        last_used_at: None,
    }
}
