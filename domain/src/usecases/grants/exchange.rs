//! Presenting a refresh token.

use std::time::Duration;

use super::Grants;
use super::answer::unsealable;
use super::outages::{Admitted, Outage};
use crate::fault::Fault;
use crate::grant::refresh::{Others, RefreshFailure, judge, wait_for_operator, wait_for_provider};
use crate::grant::{AccountStatus, ProviderName, RefreshedTokens, StoredTokens};
use crate::observe::RefreshOutcome;
use crate::ports::{CipherError, OAuthProvider, ProviderError, RefreshError};
use crate::secret::RefreshToken;
use crate::time::Timestamp;

/// What presenting a refresh token brought, ready to be recorded.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// New tokens.
    Refreshed(Box<RefreshedTokens>),
    /// None, and what that means.
    Failed(Box<RefreshFailure>),
    /// Nothing was sent: the lease was over, or the answer could not have been stored.
    Unsent,
}

/// Why there are no new tokens.
enum Trouble {
    Provider(RefreshError),
    /// Only the operator can do something about it.
    Operator(Fault),
    /// The provider does not serve us, and somebody else finds out when it does again.
    Outage(Outage),
    LeaseLost,
}

impl Trouble {
    /// How it counts; nothing was tried under a lease that is over.
    const fn outcome(&self) -> Option<RefreshOutcome> {
        match self {
            Self::LeaseLost => None,
            Self::Operator(_) => Some(RefreshOutcome::Misconfigured),
            Self::Outage(_) => Some(RefreshOutcome::Postponed),
            Self::Provider(error) => Some(match &error.cause {
                ProviderError::Misconfigured { .. } => RefreshOutcome::Misconfigured,
                ProviderError::Refused { .. } => RefreshOutcome::Refused,
                _ => RefreshOutcome::Unavailable,
            }),
        }
    }
}

impl From<CipherError> for Trouble {
    fn from(error: CipherError) -> Self {
        let words = format!("the stored refresh token does not open: {error}");
        Self::Operator(Fault::new("internal_error", words))
    }
}

