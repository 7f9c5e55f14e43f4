//! Seals the tokens of a refresh. A new refresh token is sealed even if the rest of the response is unusable.

use super::Refresher;
use crate::grant::refresh::{Lifetimes, due_at, judge_unusable_answer};
use crate::grant::{AccessTokenExpiry, RefreshedTokens, StatedLifetime, StoredTokens, TokenGrant};
use crate::ports::{CipherError, ProviderError, RefreshAnswer, RefreshError};
use crate::secret::{AccessToken, RefreshToken};
use crate::time::Timestamp;

impl Refresher {
    /// Seals the tokens in the response to a refresh request.
    pub(super) fn seal(
        &self,
        lease: &StoredTokens,
        answer: &RefreshAnswer,
        requested_at: Timestamp,
    ) -> Result<RefreshedTokens, CipherError> {
        match answer {
            RefreshAnswer::Granted(granted) => self.seal_granted(lease, granted, requested_at),
            RefreshAnswer::Unusable { refresh_token, why } => {
                self.seal_unusable(lease, refresh_token.as_ref(), why, requested_at)
            }
        }
    }

    fn seal_granted(
        &self,
        lease: &StoredTokens,
        granted: &TokenGrant,
        requested_at: Timestamp,
    ) -> Result<RefreshedTokens, CipherError> {
        let key = &lease.account.key;
        let refresh_token = granted.refresh_token.as_ref();
        let end = lease.access_token_expiry().after(StatedLifetime {
            requested_at,
            expires_in: granted.expires_in,
            assumed: granted.assumed_expires_in,
            exp: granted.exp,
            is_stored: self.is_stored(lease, &granted.access_token),
        });
        if end.is_over(requested_at) {
            let why = expired_token();
            return self.seal_unusable(lease, refresh_token, &why, requested_at);
        }
        let known = || match self.is_new(lease, refresh_token) {
            true => lease.refresh_token_lasts(),
            false => None,
        };
        let lasts = granted.refresh_token_expires_in.or_else(known);
        let extra = self.vault.read_extra(lease.extra.as_ref(), key);
        let extra = extra.after(granted.extra.clone());
        let lifetimes = Lifetimes {
            requested_at,
            access_token_expires_at: end.expected_expiry(),
            refresh_token_lasts: lasts,
        };
        Ok(RefreshedTokens {
            access_token: Ok(self.vault.seal(&granted.access_token, key)?),
            refresh_token: self.vault.seal_some(refresh_token, key)?,
            scopes: granted.scopes.clone(),
            extra: self.vault.seal_extra(&extra, key)?,
            origin: granted.origin.clone(),
            requested_at,
            access_token_expires_at: end.expires_at,
            hints: end.hints,
            refresh_token_expires_at: lasts.map(|lifetime| requested_at + lifetime),
            next_refresh_at: due_at(&lifetimes, self.at_least_every, self.entropy.fraction()),
        })
    }

    /// Seals a new refresh token and keeps the stored access token. The account is degraded until a refresh returns a
    /// usable access token.
    fn seal_unusable(
        &self,
        lease: &StoredTokens,
        refresh_token: Option<&RefreshToken>,
        why: &ProviderError,
        requested_at: Timestamp,
    ) -> Result<RefreshedTokens, CipherError> {
        let (now, spread) = (self.clock.now(), self.entropy.fraction());
        let failure = judge_unusable_answer(lease.attempts, why, now, spread);
        let key = &lease.account.key;
        let AccessTokenExpiry { expires_at, hints } = lease.access_token_expiry();
        Ok(RefreshedTokens {
            refresh_token: self.vault.seal_some(refresh_token, key)?,
            scopes: lease.account.scopes.clone(),
            extra: lease.extra.clone(),
            origin: lease.origin.clone(),
            requested_at,
            access_token_expires_at: expires_at,
            hints,
            refresh_token_expires_at: None,
            next_refresh_at: failure.next_refresh_at,
            access_token: Err(Box::new(failure)),
        })
    }

    /// Whether the provider has returned the stored access token again.
    fn is_stored(&self, lease: &StoredTokens, access_token: &AccessToken) -> bool {
        let (vault, key) = (&self.vault, &lease.account.key);
        let stored = vault.open::<AccessToken>(&lease.access_token, key);
        stored.is_ok_and(|stored| stored.expose() == access_token.expose())
    }

    /// Whether the response has a refresh token that differs from the stored one.
    fn is_new(&self, lease: &StoredTokens, refresh_token: Option<&RefreshToken>) -> bool {
        let (vault, key) = (&self.vault, &lease.account.key);
        let stored = vault.open_some::<RefreshToken>(lease.refresh_token.as_ref(), key);
        let is_stored = |new: &RefreshToken| {
            let stored = stored.as_ref().ok().and_then(Option::as_ref);
            stored.is_some_and(|stored| stored.expose() == new.expose())
        };
        refresh_token.is_some_and(|new| !is_stored(new))
    }
}

/// The error for an access token that had expired before it was requested: the provider has returned an old token.
fn expired_token() -> ProviderError {
    ProviderError::nonsense("an access token that the service already has and that has expired")
}

/// The error for new tokens that cannot be encrypted. The provider may have rotated the refresh token.
pub(super) fn unsealable(error: CipherError) -> RefreshError {
    RefreshError {
        cause: ProviderError::nonsense(format!("tokens that cannot be encrypted: {error}")),
        may_have_acted: true,
    }
}
