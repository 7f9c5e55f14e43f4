use super::Accounts;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::{Account, AccountId};
use crate::usecases::{Caller, Refusal};

impl Accounts {
    /// Refreshes an account now, due or not: any for the admin, its own for the key that was handed out with a link
    /// code. The refresh token of a grant that was given up is tried once more; a success makes the account active
    /// again.
    ///
    /// # Errors
    /// [`Refusal`]: no valid key, no such account, [`Refusal::RelinkRequired`], [`Refusal::ProviderUnavailable`] also
    /// while the pause after a failure lasts, [`Refusal::ProviderRefused`], [`Refusal::ProviderNotConfigured`],
    /// [`Refusal::Unprocessable`] without a refresh token.
    pub async fn refresh(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        self.reader.owned(caller, id).await?;
        if matches!(caller, Caller::Admin(_)) {
            let requested = AuditEvent::new(AuditKind::RefreshRequested).account(id);
            self.audit.record(requested, Actor::from(caller), None);
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
