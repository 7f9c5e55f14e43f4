use async_trait::async_trait;

use super::StoreError;
use crate::grant::{AccessKeyId, AccountId};
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::workload::{NewWorkload, WorkloadAccess, WorkloadRecord};

/// Stores workloads that may use accounts, and used single-use tokens. A workload is deleted with its key.
#[async_trait]
pub trait WorkloadStore: Send + Sync {
    /// Returns the workloads with this identity whose keys have not expired at `now`, and what these keys give access
    /// to. Reads everything from one snapshot.
    async fn find_workloads(
        &self,
        identity: &KeyedHash,
        now: Timestamp,
    ) -> Result<Vec<WorkloadAccess>, StoreError>;

    /// Returns up to `limit` workloads of an account after the key `after`, in the order of their keys' numbers.
    async fn workloads(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<WorkloadRecord>, StoreError>;

    /// Whether this key belongs to a workload of the account.
    async fn is_workload(&self, account: AccountId, key: AccessKeyId) -> Result<bool, StoreError>;

    /// Deletes the records of up to `limit` used tokens that expired before `expired_before`. Returns how many were
    /// deleted.
    async fn purge_used_tokens(
        &self,
        expired_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}

/// A single-use token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleUse {
    /// The hash of the token, which detects a second use.
    pub hash: KeyedHash,
    /// When the token expires. The store must keep the hash until then.
    pub expires_at: Timestamp,
}

/// The workload that requests a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkingWorkload {
    /// The token with which the workload authenticates.
    pub token: SingleUse,
    /// The workload that uses the link's new key. `None` for a relink, because a relink creates no key.
    pub binding: Option<NewWorkload>,
}
