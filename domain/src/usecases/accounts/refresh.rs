use std::net::IpAddr;

use super::Accounts;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::{Account, AccountId};
use crate::usecases::{Caller, Refusal};

impl Accounts {
    /// Refreshes an account now, due or not. Admins can refresh every account, an owner key only its own. If the grant
    /// was given up, tries the refresh token once more; a success makes the account active again.
    ///
    /// # Errors
    /// [`Refusal`]: the key is not valid, or the account does not exist. [`Refusal::RelinkRequired`],
    /// [`Refusal::ProviderUnavailable`] (also during the pause after a failure), [`Refusal::ProviderRefused`],
    /// [`Refusal::ProviderNotConfigured`]. [`Refusal::Unprocessable`] if the account has no refresh token.
    pub async fn refresh(
        &self,
        caller: &Caller,
        id: AccountId,
        address: IpAddr,
    ) -> Result<Account, Refusal> {
        self.reader.owned(caller, id).await?;
        if matches!(caller, Caller::Admin(_)) {
            let requested = AuditEvent::new(AuditKind::RefreshRequested).account(id);
            self.audit
                .record(requested, Actor::from(caller), Some(address));
        }
        let before = self.renewal.stored(id).await?;
        let after = self.renewal.refreshed(before.clone()).await?;
        // A response without a usable access token replaces only the refresh token.
        if after.access_token == before.access_token {
            return Err(self.renewal.why_not_refreshed(&after).await);
        }
        Ok(after.account)
    }
}
