//! Access keys in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::audit::{AuditDraft, AuditEvent};
use crate::grant::{AccessKeyId, AccountId, KeyBinding, KeyHolder, KeyRecord, KeyRole, NewKey};
use crate::ports::{KeyCreation, KeyStore, NewLink, StoreError};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

pub(super) struct Key {
    hash: KeyedHash,
    pub(super) account: Option<AccountId>,
    record: KeyRecord,
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
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError> {
        let (mut state, account) = (self.lock(), key.account);
        let created = state.create_key(key, most)?;
        if let KeyCreation::Created(record) = &created {
            state.keep_entry(audit.entry(AuditEvent::key_created(account, record)));
        }
        Ok(created)
    }

    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        audit: AuditDraft,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let is_its = |kept: &Key| kept.account == Some(account);
        if !state.keys.get(&key.0).is_some_and(is_its) {
            return Ok(false);
        }
        state.keys.remove(&key.0);
        state.links.retain(|_, link| link.key != key);
        state.keep_entry(audit.entry(AuditEvent::key_deleted(account, key)));
        Ok(true)
    }

    async fn note_key_uses(&self, uses: &[(AccessKeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for (id, at) in uses {
            if let Some(key) = state.keys.get_mut(&id.0) {
                key.record.last_used_at = key.record.last_used_at.max(Some(*at));
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
            Some(account) => KeyBinding::Account(account),
            None => {
                let link = self.links.values().find(|link| link.key == id)?;
                KeyBinding::Link(Box::new(link.clone()))
            }
        };
        Some(KeyHolder {
            id,
            role: key.record.role,
            expires_at: key.record.expires_at,
            binding,
        })
    }

    fn create_key(&mut self, key: NewKey, most: u64) -> Result<KeyCreation, StoreError> {
        if !self.accounts.contains_key(&key.account.0) {
            return Err(StoreError::Conflict);
        }
        if self.keys_of(key.account).count() as u64 >= most {
            return Ok(KeyCreation::Full);
        }
        let record = KeyRecord {
            id: AccessKeyId(self.next_number()),
            role: KeyRole::Reader,
            name: Some(key.name),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: None,
        };
        self.insert_key(key.hash, Some(key.account), record.clone())?;
        Ok(KeyCreation::Created(record))
    }

    /// The key of a new link: inert until the link is complete.
    pub(super) fn new_link_key(
        &mut self,
        hash: KeyedHash,
        link: &NewLink,
    ) -> Result<AccessKeyId, StoreError> {
        let record = KeyRecord {
            id: AccessKeyId(self.next_number()),
            role: KeyRole::Owner,
            name: link.requester.client_name.clone(),
            created_at: link.created_at,
            expires_at: None,
            last_used_at: None,
        };
        let id = record.id;
        self.insert_key(hash, None, record)?;
        Ok(id)
    }

    fn insert_key(
        &mut self,
        hash: KeyedHash,
        account: Option<AccountId>,
        record: KeyRecord,
    ) -> Result<(), StoreError> {
        if self.keys.values().any(|kept| kept.hash == hash) {
            return Err(StoreError::Conflict);
        }
        let key = Key {
            hash,
            account,
            record,
        };
        self.keys.insert(key.record.id.0, key);
        Ok(())
    }
}
