//! Creates a relink URL for an admin, and starts the link when the person opens the URL.

use std::net::IpAddr;
use std::time::Duration;

use super::relink::NOT_IDENTIFIED;
use super::{Links, RelinkUrls, StartedLink};
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::{Account, AccountId};
use crate::secret::RelinkUrl;
use crate::usecases::{Caller, Refusal};

/// What the page shows to a person who opens a relink URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelinkView {
    /// The provider's display name.
    pub provider: String,
    /// The name of the program that will use the account, if it has one.
    pub client_name: Option<String>,
    /// How long the URL stays valid.
    pub expires_in: Duration,
}

/// Why a relink URL starts no link.
#[derive(Debug, thiserror::Error)]
pub enum RelinkUrlError {
    /// This service has not created the URL.
    #[error("the address was not made by this service, or somebody has changed it")]
    Unknown,
    /// The URL has expired.
    #[error("the address has expired")]
    Expired,
    /// The account was linked again or deleted since the URL was created.
    #[error("the account was linked again or deleted since the address was made")]
    Done,
    /// The link cannot start, for a reason that is not special to relink URLs.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Links {
    /// Creates a relink URL, with which the owner of an account can start a relink within seven days.
    ///
    /// # Errors
    /// As [`Links::start_relink`].
    pub async fn relink_url(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<RelinkUrl, Refusal> {
        let account = self.for_admin(caller, id).await?;
        self.relink_key(&account).await?;
        let url = self.relink_urls.url(&account, self.clock.now());
        let url = url.ok_or_else(|| Refusal::Unprocessable(NOT_IDENTIFIED.to_owned()))?;
        let invited = AuditEvent::of_account(AuditKind::LinkInvited, &account);
        self.audit
            .record(invited, Actor::from(caller), Some(address));
        Ok(url)
    }

    /// Returns the provider and the program of a relink URL. `value` is the last segment of its path. Changes nothing.
    ///
    /// # Errors
    /// [`RelinkUrlError`].
    pub async fn view_relink(&self, value: &str) -> Result<RelinkView, RelinkUrlError> {
        let (account, expires_in) = self.invited(value).await?;
        let (_, key) = self.relink_key(&account).await?;
        let provider = self.providers.get(&account.key.provider)?;
        Ok(RelinkView {
            provider: provider.display_name().to_owned(),
            client_name: key.name,
            expires_in,
        })
    }

    /// Hands out a link code to the person who opened the relink URL with this value. The limits on link codes are
    /// those for callers without a key.
    ///
    /// # Errors
    /// [`RelinkUrlError`].
    pub async fn start_relink_at(
        &self,
        value: &str,
        address: IpAddr,
    ) -> Result<StartedLink, RelinkUrlError> {
        let (account, _) = self.invited(value).await?;
        self.require_room()?;
        let started = self.start_for_person(&account, Actor::Service, address, true);
        Ok(started.await?)
    }

    /// Returns the account of a relink URL, and how long the URL stays valid.
    async fn invited(&self, value: &str) -> Result<(Account, Duration), RelinkUrlError> {
        let ticket = self.relink_urls.read(value);
        let ticket = ticket.ok_or(RelinkUrlError::Unknown)?;
        let (expires_at, now) = (ticket.expires_at, self.clock.now());
        if !expires_at.is_ahead(now, RelinkUrls::LIFETIME) {
            return Err(RelinkUrlError::Expired);
        }
        match self.accounts.get(ticket.account).await {
            Ok(account) if account.linked_at == ticket.linked_at => {
                Ok((account, expires_at.since(now)))
            }
            Ok(_) | Err(Refusal::NotFound(_)) => Err(RelinkUrlError::Done),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
