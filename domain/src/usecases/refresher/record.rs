use super::{RefreshResult, Refresher};
use crate::audit::Actor;
use crate::grant::refresh::RefreshFailure;
use crate::grant::{AccountStatus, RefreshedTokens, StoredTokens};
use crate::observe::RefreshOutcome;
use crate::ports::{RecordedRefresh, StoreError};

impl Refresher {
    /// Records the result of [`Refresher::attempt`].
    ///
    /// # Errors
    /// When the store fails: call it again with the same result.
    pub async fn record_result(
        &self,
        lease: &StoredTokens,
        result: &RefreshResult,
    ) -> Result<(), StoreError> {
        let recorded = match result {
            RefreshResult::Refreshed(tokens) => self.store_tokens(lease, tokens).await,
            RefreshResult::Failed(failure) => self.store_failure(lease, failure).await,
            RefreshResult::Unsent => self.give_back_unsent(lease).await,
        };
        // The store may have recorded the result even if it returned an error.
        self.cache.invalidate(lease.account.id);
        if recorded.is_ok() && matches!(result, RefreshResult::Refreshed(_)) {
            self.outages.note_saved(lease).await;
        }
        recorded
    }

    async fn store_tokens(
        &self,
        lease: &StoredTokens,
        tokens: &RefreshedTokens,
    ) -> Result<(), StoreError> {
        let account = &lease.account;
        let (generation, version) = (lease.generation, lease.lease.version);
        let recorded = self.refreshes.record_refresh(
            account.id,
            generation,
            version,
            tokens.clone(),
            self.audit.draft(Actor::Service, None),
        );
        let (id, provider) = (account.id.0, &account.key.provider);
        let recorded = match recorded.await {
            // The account was deleted, or got tokens of another origin during the refresh.
            Err(StoreError::Conflict) => {
                let stray = self.revoker.of_refresh(lease, tokens);
                return self.revoker.store_stray(stray).await;
            }
            recorded => recorded?,
        };
        match recorded {
            RecordedRefresh::Stored if let Err(failure) = &tokens.access_token => {
                log_failure(lease, failure, true);
            }
            RecordedRefresh::Stored if account.status != AccountStatus::Active => {
                tracing::info!(account = id, %provider, "refreshed: the grant has recovered");
            }
            RecordedRefresh::Stored => tracing::debug!(account = id, %provider, "refreshed"),
            RecordedRefresh::Superseded => {
                tracing::warn!(account = id, %provider, "refreshed too late: newer tokens are stored");
            }
        }
        Ok(())
    }

    /// Releases the lease. If the account was the probe of an outage, lets another account be probed.
    async fn give_back_unsent(&self, lease: &StoredTokens) -> Result<(), StoreError> {
        self.release(lease).await?;
        self.outages.give_probe_back(lease).await
    }

    async fn store_failure(
        &self,
        lease: &StoredTokens,
        failure: &RefreshFailure,
    ) -> Result<(), StoreError> {
        let kept = self.refreshes.record_refresh_failure(
            lease.account.id,
            lease.generation,
            lease.lease.version,
            failure.clone(),
            self.audit.draft(Actor::Service, None),
        );
        let kept = kept.await?;
        if failure.status == AccountStatus::RelinkRequired {
            let is_news = kept && lease.account.status != AccountStatus::RelinkRequired;
            let outcome = match is_news {
                true => RefreshOutcome::RelinkRequired,
                false => RefreshOutcome::Refused,
            };
            self.report(lease, outcome, None);
        }
        log_failure(lease, failure, kept);
        Ok(())
    }
}

/// Whether the account already has the status and the error code of this failure.
fn is_old(lease: &StoredTokens, failure: &RefreshFailure) -> bool {
    let before = lease.account.last_error.as_ref();
    lease.account.status == failure.status
        && before.is_some_and(|before| before.code == failure.fault.code)
}

/// Logs a failure: at `WARN` if it is shown and has a new status or error code, else at `DEBUG`.
fn log_failure(lease: &StoredTokens, failure: &RefreshFailure, kept: bool) {
    let (code, detail) = (&*failure.fault.code, &*failure.fault.detail);
    let (account, provider) = (lease.account.id.0, &lease.account.key.provider);
    if !failure.is_shown {
        tracing::debug!(account, %provider, code, detail, kept, "not refreshed; left to other replicas");
    } else if is_old(lease, failure) {
        tracing::debug!(account, %provider, code, detail, kept, "not refreshed, as before");
    } else if failure.status == AccountStatus::RelinkRequired {
        tracing::warn!(account, %provider, code, detail, kept, "a person must consent again");
    } else {
        tracing::warn!(account, %provider, code, detail, kept, "not refreshed");
    }
}
