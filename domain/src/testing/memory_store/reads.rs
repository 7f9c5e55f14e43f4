//! Reads of keys and their tokens, in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::grant::{AccessKeyId, KeyBinding, KeyHolder, StoredTokens};
use crate::ports::{OpenedGrant, OpenedKey, ReadStore, RowVersion, StoreError};
use crate::secret::KeyedHash;

#[async_trait]
impl ReadStore for MemoryStore {
    async fn open_key(&self, key: &KeyedHash) -> Result<Option<OpenedKey>, StoreError> {
        let mut state = self.lock();
        state.admit_read()?;
        Ok(state.find_key(key).map(|holder| state.opened(holder)))
    }

    async fn changed(
        &self,
        seen: &[(AccessKeyId, RowVersion)],
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        let mut state = self.lock();
        state.admit_read()?;
        let is_changed = |id: &AccessKeyId, version: &RowVersion| {
            let holder = state.holder(*id);
            let grant = holder.and_then(|holder| state.opened(holder).grant);
            grant.is_none_or(|grant| grant.version != *version)
        };
        let changed = seen.iter().filter(|(id, version)| is_changed(id, version));
        Ok(changed.map(|(id, _)| *id).collect())
    }
}

impl State {
    /// Counts a read, and fails after [`MemoryStore::be_away`].
    pub(super) fn admit_read(&mut self) -> Result<(), StoreError> {
        self.reads += 1;
        if self.is_away {
            return Err(StoreError::Unavailable("away, as the test wants it".into()));
        }
        Ok(())
    }

    fn opened(&self, holder: KeyHolder) -> OpenedKey {
        let tokens = match holder.binding {
            KeyBinding::Account { id, .. } => self.accounts.get(&id.0),
            KeyBinding::Link(_) => None,
        };
        let grant = tokens.map(|tokens| OpenedGrant {
            tokens: tokens.clone(),
            version: version(&holder, tokens),
        });
        OpenedKey { holder, grant }
    }
}

fn version(holder: &KeyHolder, tokens: &StoredTokens) -> RowVersion {
    let sealed = tokens.access_token.as_bytes();
    RowVersion(format!("{holder:?} {tokens:?} {sealed:?}").into())
}
