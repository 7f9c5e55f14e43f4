//! Refreshes tokens for a waiting caller, or explains why there are none.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Fault, FaultCode};
use crate::grant::{AccountId, AccountStatus, StoredTokens};
use crate::ports::{Clock, WriteTestStore};
use crate::time::Timestamp;
use crate::usecases::account_reader::AccountReader;
use crate::usecases::refresher::{failed_locally, may_try};
use crate::usecases::{Ports, RefreshOnDemand, RefreshRequest, Refusal};

/// Fault codes that this service sets itself, without a rejection by the provider.
const OURS: [FaultCode; 3] = [
    FaultCode::ProviderUnavailable,
    FaultCode::ProviderNotConfigured,
    FaultCode::SecretKeyMissing,
];

/// The refusal for a healthy account without a refresh token, while its access token is valid.
pub const NOTHING_TO_REFRESH_WITH: &str = "the provider gave no refresh token, so the account cannot be refreshed; \
    the access token is served until it expires";

/// How long a caller waits for a refresh. The HTTP adapter responds after 14.5 s at the latest, which leaves 1.5 s for
/// the rest of the request.
const TIMEOUT: Duration = Duration::from_secs(13);

#[derive(Clone)]
pub(crate) struct Renewal {
    pub(super) accounts: AccountReader,
    write_tests: Arc<dyn WriteTestStore>,
    clock: Arc<dyn Clock>,
    refresher: Arc<dyn RefreshOnDemand>,
}

impl Renewal {
    pub(crate) fn new(
        ports: &Ports,
        accounts: &AccountReader,
        refresher: Arc<dyn RefreshOnDemand>,
    ) -> Self {
        Self {
            accounts: accounts.clone(),
            write_tests: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            refresher,
        }
    }

    pub(crate) async fn stored(&self, id: AccountId) -> Result<StoredTokens, Refusal> {
        self.accounts.tokens(id).await
    }

    /// Tries a refresh, unless none may be tried now, and returns the tokens that are stored afterwards.
    pub(crate) async fn refreshed(&self, tokens: StoredTokens) -> Result<StoredTokens, Refusal> {
        if !may_try(&tokens, self.clock.now()) && !failed_locally(&tokens) {
            return Ok(tokens);
        }
        let request = RefreshRequest::for_better_than(&tokens);
        self.refresher.refresh(request, TIMEOUT).await;
        self.stored(tokens.account.id).await
    }

    /// Returns the refusal for an account whose access token has expired.
    pub(crate) async fn why_no_token(&self, tokens: &StoredTokens) -> Refusal {
        match self.write_tests.test_write(None).await {
            Err(error) if !is_over(tokens) => error.into(),
            _ => no_token_now(tokens, self.clock.now()),
        }
    }

    /// Returns the reason why a refresh brought no newer tokens than these.
    pub(crate) async fn why_not_refreshed(&self, tokens: &StoredTokens) -> Refusal {
        if tokens.refresh_token.is_none() && tokens.account.status == AccountStatus::Active {
            return Refusal::Unprocessable(NOTHING_TO_REFRESH_WITH.to_owned());
        }
        match &tokens.account.last_error {
            Some(fault) if !is_over(tokens) && !OURS.contains(&fault.code) => {
                Refusal::ProviderRefused(fault.detail.clone())
            }
            None if !is_over(tokens) => self.why_not_tried(tokens).await,
            _ => self.why_no_token(tokens).await,
        }
    }

    /// Returns the reason why an account without an error was not refreshed. During an outage, the account may have to
    /// wait for the next probe.
    async fn why_not_tried(&self, tokens: &StoredTokens) -> Refusal {
        match self.accounts.outage(&tokens.account.key.provider).await {
            Err(error) => error.into(),
            Ok(None) => self.why_no_token(tokens).await,
            Ok(Some(outage)) => Refusal::ProviderUnavailable {
                retry_after: outage.probe_at.since(self.clock.now()),
                detail: outage.fault.detail,
            },
        }
    }
}

/// Returns the reason why an account has no valid token, if the store is not the reason.
fn no_token_now(tokens: &StoredTokens, now: Timestamp) -> Refusal {
    let fault = tokens.account.last_error.clone();
    if is_over(tokens) {
        let over = || {
            Fault::new(
                FaultCode::NoRefreshToken,
                "the provider gave no refresh token",
            )
        };
        return Refusal::RelinkRequired(fault.unwrap_or_else(over));
    }
    if let Some(fault) = fault
        .as_ref()
        .filter(|fault| fault.code == FaultCode::ProviderNotConfigured)
    {
        return Refusal::ProviderNotConfigured(fault.detail.clone());
    }
    // After a failure or during an outage, `next_refresh_at` is the end of the pause. Otherwise it is the scheduled
    // refresh, which may be much later.
    let is_degraded = tokens.account.status == AccountStatus::Degraded;
    let paused = tokens.attempts.failures > 0 || is_degraded;
    let next = tokens.account.next_refresh_at.filter(|_| paused);
    let under_way = || "the token is being refreshed; try again soon".to_owned();
    Refusal::ProviderUnavailable {
        detail: fault.map_or_else(under_way, |fault| fault.detail),
        retry_after: next.map_or(Duration::ZERO, |at| at.since(now)),
    }
}

/// Whether waiting does not help: somebody must consent again, or change the configuration.
fn is_over(tokens: &StoredTokens) -> bool {
    let changed = |fault: &Fault| fault.code == FaultCode::ClientChanged;
    tokens.refresh_token.is_none()
        || tokens.account.status == AccountStatus::RelinkRequired
        || tokens.account.last_error.as_ref().is_some_and(changed)
}
