//! Recognises workloads by their JWTs, and manages which of them may use an account.

mod account_workloads;
mod recognise;
mod record;
mod serve;
mod verified;

use std::sync::Arc;

use super::account_reader::AccountReader;
use super::{AuditLog, Keys, Ports, Settings};
use crate::entropy::Entropy;
use crate::ports::{Clock, LinkStore, StoreError, WorkloadIdentities, WorkloadStore};
use crate::vault::Vault;
use crate::workload::{CLOCK_SKEW, Policy, TrustedIssuer};

pub use account_workloads::{NO_SUCH_POLICY, NO_SUCH_WORKLOAD, WorkloadPage, WorkloadRequest};
pub use serve::{SEVERAL_ACCOUNTS, WorkloadAction, WorkloadCall};
pub(super) use verified::VerifiedWorkload;

/// Which workloads the operator trusts.
#[derive(Clone)]
pub struct WorkloadTrust {
    /// Verifies the signatures of JWTs.
    pub identities: Arc<dyn WorkloadIdentities>,
    /// The issuers whose JWTs are accepted.
    pub issuers: Vec<TrustedIssuer>,
    /// The policies, which say what the workloads of an issuer may do.
    pub policies: Vec<Policy>,
}

/// Recognises workloads by their JWTs, and manages which of them may use an account.
pub struct Workloads {
    trust: Option<WorkloadTrust>,
    store: Arc<dyn WorkloadStore>,
    links: Arc<dyn LinkStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    accounts: AccountReader,
    keys: Arc<Keys>,
    audit: Arc<AuditLog>,
}

impl Workloads {
    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        accounts: &AccountReader,
        keys: Arc<Keys>,
    ) -> Self {
        Self {
            trust: settings.workloads.clone(),
            store: ports.store.clone(),
            links: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            accounts: accounts.clone(),
            keys,
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Whether any workload is trusted.
    pub const fn are_trusted(&self) -> bool {
        self.trust.is_some()
    }

    /// Deletes up to `limit` records of used JWTs that have expired. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_used_tokens(&self, limit: u64) -> Result<u64, StoreError> {
        // A replica whose clock is behind may still accept a JWT that has expired by this clock.
        let expired_before = self.clock.now() - CLOCK_SKEW;
        self.store.purge_used_tokens(expired_before, limit).await
    }
}
