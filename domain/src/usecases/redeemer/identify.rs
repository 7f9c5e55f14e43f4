use super::error::RedeemError;
use super::{RedeemResult, Redeemer};
use crate::fault::{Fault, FaultCode};
use crate::grant::{Account, AccountKey, Identity};
use crate::link::{Ending, Link, Owner, PollSchedule, SealedGrant};

impl Redeemer {
    /// Asks the provider who owns the tokens of a link.
    pub(super) async fn identify(
        &self,
        link: &Link,
        grant: &SealedGrant,
        poll: PollSchedule,
    ) -> Result<RedeemResult, RedeemError> {
        let provider = self.providers.get(&link.provider)?;
        self.require_client(&**provider, link, &grant.origin.client_id)
            .await?;
        let access_token = self.vault.open(&grant.access_token, &link.code)?;
        let id_token = self.vault.open_some(grant.id_token.as_ref(), &link.code)?;
        let identity = provider
            .identify(&access_token, id_token.as_ref(), grant.requested_at)
            .await;
        let identity = match (identity, &grant.refresh_token) {
            (Err(error), Some(refresh_token)) if self.may_have_expired(grant, &error) => {
                let refreshed = self.refresh(&**provider, link, grant, refresh_token, poll);
                return refreshed.await?.ok_or_else(|| error.into());
            }
            (identity, _) => identity?,
        };
        let relinked = match link.relink_of {
            Some(id) => Some(self.accounts.get(id).await?),
            None => None,
        };
        let Some(owner) = self.owner(link, identity, relinked) else {
            let detail = "another person consented, but only the owner of the account can link it again; if it was the \
                 owner, the provider gave them another id, perhaps because the client id or the tenant has changed: \
                 delete the account and link it anew";
            let mismatch = Fault::new(FaultCode::AccountMismatch, detail);
            return Ok(RedeemResult::Over(Ending::Failed(mismatch)));
        };
        if link.return_code_tries.is_some() {
            return Ok(RedeemResult::Held(owner));
        }
        let grant = self.completer.seal_to(owner, link, grant)?;
        Ok(RedeemResult::Identified(Box::new(grant)))
    }

    /// Returns the owner of the tokens; `None` if another person has consented to a relink. If the provider does not
    /// identify people, the account has a random id, and persons cannot be compared. Then any consent counts, because
    /// only a key of the account can start its relink.
    fn owner(&self, link: &Link, identity: Identity, relinked: Option<Account>) -> Option<Owner> {
        let (known_as, display_name) = match identity {
            Identity::Known {
                account_id,
                display_name,
            } => (Some(account_id), display_name),
            Identity::Unknown => (None, None),
        };
        let provider = link.provider.clone();
        let (identified, key) = match (relinked, known_as) {
            (Some(account), known_as) => {
                let same = known_as.as_ref() == Some(&account.key.account_id);
                if !same && !is_anonymous(&account) {
                    return None;
                }
                (same, account.key)
            }
            (None, Some(account_id)) => (
                true,
                AccountKey {
                    provider,
                    account_id,
                },
            ),
            (None, None) => (false, AccountKey::random(provider, &self.entropy)),
        };
        Some(Owner {
            display_name: display_name.unwrap_or_else(|| key.account_id.clone()),
            identified,
            key,
        })
    }
}

/// Whether the provider has never identified the person. Checks the id as well: somebody who can write to the database
/// can change `identified`, but not the id, to which the keys and tokens of the account are bound.
fn is_anonymous(account: &Account) -> bool {
    !account.identified && account.key.is_random()
}
