//! Creates revocations: for the tokens of a deleted account, and for tokens that arrive after their link or account has
//! ended.

use super::Revoker;
use crate::grant::revocation::{NewRevocation, RevocableTokens, RevocationReference};
use crate::grant::{Account, RefreshedTokens, StoredTokens, TokenOrigin};
use crate::link::{Link, LinkState, SealedGrant};
use crate::ports::{SealedTo, StoreError};
use crate::secret::{AccessToken, IdToken, RefreshToken, Sealed};
use crate::time::Timestamp;
use crate::vault::Sealable;

impl Revoker {
    /// Returns a revocation of an account's tokens, with a lease for the caller, who deletes the account.
    pub(crate) fn of_account(&self, stored: &StoredTokens) -> NewRevocation {
        let tokens = (Some(&stored.access_token), stored.refresh_token.as_ref());
        let (account, origin) = (&stored.account, &stored.origin);
        let revocation = self.of_tokens(account, tokens, origin, stored.obtained_at);
        NewRevocation {
            lease_until: Some(self.lease_until(revocation.created_at)),
            ..revocation
        }
    }

    /// Returns a revocation of the tokens that a refresh returned after the account was deleted or got tokens of
    /// another origin.
    pub(crate) fn of_refresh(
        &self,
        lease: &StoredTokens,
        refreshed: &RefreshedTokens,
    ) -> NewRevocation {
        let access_token = refreshed.access_token.as_ref().ok();
        let tokens = (access_token, refreshed.refresh_token.as_ref());
        let (account, origin) = (&lease.account, &lease.origin);
        self.of_tokens(account, tokens, origin, refreshed.requested_at)
    }

    fn of_tokens(
        &self,
        account: &Account,
        (access_token, refresh_token): (Option<&Sealed>, Option<&Sealed>),
        origin: &TokenOrigin,
        requested_at: Timestamp,
    ) -> NewRevocation {
        let (key, reference) = (&account.key, self.new_reference());
        NewRevocation {
            reference,
            provider: key.provider.clone(),
            person: Some(key.account_id.clone()),
            account: Some(account.id),
            origin: origin.clone(),
            tokens: RevocableTokens {
                access_token: self.move_token::<AccessToken>(access_token, key, reference),
                refresh_token: self.move_token::<RefreshToken>(refresh_token, key, reference),
                id_token: None,
            },
            requested_at,
            created_at: self.clock.now(),
            lease_until: None,
        }
    }

    /// Returns a revocation of a link's tokens. The owner of the tokens is known only if the link waits for a return
    /// code. The revocation of a relink starts only after the duration of a lease, because the account may be about to
    /// be deleted: while the account exists, the revocation would be cancelled.
    pub(crate) fn of_link(&self, link: &Link, grant: &SealedGrant) -> NewRevocation {
        let (code, reference) = (&link.code, self.new_reference());
        let created_at = self.clock.now();
        let access_token = Some(&grant.access_token);
        let refresh_token = grant.refresh_token.as_ref();
        let id_token = grant.id_token.as_ref();
        NewRevocation {
            reference,
            provider: link.provider.clone(),
            person: match &link.state {
                LinkState::Confirming(held) => Some(held.owner.key.account_id.clone()),
                _ => None,
            },
            account: None,
            origin: grant.origin.clone(),
            tokens: RevocableTokens {
                access_token: self.move_token::<AccessToken>(access_token, code, reference),
                refresh_token: self.move_token::<RefreshToken>(refresh_token, code, reference),
                id_token: self.move_token::<IdToken>(id_token, code, reference),
            },
            requested_at: grant.requested_at,
            created_at,
            lease_until: link.relink_of.map(|_| self.lease_until(created_at)),
        }
    }

    /// Stores the revocation of tokens that arrived after their link or account had ended.
    pub(crate) async fn store_stray(&self, stray: NewRevocation) -> Result<(), StoreError> {
        let provider = stray.provider.clone();
        let kept = self.revocations.store_stray(stray).await?;
        tracing::info!(%provider, kept, "tokens arrived after their link or account had ended");
        Ok(())
    }

    fn new_reference(&self) -> RevocationReference {
        RevocationReference(self.entropy.bytes())
    }

    /// Decrypts a token and seals it to a revocation. Returns `None` if this fails: the service cannot revoke such a
    /// token.
    fn move_token<S: Sealable>(
        &self,
        token: Option<&Sealed>,
        from: impl Into<SealedTo>,
        to: RevocationReference,
    ) -> Option<Sealed> {
        let opened = self.vault.open::<S>(token?, from);
        let moved = opened.and_then(|token| self.vault.seal(&token, &to));
        let moved = moved.inspect_err(|error| {
            tracing::error!(%error, "a token cannot be decrypted or sealed, so it stays valid at the provider until it expires");
        });
        moved.ok()
    }
}
