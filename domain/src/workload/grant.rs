//! Workloads that may use an account. Each has an access key that nobody holds: the service recognises the workload by its
//! JWT, and what its key may do is what the workload may do.

use crate::grant::{AccessKeyId, KeyHolder, KeyRole};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

use super::Facts;

/// A workload, as an account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadBinding {
    /// The name of its policy. The JWT must meet this policy.
    pub workload: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The claims that name it for good, with their values.
    pub claims: Facts,
}

/// A workload to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkload {
    /// The workload.
    pub binding: WorkloadBinding,
    /// The hash that it is found by.
    pub identity: KeyedHash,
    /// The MAC of the binding and its key.
    pub mac: KeyedHash,
}

/// A workload that is kept, and what its key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadGrant {
    /// Its key.
    pub key: KeyHolder,
    /// The workload.
    pub binding: WorkloadBinding,
    /// The MAC of the binding and its key.
    pub mac: KeyedHash,
}

/// A workload, as the owner of the account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadRecord {
    /// The number of its key.
    pub id: AccessKeyId,
    /// The workload.
    pub binding: WorkloadBinding,
    /// What it may do.
    pub role: KeyRole,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<Timestamp>,
}
