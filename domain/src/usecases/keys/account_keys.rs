//! Lists, creates and deletes the keys of an account.

use super::Keys;
use crate::grant::{AccessKeyId, AccountId, KeyRecord, NewKey};
use crate::ports::{KeyCreation, StoreError};
use crate::secret::AccessKey;
use crate::time::Timestamp;
use crate::usecases::accounts::NO_SUCH_ACCOUNT;
use crate::usecases::name::checked;
use crate::usecases::page::Page;
use crate::usecases::{Caller, Refusal};

/// One page of an account's keys.
pub type KeyPage = Page<KeyRecord, AccessKeyId>;

/// A request for a key.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// Its name.
    pub name: String,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
}

/// A new key, which is shown only this once.
pub struct HandedKey {
    /// The key.
    pub access_key: AccessKey,
    /// What is stored of it.
    pub record: KeyRecord,
}

impl Keys {
    /// Lists the keys of an account.
    ///
    /// # Errors
    /// [`Refusal`]: no or no good key, no such account, the store.
    pub async fn list(
        &self,
        caller: &Caller,
        id: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<KeyPage, Refusal> {
        self.accounts.owned(caller, id).await?;
        let keys = self.keys.keys(id, after, limit.saturating_add(1)).await?;
        let keys = keys.into_iter().map(|key| self.uses.overlay(key));
        Ok(Page::cut(keys.collect(), limit, |key| key.id))
    }

    /// Creates a key that may read the token and the account.
    ///
    /// # Errors
    /// The same as for listing keys. [`Refusal::Unprocessable`] if the name is invalid, the expiry is in the past, or the
    /// account has too many keys.
    pub async fn create(
        &self,
        caller: &Caller,
        id: AccountId,
        request: KeyRequest,
    ) -> Result<HandedKey, Refusal> {
        self.accounts.owned(caller, id).await?;
        let access_key = AccessKey::generate(&self.entropy);
        let key = NewKey {
            account: id,
            hash: self.vault.hash_access_key(&access_key),
            name: named(&request.name)?,
            created_at: self.clock.now(),
            expires_at: self.in_the_future(request.expires_at)?,
        };
        match self.keys.create_key(key, Self::MOST_PER_ACCOUNT).await {
            Ok(KeyCreation::Created(record)) => {
                tracing::info!(account = id.0, key = record.id.0, "access key handed out");
                Ok(HandedKey { access_key, record })
            }
            Ok(KeyCreation::Full) => {
                let detail = format!("the account has {} keys already", Self::MOST_PER_ACCOUNT);
                Err(Refusal::Unprocessable(detail))
            }
            Err(StoreError::Conflict) => Err(NO_SUCH_ACCOUNT),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a key of an account, possibly the caller's own. On return no replica serves a token for it.
    ///
    /// # Errors
    /// [`Refusal`]: as for listing, and no such key.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: AccountId,
        key: AccessKeyId,
    ) -> Result<(), Refusal> {
        let owned = self.accounts.owned(caller, id).await;
        if matches!(owned, Err(Refusal::NotFound(_))) {
            // Somebody else may have deleted the account just now.
            self.withdrawals.begin(id).complete().await;
        }
        owned?;
        self.ender.end_relinks(id, Some(key)).await?;
        let was_there = self.keys.delete_key(id, key).await?;
        // Without such a key, somebody else may have deleted it just now.
        self.withdrawals.begin(id).complete().await;
        if !was_there {
            return Err(NO_SUCH_KEY);
        }
        tracing::info!(account = id.0, key = key.0, "access key deleted");
        Ok(())
    }

    fn in_the_future(&self, at: Option<Timestamp>) -> Result<Option<Timestamp>, Refusal> {
        if at.is_some_and(|at| at <= self.clock.now()) {
            let detail = "expires_at is over already".to_owned();
            return Err(Refusal::Unprocessable(detail));
        }
        Ok(at)
    }
}

/// For a key that the account does not have.
pub const NO_SUCH_KEY: Refusal = Refusal::NotFound("the account has no such key");

fn named(name: &str) -> Result<String, Refusal> {
    let name = checked("name", name)?;
    if name.is_empty() {
        let detail = "name is empty".to_owned();
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(name)
}
