//! Presenting a refresh token.

use super::Grants;
use crate::fault::Fault;
use crate::grant::refresh::{RefreshFailure, due_at, judge, wait_for_operator};
use crate::grant::{AccountStatus, RefreshedTokens, StoredTokens, TokenGrant};
use crate::ports::{CipherError, ProviderError, RefreshError};
use crate::time::Timestamp;

/// What presenting a refresh token brought, ready to be recorded.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// New tokens.
    Refreshed(Box<RefreshedTokens>),
    /// None, and what that means.
    Failed(Box<RefreshFailure>),
    /// The lease was over before anything was sent.
    Unsent,
}

/// Why there are no new tokens.
enum Trouble {
    Provider(RefreshError),
    /// Only the operator can do something about it.
    Operator(Fault),
    LeaseLost,
}

impl From<CipherError> for Trouble {
    fn from(error: CipherError) -> Self {
        let words = format!("the stored refresh token does not open: {error}");
        Self::Operator(Fault::new("internal_error", words))
    }
}

impl Grants {
    /// Presents the refresh token of a lease. Changes nothing that is stored.
    pub async fn exchange(&self, lease: &StoredTokens) -> Exchange {
        match self.present(lease).await {
            Ok(tokens) => Exchange::Refreshed(Box::new(tokens)),
            Err(Trouble::LeaseLost) => Exchange::Unsent,
            Err(Trouble::Provider(error)) => {
                let spread = self.entropy.fraction();
                let failure = judge(lease.attempts, &error, self.clock.now(), spread);
                Exchange::Failed(Box::new(still_over(failure, lease)))
            }
            Err(Trouble::Operator(fault)) => {
                let failure = wait_for_operator(lease.attempts, fault, self.clock.now());
                Exchange::Failed(Box::new(still_over(failure, lease)))
            }
        }
    }

    async fn present(&self, lease: &StoredTokens) -> Result<RefreshedTokens, Trouble> {
        let key = &lease.account.key;
        let provider = self.providers.get(&key.provider).map_err(|refusal| {
            Trouble::Operator(Fault::new("provider_not_configured", refusal.to_string()))
        })?;
        let origin = provider
            .origin()
            .await
            .map_err(|cause| Trouble::Provider(cause.into()))?;
        if origin != lease.origin {
            return Err(Trouble::Operator(client_changed()));
        }
        let sealed = lease.refresh_token.as_ref().ok_or(Trouble::LeaseLost)?;
        let refresh_token = self.vault.open_refresh_token(sealed, key)?;
        if !self.holds(lease).await {
            return Err(Trouble::LeaseLost);
        }
        let requested_at = self.clock.now();
        let granted = provider
            .refresh(&refresh_token, &lease.account.scopes)
            .await
            .map_err(Trouble::Provider)?;
        self.seal(lease, &granted, requested_at)
            .map_err(|error| Trouble::Provider(unsealable(error)))
    }

    /// Whether the lease outlasts a provider call that starts now, and nothing has come in between.
    async fn holds(&self, lease: &StoredTokens) -> bool {
        let answered_by = self.clock.now() + self.provider_timeout;
        let stored = self.store.tokens(lease.account.id).await;
        lease.lease.until > Some(answered_by)
            && stored.is_ok_and(|stored| {
                stored.is_some_and(|stored| {
                    stored.lease == lease.lease && stored.generation == lease.generation
                })
            })
    }

    fn seal(
        &self,
        lease: &StoredTokens,
        granted: &TokenGrant,
        requested_at: Timestamp,
    ) -> Result<RefreshedTokens, CipherError> {
        let key = &lease.account.key;
        let refresh_token = granted.refresh_token.as_ref();
        let expires_at = granted.expires_in.map(|lifetime| requested_at + lifetime);
        Ok(RefreshedTokens {
            access_token: self.vault.seal_access_token(&granted.access_token, key)?,
            refresh_token: refresh_token
                .map(|token| self.vault.seal_refresh_token(token, key))
                .transpose()?,
            scopes: granted.scopes.clone(),
            requested_at,
            access_token_expires_at: expires_at,
            next_refresh_at: due_at(
                requested_at,
                expires_at,
                true,
                self.at_least_every,
                self.entropy.fraction(),
            ),
        })
    }
}

/// The provider has rotated, and what it gave cannot be kept.
fn unsealable(error: CipherError) -> RefreshError {
    RefreshError {
        cause: ProviderError::Nonsense {
            detail: format!("tokens that cannot be sealed: {error}"),
        },
        may_have_acted: true,
    }
}

fn client_changed() -> Fault {
    let words = "the tokens came from another token endpoint or client id than the one that is configured now; put \
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
