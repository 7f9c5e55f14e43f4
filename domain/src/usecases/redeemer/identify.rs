//! Finds out whose account a consent leads to.

use super::error::RedeemError;
use super::{Outcome, Redeemer};
use crate::fault::Fault;
use crate::grant::refresh::{Lifetimes, due_at};
use crate::grant::{AccessEnd, Account, AccountKey, Identity, LifetimeHints, NewGrant};
use crate::link::{Ending, Link, SealedGrant};
use crate::secret::{AccessToken, ExtraText, RefreshToken};

struct Owner {
    key: AccountKey,
    identified: bool,
    display_name: String,
}

impl Redeemer {
    /// Finds out whose tokens a link holds.
    pub(super) async fn identify(
        &self,
        link: &Link,
        grant: &SealedGrant,
    ) -> Result<Outcome, RedeemError> {
        let provider = self.providers.get(&link.provider)?;
        let access_token = self.vault.open(&grant.access_token, &link.code)?;
        let id_token = grant
            .id_token
            .as_ref()
            .map(|token| self.vault.open(token, &link.code))
            .transpose()?;
        let identity = provider
            .identify(&access_token, id_token.as_ref(), grant.requested_at)
            .await?;
        let relinked = match link.relink_of {
            Some(id) => Some(self.accounts.get(id).await?),
            None => None,
        };
        let Some(owner) = self.owner(link, identity, relinked) else {
            let detail =
                "another person consented than the one whose account was to be linked again";
            let mismatch = Fault::new("account_mismatch", detail);
            return Ok(Outcome::Over(Ending::Failed(mismatch)));
        };
        self.seal_to(owner, link, grant)
    }

    /// Whose account this becomes; `None` if another person consented than the one whose account is relinked. An
    /// account under a random id is repaired only by a relink with its key.
    fn owner(&self, link: &Link, identity: Identity, relinked: Option<Account>) -> Option<Owner> {
        let provider = link.provider.clone();
        match (identity, relinked) {
            (
                Identity::Known {
                    account_id,
                    display_name,
                },
                None,
            ) => {
                let display_name = display_name.unwrap_or_else(|| account_id.clone());
                let key = AccountKey {
                    provider,
                    account_id,
                };
                Some(Owner {
                    key,
                    identified: true,
                    display_name,
                })
            }
            (
                Identity::Known {
                    account_id,
                    display_name,
                },
                Some(account),
            ) => {
                let same = account.key.account_id == account_id;
                (same || !account.identified).then(|| Owner {
                    display_name: display_name.unwrap_or(account.display_name),
                    identified: same,
                    key: account.key,
                })
            }
            (Identity::Unknown, None) => {
                let key = AccountKey::random(provider, &self.entropy);
                let display_name = key.account_id.clone();
                Some(Owner {
                    key,
                    identified: false,
                    display_name,
                })
            }
            (Identity::Unknown, Some(account)) => (!account.identified).then_some(Owner {
                display_name: account.display_name,
                identified: false,
                key: account.key,
            }),
        }
    }

    fn seal_to(
        &self,
        owner: Owner,
        link: &Link,
        grant: &SealedGrant,
    ) -> Result<Outcome, RedeemError> {
        let vault = &self.vault;
        let access_token: AccessToken = vault.open(&grant.access_token, &link.code)?;
        let refresh_token = grant
            .refresh_token
            .as_ref()
            .map(|sealed| vault.open::<RefreshToken>(sealed, &link.code))
            .transpose()?;
        let dies_at = grant.refresh_token_expires_at;
        let extra = grant.extra.as_ref();
        let extra = extra.map(|sealed| vault.open::<ExtraText>(sealed, &link.code));
        let extra = extra.transpose()?;
        let (requested_at, expires_at) = (grant.requested_at, grant.access_token_expires_at);
        let hints = LifetimeHints {
            lifetime: expires_at.map(|at| at.since(requested_at)),
            hinted_end: grant.access_token_hinted_end,
        };
        let end = AccessEnd { expires_at, hints };
        let lifetimes = Lifetimes {
            requested_at,
            access_token_expires_at: end.planned_by(),
            refresh_token_lasts: dies_at.map(|at| at.since(requested_at)),
        };
        Ok(Outcome::Identified(Box::new(NewGrant {
            access_token: vault.seal(&access_token, &owner.key)?,
            refresh_token: refresh_token
                .map(|token| vault.seal(&token, &owner.key))
                .transpose()?,
            extra: extra
                .map(|text| vault.seal(&text, &owner.key))
                .transpose()?,
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
        })))
    }
}
