//! Replicas: processes of the service that share one store.

use std::time::Duration;

use crate::time::Timestamp;

/// How often a replica reports that it is running.
pub const CHECK_IN_EVERY: Duration = Duration::from_secs(10);
/// A replica that has not reported for this long counts as gone.
pub const GONE_AFTER: Duration = Duration::from_secs(30);
/// A replica that ended without checking out stays listed for this long.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(86_400);

/// What a replica reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaReport {
    /// A random id, generated at each start of a process.
    pub instance: String,
    /// The name shown to operators: host and listen address.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// When the replica started.
    pub started_at: Timestamp,
}

/// A stored report of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The latest report.
    pub report: ReplicaReport,
    /// When the replica last reported.
    pub seen_at: Timestamp,
}

impl Replica {
    /// Whether the replica has reported recently.
    pub fn is_running(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < GONE_AFTER && self.seen_at <= now + GONE_AFTER
    }
}

/// Returns the replicas that are running.
pub fn running(mut replicas: Vec<Replica>, now: Timestamp) -> Vec<Replica> {
    replicas.retain(|replica| replica.is_running(now));
    replicas
}
