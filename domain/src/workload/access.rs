//! Workloads that may use an account. Each has an access key that nobody holds: the service recognises the workload by
//! its JWT, and the workload has the rights of its key.

use crate::grant::{AccessKeyId, KeyHolder, KeyRole};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

use super::ClaimList;

/// The identity of a workload that may use an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadBinding {
    /// The name of its policy. The JWT must meet this policy.
    pub workload: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The claims that identify the workload permanently, with their values.
    pub claims: ClaimList,
}

/// A workload to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkload {
    /// The workload.
    pub binding: WorkloadBinding,
    /// The hash by which the workload is looked up.
    pub identity: KeyedHash,
    /// The MAC over the binding and the hash of its key.
    pub mac: KeyedHash,
}

/// A stored workload with its key and what the key gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadAccess {
    /// Its key.
    pub key: KeyHolder,
    /// The workload.
    pub binding: WorkloadBinding,
    /// The MAC over the binding and the hash of its key.
    pub mac: KeyedHash,
}

/// A workload as listed to the owner of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadRecord {
    /// The number of its key.
    pub id: AccessKeyId,
    /// The workload.
    pub binding: WorkloadBinding,
    /// What it may do.
    pub role: KeyRole,
    /// When the workload was added.
    pub created_at: Timestamp,
    /// When its key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When the workload last used its key, to the minute.
    pub last_used_at: Option<Timestamp>,
}
