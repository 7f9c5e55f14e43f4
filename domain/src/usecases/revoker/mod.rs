//! Revokes tokens that nobody needs any more.
//!
//! The runtime gets a lease from [`Revoker::claim_due`] or from the deletion of an account (one transaction), calls the
//! provider with [`Revoker::attempt`] (no transaction is open), and stores the result with [`Revoker::record_result`]
//! (another transaction).

mod attempt;
mod intake;
mod list;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{AuditLog, Ports, Providers, Settings};
use crate::audit::{Actor, AuditEvent};
use crate::clock_step::LEASE_MARGIN;
use crate::entropy::Entropy;
use crate::fault::{Fault, FaultCode};
use crate::grant::ProviderName;
use crate::grant::revocation::{
    KEPT_AFTER_END, MOST_EXCHANGES, Revocation, RevocationLease, RevocationResult, RevocationStatus,
};
use crate::observe::{Observer, RevocationOutcome};
use crate::ports::{Clock, RevocationStore, StoreError, WriteTestStore};
use crate::time::Timestamp;
use crate::vault::Vault;

pub use list::{ADMIN_ONLY, RevocationPage};

/// Revokes tokens at providers (RFC 7009), and retries for a day.
pub struct Revoker {
    revocations: Arc<dyn RevocationStore>,
    write_tests: Arc<dyn WriteTestStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    provider_timeout: Duration,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

/// Revokes tokens while a caller waits.
#[async_trait]
pub trait RevokeOnDemand: Send + Sync {
    /// Makes one attempt at a leased revocation. Returns after the attempt, or after `timeout`. The attempt runs to
    /// completion even if the caller disconnects, and its result is in the store afterwards.
    async fn revoke(&self, lease: RevocationLease, timeout: Duration);
}

impl Revoker {
    pub(super) fn new(ports: &Ports, settings: &Settings) -> Self {
        Self {
            revocations: ports.store.clone(),
            write_tests: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            provider_timeout: settings.provider_timeout,
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Returns the clock with which the runtime measures timeouts of revocations.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Leases up to `limit` revocations that are due, except at the providers in `busy`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError> {
        self.write_tests.test_write(None).await?;
        let now = self.clock.now();
        let until = self.lease_until(now);
        self.revocations
            .claim_due_revocations(now, until, limit, busy)
            .await
    }

    /// Returns how long until a revocation is due at a provider that is not in `busy`; `None` if none is scheduled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let next = self.revocations.next_revocation_at(busy).await?;
        Ok(next.map(|at| at.since(self.clock.now())))
    }

    /// Records the result of an attempt. Does nothing if there is no result, because the lease has expired or the
    /// revocation was cancelled.
    ///
    /// # Errors
    /// When the store fails: call it again with the same result.
    pub async fn record_result(
        &self,
        lease: &RevocationLease,
        result: Option<&RevocationResult>,
    ) -> Result<(), StoreError> {
        let Some(result) = result else { return Ok(()) };
        let (id, version) = (lease.revocation.id, lease.revocation.lease.version);
        let now = self.clock.now();
        let recorded = self
            .revocations
            .record_revocation(id, version, result.clone(), now);
        let kept = recorded.await?;
        let (revocation, provider) = (id.0, &lease.revocation.provider);
        let outcome = outcome(result);
        self.observer.revocation_attempted(provider, outcome);
        match result {
            RevocationResult::Ended { fault, .. } => {
                let code = fault.as_ref().map(|fault| &*fault.code);
                let event = AuditEvent::revocation_ended(&lease.revocation, outcome, code);
                if kept {
                    self.audit.record(event, Actor::Service, None);
                }
                let outcome = outcome.as_str();
                let detail = fault.as_ref().map(|fault| &*fault.detail);
                tracing::info!(revocation, %provider, outcome, code, detail, kept, "revocation ended");
            }
            RevocationResult::Again { fault, .. } => {
                log_failure(&lease.revocation, fault, kept);
            }
        }
        Ok(())
    }

    /// Deletes up to `limit` revocations that ended more than a week ago. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let ended_before = self.clock.now() - KEPT_AFTER_END;
        self.revocations
            .purge_revocations(ended_before, limit)
            .await
    }

    fn lease_until(&self, now: Timestamp) -> Timestamp {
        now + self.provider_timeout * MOST_EXCHANGES + LEASE_MARGIN
    }
}

/// Logs a failure at `WARN` if its code is new, else at `DEBUG`, because a revocation is retried for a day. A postponed
/// attempt is no failure.
fn log_failure(before: &Revocation, fault: &Fault, kept: bool) {
    let (revocation, provider) = (before.id.0, &before.provider);
    let (code, detail) = (&*fault.code, &*fault.detail);
    let known = before.last_error.as_ref().map(|fault| &*fault.code);
    if fault.code == FaultCode::LinkInProgress {
        tracing::info!(revocation, %provider, code, detail, kept, "revocation postponed");
    } else if known == Some(code) {
        tracing::debug!(revocation, %provider, code, detail, kept, "not revoked yet, as before");
    } else {
        tracing::warn!(revocation, %provider, code, detail, kept, "not revoked yet");
    }
}

fn outcome(result: &RevocationResult) -> RevocationOutcome {
    match result {
        RevocationResult::Again { .. } => RevocationOutcome::Again,
        RevocationResult::Ended { status, .. } => match status {
            RevocationStatus::Revoked => RevocationOutcome::Revoked,
            RevocationStatus::Unsupported => RevocationOutcome::Unsupported,
            RevocationStatus::Cancelled => RevocationOutcome::Cancelled,
            RevocationStatus::Failed | RevocationStatus::Pending => RevocationOutcome::Failed,
        },
    }
}
