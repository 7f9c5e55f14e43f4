//! Lists, creates and deletes the keys of an account.

use std::net::IpAddr;
use std::slice;

use super::Keys;
use crate::audit::Actor;
use crate::grant::{
    AccessKeyId, AccountId, KeyLimits, KeyMaker, KeyRecord, NewKey, OutlivesMaker, expiry_under,
};
use crate::ports::{Descendants, KeyCreation, StoreError};
use crate::secret::AccessKey;
use crate::time::Timestamp;
use crate::usecases::account_reader::NO_SUCH_ACCOUNT;
use crate::usecases::page::Page;
use crate::usecases::request_fields::{checked_name, in_the_future};
use crate::usecases::{Caller, Refusal};

/// One page of an account's keys.
pub type KeyPage = Page<KeyRecord, AccessKeyId>;

/// A request for a key.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// The name of the key.
    pub name: String,
    /// When the key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// The other limits of the key.
    pub limits: KeyLimits,
}

/// A new key. Only this response contains the key itself.
pub struct HandedKey {
    /// The key.
    pub access_key: AccessKey,
    /// What the store keeps of the key.
    pub record: KeyRecord,
}

impl Keys {
    /// Lists the keys of an account.
    ///
    /// # Errors
    /// [`Refusal`]: the key is not valid, the account does not exist, or the store fails.
    pub async fn list(
        &self,
        caller: &Caller,
        id: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<KeyPage, Refusal> {
        self.accounts.with_listable_keys(caller, id).await?;
        let mut keys = self.keys.keys(id, after, limit.saturating_add(1)).await?;
        for key in &mut keys {
            key.last_used_at = self.last_used(key.id, key.last_used_at);
        }
        Ok(Page::cut(keys, limit, |key| key.id))
    }

    /// Creates a key that may read the token and the account. If the request has no expiry, the new key expires with
    /// the key that creates it.
    ///
    /// # Errors
    /// As [`Keys::list`]. [`Refusal::Unprocessable`] for an invalid name, too many networks, an account with too many
    /// keys, and an expiry that is in the past or later than the expiry of the key that creates the new one.
    pub async fn create(
        &self,
        caller: &Caller,
        id: AccountId,
        request: KeyRequest,
        address: IpAddr,
    ) -> Result<HandedKey, Refusal> {
        self.accounts.owned(caller, id).await?;
        let access_key = AccessKey::generate(&self.entropy);
        let key = NewKey {
            account: id,
            hash: self.vault.hash_access_key(&access_key),
            name: named(&request.name)?,
            maker: maker(caller),
            limits: allowed(request.limits)?,
            created_at: self.clock.now(),
            expires_at: self.expiry(caller, request.expires_at)?,
            workload: None,
        };
        let record = self.store_new(key, caller, address, "keys").await?;
        tracing::info!(account = id.0, key = record.id.0, "access key handed out");
        Ok(HandedKey { access_key, record })
    }

    /// Stores a new key. The refusal for a full account says that the account has too many `counted`.
    pub(crate) async fn store_new(
        &self,
        key: NewKey,
        caller: &Caller,
        address: IpAddr,
        counted: &str,
    ) -> Result<KeyRecord, Refusal> {
        let audit = self.audit.draft(Actor::from(caller), Some(address));
        let most = Self::MOST_PER_ACCOUNT;
        match self.keys.create_key(key, most, &self.macs, audit).await {
            Ok(KeyCreation::Created(record)) => Ok(record),
            Ok(KeyCreation::Full) => {
                let detail = format!("the account has {most} {counted} already");
                Err(Refusal::Unprocessable(detail))
            }
            // The account or the requesting key is gone.
            Err(StoreError::Conflict) => Err(NO_SUCH_ACCOUNT),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a key of an account, possibly the caller's own. Also deletes the keys that this key has created, if
    /// `with` says so. While the person can still disown the key's link, always deletes them, because otherwise they
    /// would survive a later "This was not me". When this returns, no replica serves a token for a deleted key.
    ///
    /// # Errors
    /// As [`Keys::list`]. Also if the account has no such key.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: AccountId,
        key: AccessKeyId,
        with: Descendants,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let owned = self.accounts.owned(caller, id).await;
        if matches!(owned, Err(Refusal::NotFound(_))) {
            // Somebody else may have deleted the account just now, so replicas may still serve its tokens.
            self.withdrawals.begin(id).complete().await;
        }
        owned?;
        self.delete_as(Actor::from(caller), id, key, with, address)
            .await
    }

    /// Deletes a key on behalf of an authorised actor.
    pub(crate) async fn delete_as(
        &self,
        actor: Actor,
        id: AccountId,
        key: AccessKeyId,
        with: Descendants,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let ended = self
            .ender
            .end_relinks(id, Some(slice::from_ref(&key)), actor, address);
        ended.await?;
        // Checked only after the relinks have ended, because a relink may have been completed just before.
        let with = match self.ender.can_be_disowned(key).await? {
            true => Descendants::Deleted,
            false => with,
        };
        if with == Descendants::Deleted {
            let made = self.made_by(id, key).await?;
            let ended = self.ender.end_relinks(id, Some(&made), actor, address);
            ended.await?;
        }
        let audit = self.audit.draft(actor, Some(address));
        let gone = self.keys.delete_key(id, key, with, audit).await?;
        // Waits even if the key did not exist, because somebody else may have deleted it just now.
        self.withdrawals.begin(id).complete().await;
        if gone.is_empty() {
            return Err(NO_SUCH_KEY);
        }
        for key in gone {
            tracing::info!(account = id.0, key = key.0, "access key deleted");
        }
        Ok(())
    }

    async fn made_by(
        &self,
        id: AccountId,
        key: AccessKeyId,
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        let all = self.keys.keys(id, None, u64::MAX).await?;
        let made = all.iter().filter(|other| other.is_deleted_with(key));
        Ok(made.map(|made| made.id).collect())
    }

    fn expiry(
        &self,
        caller: &Caller,
        requested: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Refusal> {
        let requested = in_the_future("expires_at", requested, self.clock.now())?;
        Ok(expiry_under(requested, maker_expiry(caller))?)
    }
}

/// Returns the maker to record for a key that this caller creates.
pub(crate) fn maker(caller: &Caller) -> KeyMaker {
    match caller {
        Caller::Key(key) => KeyMaker::Key(key.id),
        Caller::Nobody | Caller::Admin(_) | Caller::Auditor(_) | Caller::Enroller(_) => {
            KeyMaker::Operator
        }
    }
}

/// Returns when the caller's own key expires, because keys that it creates must not expire later.
pub(crate) fn maker_expiry(caller: &Caller) -> Option<Timestamp> {
    match caller {
        Caller::Key(maker) => maker.expires_at,
        _ => None,
    }
}

fn allowed(limits: KeyLimits) -> Result<KeyLimits, Refusal> {
    if limits.networks.len() > KeyLimits::MOST_NETWORKS {
        let detail = format!(
            "networks has more than {} entries",
            KeyLimits::MOST_NETWORKS
        );
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(limits)
}

impl From<OutlivesMaker> for Refusal {
    fn from(error: OutlivesMaker) -> Self {
        Self::Unprocessable(error.to_string())
    }
}

/// The refusal for a key that the account does not have.
pub const NO_SUCH_KEY: Refusal = Refusal::NotFound("the account has no such key");

fn named(name: &str) -> Result<String, Refusal> {
    let name = checked_name("name", name)?;
    if name.is_empty() {
        let detail = "name is empty".to_owned();
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(name)
}
