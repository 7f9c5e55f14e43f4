use std::sync::Arc;
use std::time::Duration;

use super::Revoker;
use crate::fault::{Fault, FaultCode};
use crate::grant::revocation::{
    RevocableTokens, RevocationLease, RevocationResult, RevocationStatus,
};
use crate::grant::{AccountFilter, Identity};
use crate::ports::{CipherError, OAuthProvider, ProviderError, Revoked, StoreError, TokenToRevoke};
use crate::time::Timestamp;

/// The pause after a definite rejection.
const AFTER_REJECTION: Duration = Duration::from_secs(3600);

enum AttemptError {
    Provider(ProviderError),
    /// Only the operator can fix the cause.
    Operator(Fault),
    Store(StoreError),
    /// The lease has expired, or the revocation was cancelled.
    LeaseLost,
    /// A link holds other tokens of the same person, at most until this time.
    TokensHeld(Timestamp),
}

/// The intermediate result, while the tokens of a grant are revoked one after the other.
struct SoFar {
    status: RevocationStatus,
    /// The last definite rejection, unless another token had been revoked before it.
    refusal: Option<ProviderError>,
}

impl From<ProviderError> for AttemptError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<StoreError> for AttemptError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CipherError> for AttemptError {
    fn from(error: CipherError) -> Self {
        let words = format!("a token to be revoked cannot be decrypted: {error}");
        Self::Operator(Fault::new(FaultCode::InternalError, words))
    }
}

impl Revoker {
    /// Revokes the tokens of a leased revocation. Writes only the owner of the tokens to the store. Returns `None` if
    /// the lease has expired or the revocation was cancelled.
    pub async fn attempt(&self, lease: &RevocationLease) -> Option<RevocationResult> {
        if lease.tokens == RevocableTokens::default() {
            return Some(RevocationResult::Ended {
                status: RevocationStatus::Failed,
                fault: Some(undecryptable()),
            });
        }
        let error = match self.revoke_all(lease).await {
            Ok(status) => {
                let fault = None;
                return Some(RevocationResult::Ended { status, fault });
            }
            Err(error) => error,
        };
        let (fault, retry_after) = match error {
            AttemptError::LeaseLost => return None,
            AttemptError::TokensHeld(until) => return Some(lease.revocation.postponed(until)),
            AttemptError::Operator(fault) => (fault, None),
            AttemptError::Store(error) => (
                Fault::new(FaultCode::StoreUnavailable, error.to_string()),
                None,
            ),
            AttemptError::Provider(error) => (Fault::from(&error), pause(&error)),
        };
        let spread = self.entropy.fraction();
        let now = self.clock.now();
        Some(lease.revocation.failed(fault, retry_after, now, spread))
    }

    async fn revoke_all(&self, lease: &RevocationLease) -> Result<RevocationStatus, AttemptError> {
        let provider = self.provider(lease).await?;
        let mut lease = lease.clone();
        if lease.revocation.person.is_none() {
            lease.revocation.person = self.attribute(provider.as_ref(), &lease).await?;
        }
        let (vault, to, tokens) = (&self.vault, &lease.reference, &lease.tokens);
        let mut so_far = SoFar {
            status: RevocationStatus::Unsupported,
            refusal: None,
        };
        if let Some(sealed) = &tokens.refresh_token {
            let token = vault.open(sealed, to)?;
            let token = TokenToRevoke::Refresh(&token);
            self.give_back(&*provider, token, &lease, &mut so_far)
                .await?;
        }
        if let Some(sealed) = &tokens.access_token {
            let token = vault.open(sealed, to)?;
            let token = TokenToRevoke::Access(&token);
            self.give_back(&*provider, token, &lease, &mut so_far)
                .await?;
        }
        so_far.refusal.map_or(Ok(so_far.status), |error| {
            Err(AttemptError::Provider(error))
        })
    }

    /// Returns the provider, if it is still the one that issued the tokens.
    async fn provider(
        &self,
        lease: &RevocationLease,
    ) -> Result<Arc<dyn OAuthProvider>, AttemptError> {
        let provider = self.providers.get(&lease.revocation.provider);
        let provider = provider.map_err(|refusal| {
            AttemptError::Operator(Fault::new(
                FaultCode::ProviderNotConfigured,
                refusal.to_string(),
            ))
        })?;
        if lease.origin.may_be_sent_to(&provider.origin().await?) {
            return Ok(Arc::clone(provider));
        }
        let words = "the tokens came from another token endpoint or client id than the one that is configured now";
        Err(AttemptError::Operator(Fault::new(
            FaultCode::ClientChanged,
            words,
        )))
    }

