//! Tests whether the store in memory accepts writes.

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
    /// Fails if the test has made the store full.
    pub(super) fn take_tokens(&mut self) -> Result<(), StoreError> {
        if self.is_full {
            self.has_failed = true;
            return Err(StoreError::Unavailable("full, as the test wants it".into()));
        }
        Ok(())
    }
}
