use std::time::Duration;

use super::Refresher;
use super::answer::unsealable;
use super::outage_watch::log_if_not_stored;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::{OtherGrants, RefreshFailure, judge, wait_for_operator};
use crate::grant::{AccountStatus, RefreshedTokens, StoredTokens};
use crate::observe::RefreshOutcome;
use crate::ports::{CipherError, OAuthProvider, ProviderError, RefreshError};
use crate::replica::running;
use crate::secret::RefreshToken;
use crate::time::Timestamp;

/// The outcome of a refresh request, ready to be recorded.
#[derive(Debug, Clone)]
pub enum RefreshResult {
    /// The provider accepted the refresh token. The new access token may still be unusable.
    Refreshed(Box<RefreshedTokens>),
    /// The refresh failed. Carries the consequences for the account.
    Failed(Box<RefreshFailure>),
    /// The refresh token was not sent: the lease was lost, the account waits for a probe, or the store is not writable.
    Unsent,
}

pub(super) enum AttemptError {
    Provider(RefreshError),
    /// Only the operator can fix the cause.
    Operator(Fault),
    LeaseLost,
}

impl AttemptError {
    /// Returns the outcome for metrics; `None` if the lease was lost.
    const fn outcome(&self) -> Option<RefreshOutcome> {
        match self {
            Self::LeaseLost => None,
            Self::Operator(_) => Some(RefreshOutcome::Misconfigured),
            Self::Provider(error) => Some(match &error.cause {
                ProviderError::Misconfigured { .. } => RefreshOutcome::Misconfigured,
                ProviderError::Refused { .. } => RefreshOutcome::Refused,
                _ => RefreshOutcome::Unavailable,
            }),
        }
    }
}

impl From<CipherError> for AttemptError {
    fn from(error: CipherError) -> Self {
        let code = match error {
            CipherError::UnknownKey => FaultCode::SecretKeyMissing,
            CipherError::Corrupt | CipherError::TooLarge => FaultCode::InternalError,
        };
        let words = format!("the stored refresh token cannot be decrypted: {error}");
        Self::Operator(Fault::new(code, words))
    }
}

