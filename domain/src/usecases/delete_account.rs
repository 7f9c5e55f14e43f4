//! Somebody wants the service to forget an account.

use std::time::Duration;

use super::accounts::NO_SUCH_ACCOUNT;
use super::{Broker, Caller, Refusal};
use crate::grant::revocation::{RevocationLease, RevocationStatus};
use crate::grant::{AccessKeyId, AccountId};
use crate::link::{Ending, Link, LinkState};
use crate::observe::LinkEnd;
use crate::ports::StoreError;

/// The longest that a caller waits for the provider; with all else no answer takes more than 15 s.
const PATIENCE: Duration = Duration::from_secs(14);
/// How often the account is looked at anew when it changes under the hand.
const TRIES: usize = 20;

impl Broker {
    /// Deletes an account with its tokens and keys, whatever the provider says, and has the tokens revoked there. The
    /// answer is how the revocation stands: [`RevocationStatus::Pending`] is not confirmed yet, and tried for a day.
    ///
    /// # Errors
    /// [`Refusal`]: no or no good key, no such account, the store.
    pub async fn delete_account(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<RevocationStatus, Refusal> {
        self.owned_account(caller, id).await?;
        let lease = self.close_account(id).await?;
        let revocation = lease.revocation.id;
        tracing::info!(account = id.0, revocation = revocation.0, "account deleted");
        self.revoker.revoke(lease, PATIENCE).await;
        // The account is gone whether or not the store tells how its tokens fare.
        let stored = self.store.revocation(revocation).await.ok().flatten();
        Ok(stored.map_or(RevocationStatus::Pending, |stored| stored.status))
    }

    async fn close_account(&self, id: AccountId) -> Result<RevocationLease, Refusal> {
        for _ in 0..TRIES {
            self.end_relinks(id, None).await?;
            let tokens = self.store.tokens(id).await?.ok_or(NO_SUCH_ACCOUNT)?;
            let revocation = self.revocations.of_account(&tokens)?;
            match self.store.delete_account(&tokens, revocation).await {
                Ok(lease) => return Ok(lease),
                // A refresh or a relink came in between.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Ends the relinks of an account, or those by one of its keys: what they may have been given is revoked.
    pub(super) async fn end_relinks(
        &self,
        account: AccountId,
        by: Option<AccessKeyId>,
    ) -> Result<(), Refusal> {
        for _ in 0..TRIES {
            let mut open = self.store.open_relinks(account).await?;
            open.retain(|link| by.is_none_or(|key| link.key == key));
            if open.is_empty() {
                return Ok(());
            }
            for link in open {
                match self.end(&link, Ending::Denied(None)).await {
                    // One that has moved on is looked at again.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Ends a link; tokens that it holds are revoked.
    pub(super) async fn end(&self, link: &Link, ending: Ending) -> Result<(), StoreError> {
        let stray = match &link.state {
            LinkState::Redeemed(grant) => self
                .revocations
                .of_link(link, grant)
                .inspect_err(|error| tracing::error!(%error, "tokens of a link are not revoked"))
                .ok(),
            _ => None,
        };
        let now = self.clock.now();
        let ended = self.store.end_link(link, ending.clone(), stray, now);
        ended.await?;
        self.tell_end(link, &ending);
        Ok(())
    }

    fn tell_end(&self, link: &Link, ending: &Ending) {
        let (outcome, fault) = match ending {
            Ending::Denied(why) => (LinkEnd::Denied, why.as_ref()),
            Ending::Expired => (LinkEnd::Expired, None),
            Ending::Failed(fault) => (LinkEnd::Failed, Some(fault)),
        };
        let (id, provider, outcome_word) = (link.id, &link.provider, outcome.as_str());
        let code = fault.map(|fault| &*fault.code);
        let detail = fault.map(|fault| &*fault.detail);
        tracing::info!(link = id.0, %provider, outcome = outcome_word, code, detail, "link ended");
        self.observer.link_ended(id, provider, outcome);
    }
}
