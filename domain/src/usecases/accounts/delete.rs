use std::net::IpAddr;
use std::time::Duration;

use super::Accounts;
use crate::audit::Actor;
use crate::grant::AccountId;
use crate::grant::revocation::{RevocationLease, RevocationStatus};
use crate::ports::StoreError;
use crate::usecases::account_reader::NO_SUCH_ACCOUNT;
use crate::usecases::{Caller, Refusal};

/// How long a caller waits for the provider. The HTTP adapter responds after 14.5 s at the latest, which leaves 1.5 s
/// for the rest of the request.
const TIMEOUT: Duration = Duration::from_secs(13);
/// How often the account is read again when it changes concurrently.
const TRIES: usize = 20;

impl Accounts {
    /// Deletes an account with its tokens and keys, and revokes the tokens at the provider. The account is deleted even
    /// if the revocation fails. When this returns, no replica serves the tokens of the account. Returns the status of
    /// the revocation: [`RevocationStatus::Pending`] means that the service retries the revocation for a day.
    ///
    /// # Errors
    /// [`Refusal`]: the key is not valid, the account does not exist, or the store fails.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<RevocationStatus, Refusal> {
        let deleted = match self.reader.owned(caller, id).await {
            Ok(_) => self.delete_as(Actor::from(caller), id, address).await,
            Err(refusal) => Err(refusal),
        };
        self.acknowledged(id, deleted).await
    }

    /// Does what [`Accounts::delete`] does, on behalf of the person who owns the account.
    pub(crate) async fn disown(
        &self,
        id: AccountId,
        address: IpAddr,
    ) -> Result<RevocationStatus, Refusal> {
        let deleted = self.delete_as(Actor::Person, id, address).await;
        self.acknowledged(id, deleted).await
    }

    async fn acknowledged(
        &self,
        id: AccountId,
        deleted: Result<RevocationLease, Refusal>,
    ) -> Result<RevocationStatus, Refusal> {
        let withdrawal = self.withdrawals.begin(id);
        let lease = match deleted {
            // Somebody else may have deleted the account just now, so replicas may still serve its tokens.
            Err(refusal @ Refusal::NotFound(_)) => {
                withdrawal.complete().await;
                return Err(refusal);
            }
            deleted => deleted?,
        };
        let revocation = lease.revocation.id;
        tracing::info!(account = id.0, revocation = revocation.0, "account deleted");
        self.revoke_on_demand.revoke(lease, TIMEOUT).await;
        withdrawal.complete().await;
        // The account is gone even if the store fails to return the status of the revocation.
        let stored = self.revocations.revocation(revocation).await.ok().flatten();
        Ok(stored.map_or(RevocationStatus::Pending, |stored| stored.status))
    }

    async fn delete_as(
        &self,
        actor: Actor,
        id: AccountId,
        address: IpAddr,
    ) -> Result<RevocationLease, Refusal> {
        for _ in 0..TRIES {
            let ended = self.ender.end_relinks(id, None, actor, address);
            ended.await?;
            let tokens = self.accounts.tokens(id).await?.ok_or(NO_SUCH_ACCOUNT)?;
            let revocation = self.revoker.of_account(&tokens);
            let audit = self.audit.draft(actor, Some(address));
            let deleted = self.accounts.delete_account(&tokens, revocation, audit);
            match deleted.await {
                Ok(lease) => return Ok(lease),
                // The account was refreshed or linked again meanwhile.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
