//! "This was not me": the person withdraws the access that a link gave.

use super::{Consents, Visitor};
use crate::audit::Actor;
use crate::link::LinkCode;
use crate::ports::Descendants;
use crate::usecases::Refusal;
use crate::usecases::refusal::UNKNOWN_CODE;

/// What [`Consents::disown`] has deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disowned {
    /// The account, because this link had created it. Its tokens are revoked.
    Account,
    /// The key of this link, and the keys that it has created. The account stays.
    Key,
}

impl Consents {
    /// Deletes the account that a link has created. If the account existed before, deletes only the key of the link,
    /// and the keys that this key has created. This browser must have confirmed the link, and the link must have been
    /// completed in the last 24 hours. When this returns, no replica serves a token of the deleted account or key.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such link.
    pub async fn disown(&self, code: &str, visitor: &Visitor<'_>) -> Result<Disowned, Refusal> {
        let browser = self.vault.hash_browser(visitor.browser);
        let link = self.find(&LinkCode::parse(code)?).await?;
        let link = link.filter(|link| link.belongs_to(&browser));
        let link = link.ok_or(UNKNOWN_CODE)?;
        let now = self.clock.now();
        let (id, at) = link.disownable(now).ok_or(UNKNOWN_CODE)?;
        tracing::warn!(link = link.id.0, account = id.0, provider = %link.provider, "the person withdrew the consent");
        let account = self.accounts.account(id).await?.ok_or(UNKNOWN_CODE)?;
        if account.created_at == at {
            self.account_service.disown(id, visitor.address).await?;
            Ok(Disowned::Account)
        } else {
            let keys = &self.keys;
            keys.delete_as(
                Actor::Person,
                id,
                link.key,
                Descendants::Deleted,
                visitor.address,
            )
            .await?;
            Ok(Disowned::Key)
        }
    }
}