    /// Asks the provider who owns the tokens, stores the owner's id and returns it. The store cancels the revocation if
    /// the owner has an account, because some providers revoke all tokens of a person. For the same reason, if the
    /// provider definitely does not identify the owner, the tokens are revoked only if there is no account at this
    /// provider.
    async fn attribute(
        &self,
        provider: &dyn OAuthProvider,
        lease: &RevocationLease,
    ) -> Result<Option<String>, AttemptError> {
        let (vault, to, tokens) = (&self.vault, &lease.reference, &lease.tokens);
        let Some(sealed) = &tokens.access_token else {
            return Ok(None);
        };
        let access_token = vault.open(sealed, to)?;
        let id_token = vault.open_some(tokens.id_token.as_ref(), to)?;
        self.check(lease).await?;
        let requested_at = lease.requested_at;
        let identified = provider.identify(&access_token, id_token.as_ref(), requested_at);
        let identified = match identified.await {
            Err(error) if id_token.is_some() && error.is_invalid_id_token() => {
                self.check(lease).await?;
                match provider.identify(&access_token, None, requested_at).await {
                    Ok(Identity::Unknown) => Err(error),
                    identified => identified,
                }
            }
            identified => identified,
        };
        let identity = match identified {
            Err(error) if error.is_definite() && !self.has_accounts(lease).await? => {
                return Ok(None);
            }
            identified => identified?,
        };
        let person = match &identity {
            Identity::Known { account_id, .. } => Some(account_id.as_str()),
            Identity::Unknown => None,
        };
        let now = self.clock.now();
        let attributed = self.revocations.attribute_revocation(lease, person, now);
        if attributed.await? {
            Ok(person.map(str::to_owned))
        } else {
            Err(AttemptError::LeaseLost)
        }
    }

    async fn has_accounts(&self, lease: &RevocationLease) -> Result<bool, StoreError> {
        let filter = AccountFilter {
            provider: Some(lease.revocation.provider.clone()),
            ..AccountFilter::default()
        };
        let found = self.accounts.accounts_matching(&filter, None, 1).await?;
        Ok(!found.is_empty())
    }

    /// Revokes one token. If another token was revoked before, a definite rejection of this token does not matter: a
    /// provider need not support all token types, and may no longer know the other tokens of a revoked grant. Otherwise
    /// a definite rejection fails the attempt, but the remaining tokens are still sent.
    async fn give_back(
        &self,
        provider: &dyn OAuthProvider,
        token: TokenToRevoke<'_>,
        lease: &RevocationLease,
        so_far: &mut SoFar,
    ) -> Result<(), AttemptError> {
        self.check(lease).await?;
        match provider.revoke(token).await {
            Ok(Revoked::Revoked) => so_far.status = RevocationStatus::Revoked,
            Ok(Revoked::Unknown) if so_far.status == RevocationStatus::Revoked => {}
            Ok(Revoked::Unknown) if proves_grant_is_gone(token, lease) => {
                so_far.status = RevocationStatus::Revoked;
            }
            Ok(Revoked::Unknown) => so_far.refusal = Some(out_of_date()),
            Ok(Revoked::TokenAlone) if !has_refresh_token(lease) => {
                so_far.status = RevocationStatus::Revoked;
            }
            Ok(Revoked::TokenAlone | Revoked::Unsupported) => {}
            Err(error) if error.is_temporary() => return Err(error.into()),
            Err(_) if so_far.status == RevocationStatus::Revoked => {}
            Err(error) => so_far.refusal = Some(error),
        }
        Ok(())
    }

    /// Fails unless the lease outlasts a provider call that starts now, the revocation is still pending, and no link of
    /// the same person waits for its return code, because some providers revoke all tokens of a person.
    async fn check(&self, lease: &RevocationLease) -> Result<(), AttemptError> {
        // Asks for links first: if one is completed afterwards, the revocation that is read next is cancelled.
        if let Some(person) = lease.revocation.owner()
            && let Some(until) = self
                .revocations
                .tokens_held_until(&person, self.clock.now())
                .await?
        {
            return Err(AttemptError::TokensHeld(until));
        }
        let held = lease.revocation.lease;
        let stored = self.revocations.revocation(lease.revocation.id).await?;
        // Reads the clock after the store has responded, because the store may be slow.
        let answered_by = self.clock.now() + self.provider_timeout;
        let stands = stored.is_some_and(|stored| {
            stored.status == RevocationStatus::Pending && stored.lease == held
        });
        if stands && held.until > Some(answered_by) {
            Ok(())
        } else {
            Err(AttemptError::LeaseLost)
        }
    }
}

/// Whether the grant has ended if the provider no longer knows this token.
const fn proves_grant_is_gone(token: TokenToRevoke<'_>, lease: &RevocationLease) -> bool {
    match token {
        TokenToRevoke::Refresh(_) => true,
        TokenToRevoke::Access(_) => !has_refresh_token(lease),
    }
}

/// Whether the grant has a refresh token. Otherwise it consists of the access token alone.
const fn has_refresh_token(lease: &RevocationLease) -> bool {
    lease.tokens.refresh_token.is_some()
}

fn undecryptable() -> Fault {
    let words = "the tokens could not be decrypted, so the provider was not asked to revoke them: the grant lives on until the \
                 person withdraws consent there";
    Fault::new(FaultCode::InternalError, words)
}

fn out_of_date() -> ProviderError {
    let words = "the provider revokes only access tokens, and no longer knows this one: the grant may live on until \
                 the person withdraws consent there";
    ProviderError::refused("access_token_expired", words)
}

/// Returns the minimum pause after an error: an hour for a definite rejection, which hardly changes within minutes,
/// otherwise the provider's `Retry-After`.
fn pause(error: &ProviderError) -> Option<Duration> {
    match error {
        ProviderError::Refused { .. } => Some(AFTER_REJECTION),
        _ => error.retry_after(),
    }
}
