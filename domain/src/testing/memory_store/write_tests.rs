//! Tests whether the store in memory has room.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::ports::{StoreError, WriteTestStore};

#[async_trait]
impl WriteTestStore for MemoryStore {
    async fn test_write(&self, within: Option<Duration>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.has_failed || within.is_some() {
            state.take_tokens()?;
            state.has_failed = false;
        }
        Ok(())
    }
}

impl State {
    /// Fails while there is no room for a row of tokens.
    pub(super) fn take_tokens(&mut self) -> Result<(), StoreError> {
        if self.is_full {
            self.has_failed = true;
            return Err(StoreError::Unavailable("full, as the test wants it".into()));
        }
        Ok(())
    }
}
