//! Hands out link codes for relinks, to admins and to people who open a relink URL ([`super::RelinkUrls`]).

use std::net::IpAddr;

use super::Links;
use super::start::{LinkParameters, StartedLink};
use crate::audit::Actor;
use crate::grant::{Account, AccountId, KeyRecord, KeyRole, ProviderName};
use crate::link::Requester;
use crate::ports::NewLinkKey;
use crate::usecases::caller::AUDITING_ONLY;
use crate::usecases::{Caller, Refusal};

/// The refusal for an access key that tries to start a relink as an admin does.
pub const ADMINS_RELINK: Refusal = Refusal::Forbidden(
    "only the admin key may start a link for an account: to link your own account again, send your key to POST \
     /v1/link-code",
);
/// Why no operator can start a link for an account with a random id.
pub const NOT_IDENTIFIED: &str = "the provider does not identify people, so anybody could consent instead of the owner: \
     have the program request a new link code";
/// Why no operator can start a link for an account without a key.
pub const NO_KEY_LEFT: &str =
    "the account has no access key any more: create a key for it, or link it anew with a program";

impl Links {
    /// Hands out a link code with which the owner of an account consents again. The link belongs to one of the
    /// account's keys. The consent of another person is rejected. All keys stay valid.
    ///
    /// # Errors
    /// [`Refusal`]: the caller is no admin, or the account does not exist. [`Refusal::Unprocessable`] if the provider
    /// does not identify people, or if the account has no key left.
    pub async fn start_relink(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<StartedLink, Refusal> {
        let account = self.for_admin(caller, id).await?;
        self.start_for_person(&account, Actor::from(caller), address, false)
            .await
    }

    pub(super) async fn for_admin(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Account, Refusal> {
        let account = self.accounts.readable(caller, id).await?;
        match caller {
            Caller::Admin(_) => Ok(account),
            Caller::Auditor(_) => Err(AUDITING_ONLY),
            _ => Err(ADMINS_RELINK),
        }
    }

    /// Returns the provider of an account, and the key to which a relink belongs: an owner key, if there is one.
    pub(super) async fn relink_key(
        &self,
        account: &Account,
    ) -> Result<(ProviderName, KeyRecord), Refusal> {
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

    /// Starts a relink. The link codes of a stranger's network are limited.
    pub(super) async fn start_for_person(
        &self,
        account: &Account,
        actor: Actor,
        address: IpAddr,
        is_stranger: bool,
    ) -> Result<StartedLink, Refusal> {
        let (provider, key) = self.relink_key(account).await?;
        let parameters = LinkParameters {
            provider,
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
        self.create(parameters, None).await
    }
}