impl Grants {
    /// Presents the refresh token of a lease. Changes nothing that is stored.
    #[tracing::instrument(
        level = "debug",
        name = "refresh attempt",
        skip_all,
        fields(account = lease.account.id.0, provider = %lease.account.key.provider)
    )]
    pub async fn exchange(&self, lease: &StoredTokens) -> Exchange {
        let due = lease.account.next_refresh_at;
        let lag = due.and_then(|due| self.lag(due));
        let trouble = match self.present(lease).await {
            Ok(tokens) => {
                let outcome = match tokens.access_token {
                    Ok(_) => RefreshOutcome::Refreshed,
                    Err(_) => RefreshOutcome::Unavailable,
                };
                self.tell(lease, outcome, lag);
                return Exchange::Refreshed(Box::new(tokens));
            }
            Err(trouble) => trouble,
        };
        let unheard = trouble.outcome();
        let (before, now) = (lease.attempts, self.clock.now());
        let spread = self.entropy.fraction();
        let failure = match trouble {
            Trouble::LeaseLost => return Exchange::Unsent,
            Trouble::Operator(fault) => wait_for_operator(before, fault, now),
            Trouble::Outage(Outage { probe_at, fault }) => {
                wait_for_provider(before, fault, probe_at, now, spread)
            }
            Trouble::Provider(error) => {
                let others = self.others(lease).await;
                judge(before, &error, others, now, spread)
            }
        };
        // A verdict counts once it stands: see `record`.
        if let Some(outcome) = unheard
            && failure.status != AccountStatus::RelinkRequired
        {
            self.tell(lease, outcome, lag);
        }
        Exchange::Failed(Box::new(still_over(failure, lease)))
    }

    /// How the provider's other grants fare. Where the store does not say, it is taken that there are some.
    async fn others(&self, lease: &StoredTokens) -> Others {
        let others = self.store.has_others_alive(&lease.account).await;
        Others {
            exist: others.unwrap_or(true),
            refreshed_at: self.outages.last_refresh(&lease.account.key.provider),
        }
    }

    /// How long a refresh has been due; `None` where it is not due yet, for somebody has asked for it.
    fn lag(&self, due: Timestamp) -> Option<Duration> {
        let now = self.clock.now();
        (due <= now).then(|| now.since(due))
    }

    pub(super) fn tell(
        &self,
        lease: &StoredTokens,
        outcome: RefreshOutcome,
        lag: Option<Duration>,
    ) {
        let provider = &lease.account.key.provider;
        self.observer.refresh_tried(provider, outcome, lag);
    }

    async fn present(&self, lease: &StoredTokens) -> Result<RefreshedTokens, Trouble> {
        let key = &lease.account.key;
        let provider = self.providers.get(&key.provider).map_err(|refusal| {
            Trouble::Operator(Fault::new(Fault::NOT_CONFIGURED, refusal.to_string()))
        })?;
        let now = self.clock.now();
        let admitted = self
            .outages
            .admit(&key.provider, now, self.provider_timeout);
        let admitted = admitted.map_err(Trouble::Outage)?;
        let refresh_token = match self.make_ready(provider.as_ref(), lease).await {
            Err(Trouble::Provider(error)) => {
                self.note(&key.provider, Some(&error));
                return Err(Trouble::Provider(error));
            }
            // Nobody was asked.
            Err(trouble) => {
                if admitted == Admitted::AsProbe {
                    let now = self.clock.now();
                    self.outages.give_probe_back(&key.provider, now);
                }
                return Err(trouble);
            }
            Ok(refresh_token) => refresh_token,
        };
        let requested_at = self.clock.now();
        let answer = provider
            .refresh(&refresh_token, &lease.account.scopes)
            .await;
        self.note(&key.provider, answer.as_ref().err());
        let answer = answer.map_err(Trouble::Provider)?;
        self.seal(lease, &answer, requested_at)
            .map_err(|error| Trouble::Provider(unsealable(error)))
    }

    /// The refresh token of a lease, if it may be presented to this provider, and now.
    async fn make_ready(
        &self,
        provider: &dyn OAuthProvider,
        lease: &StoredTokens,
    ) -> Result<RefreshToken, Trouble> {
        let origin = provider.origin().await;
        let origin = origin.map_err(|cause| Trouble::Provider(RefreshError::from(cause)))?;
        if !lease.origin.may_be_sent_to(&origin) {
            return Err(Trouble::Operator(client_changed()));
        }
        let sealed = lease.refresh_token.as_ref().ok_or(Trouble::LeaseLost)?;
        let refresh_token = self.vault.open_refresh_token(sealed, &lease.account.key)?;
        let can_store = self.store.test_write(None).await.is_ok();
        if !can_store || !self.holds(lease).await {
            return Err(Trouble::LeaseLost);
        }
        Ok(refresh_token)
    }

    /// Remembers whether the provider serves us. One that refuses our client does so whoever's refresh token it is shown.
    fn note(&self, provider: &ProviderName, error: Option<&RefreshError>) {
        let now = self.clock.now();
        match error.map(|error| &error.cause) {
            None if self.outages.refreshed(provider, now) => self.outage_over(provider),
            Some(cause) if cause.is_passing() || is_the_operator_s(cause) => {
                let (pause, spread) = (cause.retry_after(), self.entropy.fraction());
                let fault = told_to_others(cause);
                if self.outages.failed(provider, fault, pause, now, spread) {
                    tracing::warn!(%provider, error = %cause, "the provider is down, or refuses this client");
                    self.observer.outage(provider, true);
                }
            }
            Some(_) if self.outages.answered(provider) => self.outage_over(provider),
            _ => {}
        }
    }

    fn outage_over(&self, provider: &ProviderName) {
        tracing::info!(%provider, "the provider answers again");
        self.observer.outage(provider, false);
    }

    /// Whether the lease outlasts a provider call that starts now, and nothing has come in between. Now is when the
    /// store has answered: a process may be stopped, or its database out of reach, while it waits for that.
    async fn holds(&self, lease: &StoredTokens) -> bool {
        let stored = self.store.tokens(lease.account.id).await;
        let answered_by = self.clock.now() + self.provider_timeout;
        lease.lease.until > Some(answered_by)
            && stored.is_ok_and(|stored| {
                stored.is_some_and(|stored| {
                    stored.lease == lease.lease && stored.generation == lease.generation
                })
            })
    }
}

/// What accounts are told that were not tried: nothing that the provider has said about another one.
fn told_to_others(cause: &ProviderError) -> Fault {
    if is_the_operator_s(cause) {
        return cause.into();
    }
    let words = "the provider is down; it is being probed";
    Fault::new(Fault::UNAVAILABLE, words)
}

const fn is_the_operator_s(cause: &ProviderError) -> bool {
    matches!(cause, ProviderError::Misconfigured { .. })
}

fn client_changed() -> Fault {
    let words = "the tokens came from another issuer, token endpoint or client id than the one that is configured now; put \
                 the configuration back, or link the account again";
    Fault::new(Fault::CLIENT_CHANGED, words)
}

/// A grant that was given up and tried all the same is given up still, for the reason it was given up for.
fn still_over(failure: RefreshFailure, lease: &StoredTokens) -> RefreshFailure {
    if lease.account.status != AccountStatus::RelinkRequired
        || failure.status == AccountStatus::RelinkRequired
    {
        return failure;
    }
    RefreshFailure {
        status: AccountStatus::RelinkRequired,
        fault: lease.account.last_error.clone().unwrap_or(failure.fault),
        next_refresh_at: None,
        attempts: failure.attempts,
    }
}
