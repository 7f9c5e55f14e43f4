//! Records when keys were last used, without a write for every request.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::clock_step::last_use;
use crate::grant::AccessKeyId;
use crate::lock::lock;
use crate::ports::{KeyStore, StoreError};
use crate::time::Timestamp;

/// Uses that are not stored yet.
#[derive(Default)]
pub(super) struct KeyUses(Mutex<HashMap<AccessKeyId, Timestamp>>);

impl KeyUses {
    pub(super) fn note(&self, key: AccessKeyId, now: Timestamp) {
        let mut uses = lock(&self.0);
        let at = uses.entry(key).or_insert(now);
        *at = last_use(Some(*at), now, now);
    }

    /// Returns when a key was last used, including uses that are not stored yet.
    pub(super) fn latest(
        &self,
        key: AccessKeyId,
        stored: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let used = lock(&self.0).get(&key).copied();
        used.map(|at| last_use(stored, at, now)).or(stored)
    }

    /// Writes all uses to the store at once. Keeps them in memory if the store fails.
    pub(super) async fn store(
        &self,
        store: &dyn KeyStore,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let uses: Vec<_> = std::mem::take(&mut *lock(&self.0)).into_iter().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let written = store.note_key_uses(&uses, now).await;
        if written.is_err() {
            let mut since = lock(&self.0);
            for (key, at) in uses {
                since.entry(key).or_insert(at);
            }
        }
        written
    }
}
