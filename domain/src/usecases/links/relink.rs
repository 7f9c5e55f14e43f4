//! Hands out a link code for an account on behalf of an operator.

use std::net::IpAddr;

use super::Links;
use super::start::{StartedLink, Wanted};
use crate::audit::Actor;
use crate::grant::{AccountId, KeyRole};
use crate::link::Requester;
use crate::ports::NewLinkKey;
use crate::usecases::{Caller, Refusal};

impl Links {
    /// Hands out a link code with which the person of an account consents again, on behalf of one of its keys. Nobody
    /// else can consent, and all keys stay valid.
    ///
    /// # Errors
    /// [`Refusal`]: a caller who may not change the account, no such account. [`Refusal::Unprocessable`] if the service
    /// could not recognise the person, or if no key is left.
    pub async fn start_relink(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<StartedLink, Refusal> {
        let account = self.accounts.owned(caller, id).await?;
        if !account.identified {
            let detail = "the provider does not identify people, so anybody could consent instead of the owner: have \
                the program request a new link code";
            return Err(Refusal::Unprocessable(detail.to_owned()));
        }
        let provider = self.providers.get(&account.key.provider)?.name().clone();
        let keys = self.keys.keys(id, None, u64::MAX).await?;
        let Some(key) = keys.iter().min_by_key(|key| key.role != KeyRole::Owner) else {
            let detail = "the account has no access key any more, so it can only be linked anew by a program";
            return Err(Refusal::Unprocessable(detail.to_owned()));
        };
        self.judge_return_code(false, &provider)?;
        let wanted = Wanted {
            provider: provider.clone(),
            requester: Requester {
                client_name: key.name.clone(),
                ..Requester::default()
            },
            network: None,
            key: NewLinkKey::Relink {
                key: key.id,
                account: id,
            },
            return_code: false,
            most_open: Self::MOST_OPEN,
            actor: Actor::from(caller),
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
