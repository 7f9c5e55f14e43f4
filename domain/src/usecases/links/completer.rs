//! Completes links: moves their tokens to an account.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::AuditDraft;
use crate::entropy::Entropy;
use crate::grant::refresh::{Lifetimes, due_at};
use crate::grant::{AccessTokenExpiry, Account, LifetimeHints, NewGrant};
use crate::link::{Link, Owner, SealedGrant};
use crate::observe::{LinkEnd, Observer};
use crate::ports::{CipherError, Clock, LinkStore, StoreError};
use crate::secret::{AccessToken, ExtraText, RefreshToken};
use crate::usecases::{Ports, Settings, TokenCache};
use crate::vault::Vault;

#[derive(Clone)]
pub(crate) struct LinkCompleter {
    links: Arc<dyn LinkStore>,
    cache: Arc<TokenCache>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    refresh_at_least_every: Duration,
    observer: Arc<dyn Observer>,
}

impl LinkCompleter {
    pub(crate) fn new(ports: &Ports, settings: &Settings) -> Self {
        Self {
            links: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            refresh_at_least_every: settings.refresh_at_least_every,
            observer: Arc::clone(&ports.observer),
        }
    }

    /// Stores tokens in the account of their owner, and gives the link's key access to that account.
    pub(crate) async fn complete(
        &self,
        link: &Link,
        grant: NewGrant,
        audit: AuditDraft,
    ) -> Result<Account, StoreError> {
        let (id, now) = (link.id, self.clock.now());
        let macs = self.vault.row_macs();
        let completed = self.links.complete_link(link, grant, now, &macs, audit);
        let account = completed.await?;
        self.cache.invalidate(account.id);
        tracing::info!(link = id.0, account = account.id.0, provider = %link.provider, "account linked");
        let linked = LinkEnd::Linked;
        self.observer.link_ended(id, &link.provider, linked);
        Ok(account)
    }

    /// Decrypts the tokens of a link, and seals them to the account of their owner.
    pub(crate) fn seal_to(
        &self,
        owner: Owner,
        link: &Link,
        grant: &SealedGrant,
    ) -> Result<NewGrant, CipherError> {
        let vault = &self.vault;
        let access_token: AccessToken = vault.open(&grant.access_token, &link.code)?;
        let refresh_token = grant.refresh_token.as_ref();
        let refresh_token: Option<RefreshToken> = vault.open_some(refresh_token, &link.code)?;
        let dies_at = grant.refresh_token_expires_at;
        let extra: Option<ExtraText> = vault.open_some(grant.extra.as_ref(), &link.code)?;
        let (requested_at, expires_at) = (grant.requested_at, grant.access_token_expires_at);
        let hints = LifetimeHints {
            lifetime: expires_at.map(|at| at.since(requested_at)),
            hinted_end: grant.access_token_hinted_end,
        };
        let end = AccessTokenExpiry { expires_at, hints };
        let lifetimes = Lifetimes {
            requested_at,
            access_token_expires_at: end.expected_expiry(),
            refresh_token_lasts: dies_at.map(|at| at.since(requested_at)),
        };
        Ok(NewGrant {
            access_token: vault.seal(&access_token, &owner.key)?,
            refresh_token: vault.seal_some(refresh_token.as_ref(), &owner.key)?,
            extra: vault.seal_some(extra.as_ref(), &owner.key)?,
            account: owner.key,
            identified: owner.identified,
            display_name: owner.display_name,
            scopes: grant.scopes.clone(),
            origin: grant.origin.clone(),
            requested_at,
            access_token_expires_at: expires_at,
            hints,
            refresh_token_expires_at: grant.refresh_token_expires_at,
            grant_expires_at: grant.grant_expires_at,
            next_refresh_at: due_at(
                &lifetimes,
                self.refresh_at_least_every,
                self.entropy.fraction(),
            ),
        })
    }
}