impl Refresher {
    /// Sends the refresh token of a leased account. Writes only the outage of the provider to the store;
    /// [`Refresher::record_result`] stores the result.
    #[tracing::instrument(
        level = "debug",
        name = "refresh attempt",
        skip_all,
        fields(account = lease.account.id.0, provider = %lease.account.key.provider)
    )]
    pub async fn attempt(&self, lease: &StoredTokens) -> RefreshResult {
        let (due, started_at) = (lease.account.next_refresh_at, self.clock.now());
        // There is no lag if a caller has requested a refresh that is not due yet.
        let lag = due.filter(|due| *due <= started_at);
        let lag = lag.map(|due| started_at.since(due));
        let error = match self.send_refresh_token(lease).await {
            Ok(tokens) => {
                let outcome = match tokens.access_token {
                    Ok(_) => RefreshOutcome::Refreshed,
                    Err(_) => RefreshOutcome::Unavailable,
                };
                self.report(lease, outcome, lag);
                return RefreshResult::Refreshed(Box::new(tokens));
            }
            Err(error) => error,
        };
        let outcome = error.outcome();
        let before = lease.attempts.after_waiting(lag.unwrap_or_default());
        let now = self.clock.now();
        let spread = self.entropy.fraction();
        let failure = match error {
            AttemptError::LeaseLost => return RefreshResult::Unsent,
            AttemptError::Operator(fault) => {
                let are_others_running =
                    fault.code.is_local() && self.are_others_running(now).await;
                if are_others_running {
                    self.claim_delay.note_unsendable(now);
                }
                wait_for_operator(before, fault, are_others_running, now, spread)
            }
            AttemptError::Provider(error) => {
                let error = self.outages.reinterpret(lease, error);
                let others = self.others(lease).await;
                judge(before, &error, others, now, spread)
            }
        };
        // `record_result` reports `RelinkRequired`, once it is stored.
        if let Some(outcome) = outcome
            && failure.status != AccountStatus::RelinkRequired
        {
            self.report(lease, outcome, lag);
        }
        RefreshResult::Failed(Box::new(with_earlier_verdict(failure, lease)))
    }

    /// Returns the state of the provider's other grants. If the store fails, assumes that other grants exist.
    async fn others(&self, lease: &StoredTokens) -> OtherGrants {
        let others = self.accounts.has_others_alive(&lease.account).await;
        OtherGrants {
            exist: others.unwrap_or(true),
            refreshed_at: self.outages.known.last_refresh(&lease.account.key.provider),
        }
    }

    /// Whether other replicas are running, which may be able to refresh. Returns `true` if the store fails.
    async fn are_others_running(&self, now: Timestamp) -> bool {
        let replicas = self.replicas.replicas().await;
        replicas.map_or(true, |replicas| running(replicas, now).len() > 1)
    }

    pub(super) fn report(
        &self,
        lease: &StoredTokens,
        outcome: RefreshOutcome,
        lag: Option<Duration>,
    ) {
        let provider = &lease.account.key.provider;
        self.observer.refresh_attempted(provider, outcome, lag);
    }

    async fn send_refresh_token(
        &self,
        lease: &StoredTokens,
    ) -> Result<RefreshedTokens, AttemptError> {
        let (provider, refresh_token) = match self.prepare(lease).await {
            Err(AttemptError::Provider(error)) => {
                self.outages.note_error(lease, &error).await;
                return Err(AttemptError::Provider(error));
            }
            Err(AttemptError::Operator(fault)) => {
                let given_back = self.outages.give_probe_back(lease).await;
                log_if_not_stored(&lease.account.key.provider, given_back);
                return Err(AttemptError::Operator(fault));
            }
            // `record_result` releases the lease. If the account was the probe, it also lets another account be probed.
            Err(error) => return Err(error),
            Ok(ready) => ready,
        };
        let requested_at = self.clock.now();
        let answer = provider
            .refresh(&refresh_token, &lease.account.scopes)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.outages.note_error(lease, &error).await;
                return Err(AttemptError::Provider(error));
            }
        };
        self.outages.note_success(lease);
        self.seal(lease, &answer, requested_at)
            .map_err(|error| AttemptError::Provider(unsealable(error)))
    }

    /// Returns the provider of a lease and the decrypted refresh token, if the refresh token may be sent now.
    async fn prepare(
        &self,
        lease: &StoredTokens,
    ) -> Result<(&dyn OAuthProvider, RefreshToken), AttemptError> {
        let ready = self.open_refresh_token(lease).await?;
        let can_store = self.write_tests.test_write(None).await.is_ok();
        if !can_store || self.outages.waits_for_probe(lease) || !self.is_still_leased(lease).await {
            return Err(AttemptError::LeaseLost);
        }
        Ok(ready)
    }

    /// Returns the provider and the decrypted refresh token, if this process has the configuration and the secret key
    /// to send it.
    pub(super) async fn open_refresh_token(
        &self,
        tokens: &StoredTokens,
    ) -> Result<(&dyn OAuthProvider, RefreshToken), AttemptError> {
        let key = &tokens.account.key;
        let provider = self.providers.get(&key.provider).map_err(|refusal| {
            let words = refusal.to_string();
            AttemptError::Operator(Fault::new(FaultCode::ProviderNotConfigured, words))
        })?;
        let origin = provider.origin().await;
        let origin = origin.map_err(|cause| AttemptError::Provider(RefreshError::from(cause)))?;
        if !tokens.origin.may_be_sent_to(&origin) {
            return Err(AttemptError::Operator(client_changed()));
        }
        let sealed = tokens.refresh_token.as_ref();
        let sealed = sealed.ok_or(AttemptError::LeaseLost)?;
        Ok((provider.as_ref(), self.vault.open(sealed, key)?))
    }

    /// Whether the lease outlasts a provider call that starts now, and the stored lease and generation are unchanged.
    /// Reads the clock after the store has responded, because the store may be slow, or the process suspended
    /// meanwhile.
    async fn is_still_leased(&self, lease: &StoredTokens) -> bool {
        let stored = self.accounts.tokens(lease.account.id).await;
        let answered_by = self.clock.now() + self.provider_timeout;
        lease.lease.until > Some(answered_by)
            && stored.is_ok_and(|stored| {
                stored.is_some_and(|stored| {
                    stored.lease == lease.lease && stored.generation == lease.generation
                })
            })
    }
}

fn client_changed() -> Fault {
    let words = "the tokens came from another issuer, token endpoint or client id than the one that is configured \
        now; restore the configuration, or link the account again";
    Fault::new(FaultCode::ClientChanged, words)
}

/// If the grant was given up before, it stays given up with its original error, unless this failure also ends the
/// grant.
fn with_earlier_verdict(failure: RefreshFailure, lease: &StoredTokens) -> RefreshFailure {
    if lease.account.status != AccountStatus::RelinkRequired
        || failure.status == AccountStatus::RelinkRequired
    {
        return failure;
    }
    RefreshFailure {
        is_shown: failure.is_shown,
        status: AccountStatus::RelinkRequired,
        fault: lease.account.last_error.clone().unwrap_or(failure.fault),
        next_refresh_at: None,
        attempts: failure.attempts,
    }
}
