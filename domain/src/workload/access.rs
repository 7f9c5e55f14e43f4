//! Workloads that may use an account. Each has an access key that nobody holds: the service recognises the workload by
//! its JWT, and the workload has the rights of its key.

use crate::grant::{AccessKeyId, KeyHolder, KeyRole};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

use super::ClaimList;

/// A workload, as an account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadBinding {
    /// The name of its policy. The JWT must meet this policy.
    pub workload: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The claims that identify it permanently, with their values.
    pub claims: ClaimList,
}

/// A workload to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkload {
    /// The workload.
    pub binding: WorkloadBinding,
    /// The hash by which it is looked up.
    pub identity: KeyedHash,
    /// The MAC of the binding and its key.
    pub mac: KeyedHash,
}

/// A stored workload, and what its key gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadAccess {
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
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}
