//! Sessions of operators in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::admin_session::AdminSession;
use crate::ports::{AdminSessionStore, StoreError};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

#[async_trait]
impl AdminSessionStore for MemoryStore {
    async fn begin_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        self.lock().sessions.push(session.clone());
        Ok(())
    }

    async fn session(&self, token: &KeyedHash) -> Result<Option<AdminSession>, StoreError> {
        let mut state = self.lock();
        state.admit_read()?;
        let found = state.sessions.iter().find(|known| known.token == *token);
        Ok(found.cloned())
    }

    async fn note_session_use(&self, token: &KeyedHash, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.lock();
        let found = state.sessions.iter_mut().find(|it| it.token == *token);
        if let Some(session) = found {
            session.seen_at = session.seen_at.max(at);
        }
        Ok(())
    }

    async fn end_session(&self, token: &KeyedHash) -> Result<bool, StoreError> {
        let sessions = &mut self.lock().sessions;
        let before = sessions.len();
        sessions.retain(|known| known.token != *token);
        Ok(sessions.len() < before)
    }

    async fn purge_sessions(&self, seen_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut gone = 0;
        self.lock().sessions.retain(|known| {
            let goes = known.seen_at < seen_before && gone < limit;
            gone += u64::from(goes);
            !goes
        });
        Ok(gone)
    }
}
