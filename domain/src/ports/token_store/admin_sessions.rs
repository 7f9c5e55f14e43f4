use async_trait::async_trait;

use super::StoreError;
use crate::admin_session::AdminSession;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// The login sessions of operators on the page `/admin`, shared by all replicas.
#[async_trait]
pub trait AdminSessionStore: Send + Sync {
    /// Stores a new session.
    async fn begin_session(&self, session: &AdminSession) -> Result<(), StoreError>;

    /// Returns the session with this token, even if the session has expired.
    async fn session(&self, token: &KeyedHash) -> Result<Option<AdminSession>, StoreError>;

    /// Records that a session was used. Does nothing if a later use is already recorded, or if the session was deleted.
    async fn note_session_use(&self, token: &KeyedHash, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes a session. Returns whether there was one.
    async fn end_session(&self, token: &KeyedHash) -> Result<bool, StoreError>;

    /// Deletes up to `limit` sessions that were last used before `seen_before`. Returns how many were deleted.
    async fn purge_sessions(&self, seen_before: Timestamp, limit: u64) -> Result<u64, StoreError>;
}
