//! Workloads that may use an account. Each workload has an access key whose secret nobody knows. The service
//! authenticates the workload by its JWT and gives it the rights of this key.

use crate::grant::{AccessKeyId, KeyHolder, KeyRole};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

use super::ClaimList;

/// The identity of a workload that may use an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadBinding {
    /// The name of the policy that the JWT must meet.
    pub workload: String,
    /// The `iss` of the workload's tokens.
    pub issuer: String,
    /// The claims that identify the workload permanently, with their values.
    pub claims: ClaimList,
}

/// A workload to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkload {
    /// The workload.
    pub binding: WorkloadBinding,
    /// The hash of the issuer and the claims, for looking up the workload.
    pub identity: KeyedHash,
    /// The MAC over the binding and the hash of the workload's key.
    pub mac: KeyedHash,
}

/// A stored workload with its key and what the key gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadAccess {
    /// The workload's key.
    pub key: KeyHolder,
    /// The workload.
    pub binding: WorkloadBinding,
    /// The MAC over the binding and the hash of the workload's key.
    pub mac: KeyedHash,
}

/// A workload as listed for the owner of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadRecord {
    /// The number of the workload's key.
    pub id: AccessKeyId,
    /// The workload.
    pub binding: WorkloadBinding,
    /// What the workload may do.
    pub role: KeyRole,
    /// When the workload was added.
    pub created_at: Timestamp,
    /// When the workload's key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When the workload last used its key, to the minute.
    pub last_used_at: Option<Timestamp>,
}
