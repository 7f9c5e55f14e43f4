//! Replicas: processes of the service that share one store.

use std::time::Duration;

use crate::time::Timestamp;

/// How often a replica says that it is there.
pub const CHECK_IN_EVERY: Duration = Duration::from_secs(10);
/// A replica that was not seen for this long is gone.
pub const GONE_AFTER: Duration = Duration::from_secs(30);
/// How long a replica that ended without a word is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(86_400);

/// What a replica says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// A random name that no other process has, nor this one after a restart.
    pub instance: String,
    /// What an operator knows it by: its machine and the address it listens on.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// A replica as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// What it says of itself.
    pub presence: Presence,
    /// When it last did.
    pub seen_at: Timestamp,
}

impl Replica {
    /// Whether it has been heard of lately.
    #[must_use]
    pub fn is_there(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < GONE_AFTER && self.seen_at <= now + GONE_AFTER
    }
}
