//! Hands out a link code with which the person of an account consents again: to an operator, or to the person who opens
//! an address that the service has made for that account.

use std::net::IpAddr;
use std::time::Duration;

use super::start::{StartedLink, Wanted};
use super::{Links, RelinkUrls};
use crate::audit::Actor;
use crate::grant::{Account, AccountId, KeyRecord, KeyRole, ProviderName};
use crate::link::Requester;
use crate::ports::NewLinkKey;
use crate::secret::RelinkUrl;
use crate::usecases::caller::AUDITING_ONLY;
use crate::usecases::{Caller, Refusal};

/// For an access key that tries to relink as an operator does.
pub const ADMINS_RELINK: Refusal = Refusal::Forbidden(
    "only the admin key may start a link for an account: to link your own account again, send your key to POST \
     /v1/link-code",
);
/// Why no operator can start a link for an account with a random id.
pub const NOT_IDENTIFIED: &str = "the provider does not identify people, so anybody could consent instead of the owner: \
     have the program request a new link code";
/// Why no operator can start a link for an account without a key.
pub const NO_KEY_LEFT: &str =
    "the account has no access key any more, so it can only be linked anew by a program";

/// What a person may know who opens the address of a relink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelinkView {
    /// The provider's display name.
    pub provider: String,
    /// The name of the program that will use the account, if it has one.
    pub client_name: Option<String>,
    /// How long the address stays valid.
    pub expires_in: Duration,
}

/// Why the address of a relink starts no link.
#[derive(Debug, thiserror::Error)]
pub enum RelinkUrlError {
    /// This service has not made it.
    #[error("the address was not made by this service, or somebody has changed it")]
    Unknown,
    /// It was made too long ago.
    #[error("the address has expired")]
    Expired,
    /// The account was linked again or deleted since it was made.
    #[error("the account was linked again or deleted since the address was made")]
    Done,
    /// The link cannot start, as for any other link.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Who starts a relink, and which limits apply.
struct Starter {
    actor: Actor,
    address: IpAddr,
    /// Whether this is somebody without a key, whose network's link codes are limited.
    is_stranger: bool,
}

impl Links {
    /// Hands out a link code with which the person of an account consents again, on behalf of one of its keys. Nobody
    /// else can consent, and all keys stay valid.
    ///
    /// # Errors
    /// [`Refusal`]: a caller who is no admin, no such account. [`Refusal::Unprocessable`] if the service could not
    /// recognise the person, or if no key is left.
    pub async fn start_relink(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<StartedLink, Refusal> {
        let account = self.for_admin(caller, id).await?;
        let starter = Starter {
            actor: Actor::from(caller),
            address,
            is_stranger: false,
        };
        self.start_for_person(&account, starter).await
    }

    /// Returns the address at which the person of an account starts a relink within seven days.
    ///
    /// # Errors
    /// As [`Links::start_relink`].
    pub async fn relink_url(&self, caller: &Caller, id: AccountId) -> Result<RelinkUrl, Refusal> {
        let account = self.for_admin(caller, id).await?;
        self.relink_key(&account).await?;
        let url = self.relink_urls.url(&account, self.clock.now());
        url.ok_or_else(|| Refusal::Unprocessable(NOT_IDENTIFIED.to_owned()))
    }

    /// Returns what the address with this value is for. Changes nothing.
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

    /// Hands out a link code to the person who opened the address with this value. Their network gets no more codes than
    /// a network without a key.
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
        let starter = Starter {
            actor: Actor::Service,
            address,
            is_stranger: true,
        };
        Ok(self.start_for_person(&account, starter).await?)
    }

    /// Returns the account of an address, and how long the address stays valid.
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

    async fn for_admin(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        let account = self.accounts.readable(caller, id).await?;
        match caller {
            Caller::Admin(_) => Ok(account),
            Caller::Auditor(_) => Err(AUDITING_ONLY),
            _ => Err(ADMINS_RELINK),
        }
    }

    /// Returns the provider of an account and the key on whose behalf the account is linked again: an owner's, if there
    /// is one.
    async fn relink_key(&self, account: &Account) -> Result<(ProviderName, KeyRecord), Refusal> {
        if !account.identified {
            return Err(Refusal::Unprocessable(NOT_IDENTIFIED.to_owned()));
        }
        let provider = self.providers.get(&account.key.provider)?.name().clone();
        let keys = self.keys.keys(account.id, None, u64::MAX).await?;
        let key = keys
            .into_iter()
            .min_by_key(|key| key.role != KeyRole::Owner);
        let key = key.ok_or_else(|| Refusal::Unprocessable(NO_KEY_LEFT.to_owned()))?;
        self.judge_return_code(false, &provider)?;
        Ok((provider, key))
    }

    async fn start_for_person(
        &self,
        account: &Account,
        starter: Starter,
    ) -> Result<StartedLink, Refusal> {
        let (provider, key) = self.relink_key(account).await?;
        let Starter {
            actor,
            address,
            is_stranger,
        } = starter;
        let wanted = Wanted {
            provider: provider.clone(),
            requester: Requester {
                client_name: key.name,
                ..Requester::default()
            },
            network: is_stranger.then(|| self.limited_network(address)).flatten(),
            key: NewLinkKey::Relink {
                key: key.id,
                account: account.id,
            },
            return_code: false,
            most_open: if is_stranger {
                Self::MOST_OPEN_FOR_STRANGERS
            } else {
                Self::MOST_OPEN
            },
            actor,
            address: Some(address),
            workload: None,
        };
        Ok(StartedLink {
            code: self.create(wanted).await?,
            access_key: None,
            provider,
            expires_in: self.code_ttl,
            interval: self.poll_interval,
        })
    }
}
