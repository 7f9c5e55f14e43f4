//! Replicas: processes of the service that share one store.

use std::time::Duration;

use crate::time::Timestamp;

/// How often a replica says that it is there.
pub const CHECK_IN_EVERY: Duration = Duration::from_secs(10);
/// How long it keeps a duty without saying so again. A replica that dies loses its duty, and one that comes back after
/// that has lost it.
pub const DUTY_LASTS: Duration = Duration::from_secs(30);
/// How long a replica that ended without a word is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(86_400);

/// Whether a duty that is kept until then is kept still. One that ends further ahead than a duty lasts was dated by a clock
/// that has been set back.
#[must_use]
pub fn has_duty(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_some_and(|until| until.is_ahead(now, DUTY_LASTS))
}

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
    /// Since when it does the housekeeping, which one replica does for all: forgetting what is over.
    pub keeps_house_since: Option<Timestamp>,
}

impl Replica {
    /// Whether it has been heard of lately.
    #[must_use]
    pub fn is_there(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < DUTY_LASTS && self.seen_at <= now + DUTY_LASTS
    }
}
