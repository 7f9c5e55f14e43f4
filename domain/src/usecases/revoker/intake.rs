//! Creates revocations: for the tokens of a deleted account, and for tokens that arrive after their link or account has
//! ended.

use super::Revoker;
use crate::grant::revocation::{NewRevocation, RevocableTokens, RevocationReference};
use crate::grant::{
    AccountId, AccountKey, ProviderName, RefreshedTokens, StoredTokens, TokenOrigin,
};
use crate::link::{Link, LinkState, SealedGrant};
use crate::ports::{CipherError, StoreError};
use crate::secret::{AccessToken, IdToken, RefreshToken};
use crate::time::Timestamp;

/// Prepares tokens for revocation. A value that cannot be decrypted cannot be revoked, and is skipped.
struct Tokens {
    access: Option<AccessToken>,
    refresh: Option<RefreshToken>,
    id: Option<IdToken>,
}

/// The account or person whose tokens are revoked.
struct Owner {
    provider: ProviderName,
    person: Option<String>,
    account: Option<AccountId>,
}

impl Owner {
    fn account(id: AccountId, key: &AccountKey) -> Self {
        Self {
            provider: key.provider.clone(),
            person: Some(key.account_id.clone()),
            account: Some(id),
        }
    }
}

impl Revoker {
    /// Returns the tokens of an account, leased to the caller, who deletes it.
    pub(crate) fn of_account(&self, stored: &StoredTokens) -> Result<NewRevocation, CipherError> {
        let (vault, key) = (&self.vault, &stored.account.key);
        let refresh = |sealed| opened(vault.open(sealed, key));
        let tokens = Tokens {
            access: opened(vault.open(&stored.access_token, key)),
            refresh: stored.refresh_token.as_ref().and_then(refresh),
            id: None,
        };
        let owner = Owner::account(stored.account.id, key);
        let revocation = self.seal(owner, &stored.origin, stored.obtained_at, &tokens)?;
        let lease_until = Some(self.lease_until(revocation.created_at));
        Ok(NewRevocation {
            lease_until,
            ..revocation
        })
    }

    /// Returns the tokens of a link. Its person is known only if it waits for a return code.
    pub(crate) fn of_link(
        &self,
        link: &Link,
        grant: &SealedGrant,
    ) -> Result<NewRevocation, CipherError> {
        let (vault, code) = (&self.vault, &link.code);
        let refresh = |sealed| opened(vault.open(sealed, code));
        let id = |sealed| opened(vault.open(sealed, code));
        let tokens = Tokens {
            access: opened(vault.open(&grant.access_token, code)),
            refresh: grant.refresh_token.as_ref().and_then(refresh),
            id: grant.id_token.as_ref().and_then(id),
        };
        let person = match &link.state {
            LinkState::Confirming(held) => Some(held.owner.key.account_id.clone()),
            _ => None,
        };
        let owner = Owner {
            provider: link.provider.clone(),
            person,
            account: None,
        };
        self.seal(owner, &grant.origin, grant.requested_at, &tokens)
    }

    /// Returns the tokens of a refresh for an account that is gone.
    pub(crate) fn of_refresh(
        &self,
        lease: &StoredTokens,
        refreshed: &RefreshedTokens,
    ) -> Result<NewRevocation, CipherError> {
        let (vault, key) = (&self.vault, &lease.account.key);
        let refresh = |sealed| opened(vault.open(sealed, key));
        let access = refreshed.access_token.as_ref().ok();
        let tokens = Tokens {
            access: access.and_then(|sealed| opened(vault.open(sealed, key))),
            refresh: refreshed.refresh_token.as_ref().and_then(refresh),
            id: None,
        };
        let owner = Owner::account(lease.account.id, key);
        self.seal(owner, &lease.origin, refreshed.requested_at, &tokens)
    }

    /// Stores tokens that arrived too late, to be revoked.
    pub(crate) async fn keep_stray(&self, stray: NewRevocation) -> Result<(), StoreError> {
        let provider = stray.provider.clone();
        let kept = self.revocations.keep_stray(stray).await?;
        tracing::info!(%provider, kept, "tokens arrived after their link or account had ended");
        Ok(())
    }

    fn seal(
        &self,
        owner: Owner,
        origin: &TokenOrigin,
        requested_at: Timestamp,
        tokens: &Tokens,
    ) -> Result<NewRevocation, CipherError> {
        let to = &RevocationReference::from_bytes(self.entropy.bytes());
        let vault = &self.vault;
        Ok(NewRevocation {
            reference: *to,
            provider: owner.provider,
            person: owner.person,
            account: owner.account,
            origin: origin.clone(),
            tokens: RevocableTokens {
                access_token: vault.seal_some(tokens.access.as_ref(), to)?,
                refresh_token: vault.seal_some(tokens.refresh.as_ref(), to)?,
                id_token: vault.seal_some(tokens.id.as_ref(), to)?,
            },
            requested_at,
            created_at: self.clock.now(),
            lease_until: None,
        })
    }
}

fn opened<T>(token: Result<T, CipherError>) -> Option<T> {
    token
        .inspect_err(|error| tracing::error!(%error, "a token to be revoked cannot be decrypted"))
        .ok()
}
