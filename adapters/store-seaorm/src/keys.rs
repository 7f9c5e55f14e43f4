//! Access keys.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::{
    AccessKeyId, AccountId, KeyBinding, KeyHolder, KeyRecord, NewKey,
};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::{KeyCreation, KeyStore, StoreError};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, UpdateMany,
};

use crate::convert::{key_holder, key_record, row_count};
use crate::entities::access_keys::{ActiveModel, Column, Entity, Role};
use crate::entities::{accounts, device_codes};
use crate::error::failed;
use crate::store::SeaOrmStore;
use crate::{audit, locks};

#[async_trait]
impl KeyStore for SeaOrmStore {
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError> {
        let row = with_hash(key)
            .one(&self.read().await?)
            .await
            .map_err(failed)?;
        let Some(key) = row else { return Ok(None) };
        let binding = match key.account_id {
            Some(account) => KeyBinding::Account(AccountId(account)),
            None => match link_of(self, AccessKeyId(key.id)).await? {
                Some(link) => KeyBinding::Link(Box::new(link)),
                // Both were purged between the two questions.
                None => return Ok(None),
            },
        };
        Ok(Some(key_holder(&key, binding)))
    }

    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = keys_of(account, after).limit(row_count(limit));
        let rows = rows.all(&self.read().await?).await.map_err(failed)?;
        Ok(rows.into_iter().map(key_record).collect())
    }

    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError> {
        let write = self.write().await?;
        let account = accounts::Entity::find_by_id(key.account.0).lock_exclusive();
        if account.one(&write.txn).await.map_err(failed)?.is_none() {
            return Err(StoreError::Conflict);
        }
        if is_full(&write.txn, key.account, most).await? {
            return Ok(KeyCreation::Full);
        }
        let row = ActiveModel {
            hash: Set(key.hash.as_bytes().to_vec()),
            role: Set(Role::Reader),
            name: Set(Some(key.name)),
            account_id: Set(Some(key.account.0)),
            expires_at: Set(key.expires_at.map(Timestamp::as_millis)),
            created_at: Set(key.created_at.as_millis()),
            ..Default::default()
        };
        let row = row.insert(&write.txn).await.map_err(failed)?;
        let record = key_record(row);
        let event = AuditEvent::key_created(key.account, &record);
        audit::keep(&write.txn, &audit.entry(event)).await?;
        write.commit().await?;
        Ok(KeyCreation::Created(record))
    }

    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        audit: AuditDraft,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(key.0))
            .filter(Column::AccountId.eq(account.0))
            .exec(&write.txn)
            .await
            .map_err(failed)?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        let event = AuditEvent::key_deleted(account, key);
        audit::keep(&write.txn, &audit.entry(event)).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn note_key_uses(&self, uses: &[(AccessKeyId, Timestamp)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        // Few at a time, as others wait for these rows.
        for uses in uses.chunks(USES_AT_ONCE) {
            let write = self.write().await?;
            lock_keys(&write.txn, uses).await?;
            for (key, at) in uses {
                let noted = note_use(*key, *at).exec(&write.txn).await;
                noted.map_err(failed)?;
            }
            write.commit().await?;
        }
        Ok(())
    }
}

/// Uses that are noted in one transaction.
const USES_AT_ONCE: usize = 100;

/// In the order of their numbers, as whoever deletes an account locks them.
async fn lock_keys(
    db: &impl ConnectionTrait,
    uses: &[(AccessKeyId, Timestamp)],
) -> Result<(), StoreError> {
    let keys = uses.iter().map(|(key, _)| key.0);
    locks::in_order(
        db,
        Entity::find().filter(Column::Id.is_in(keys)),
        Column::Id,
    )
    .await
}

pub(crate) fn keys_of(account: AccountId, after: Option<AccessKeyId>) -> Select<Entity> {
    Entity::find()
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::Id.gt(after.map_or(0, |after| after.0)))
        .order_by_asc(Column::Id)
}

/// Whether an account has `most` keys already: whether there is a last one of that many.
async fn is_full(
    db: &impl ConnectionTrait,
    account: AccountId,
    most: u64,
) -> Result<bool, StoreError> {
    let Some(others) = most.checked_sub(1) else {
        return Ok(true);
    };
    let last = keys_of(account, None).offset(row_count(others)).limit(1);
    let last = last.one(db).await.map_err(failed)?;
    Ok(last.is_some())
}

pub(crate) fn note_use(key: AccessKeyId, at: Timestamp) -> UpdateMany<Entity> {
    let at = at.as_millis();
    let not_later = Condition::any()
        .add(Column::LastUsedAt.is_null())
        .add(Column::LastUsedAt.lt(at));
    let used = ActiveModel {
        last_used_at: Set(Some(at)),
        ..Default::default()
    };
    Entity::update_many()
        .set(used)
        .filter(Column::Id.eq(key.0))
        .filter(not_later)
}

pub(crate) fn with_hash(hash: &KeyedHash) -> Select<Entity> {
    Entity::find().filter(Column::Hash.eq(hash.as_bytes().to_vec()))
}

/// The link of a key that has opened nothing yet; such a key has one link only.
pub(crate) async fn link_of(
    store: &SeaOrmStore,
    key: AccessKeyId,
) -> Result<Option<Link>, StoreError> {
    let row = links_of(key)
        .one(&store.read().await?)
        .await
        .map_err(failed)?;
    row.map(Link::try_from).transpose()
}

pub(crate) fn links_of(key: AccessKeyId) -> Select<device_codes::Entity> {
    device_codes::Entity::find().filter(device_codes::Column::AccessKeyId.eq(key.0))
}

/// The key of a new link, named after the client that asks for it.
pub(crate) async fn insert_inert(
    db: &impl ConnectionTrait,
    hash: KeyedHash,
    name: Option<String>,
    now: Timestamp,
) -> Result<AccessKeyId, StoreError> {
    let key = ActiveModel {
        hash: Set(hash.as_bytes().to_vec()),
        role: Set(Role::Owner),
        name: Set(name),
        created_at: Set(now.as_millis()),
        ..Default::default()
    };
    let row = key.insert(db).await.map_err(failed)?;
    Ok(AccessKeyId(row.id))
}

/// Makes sure that a key still opens the account that it opened when it was looked up.
pub(crate) async fn require(
    db: &impl ConnectionTrait,
    key: AccessKeyId,
    account: AccountId,
) -> Result<(), StoreError> {
    let row = Entity::find_by_id(key.0)
        .filter(Column::AccountId.eq(account.0))
        .one(db)
        .await
        .map_err(failed)?;
    row.map(drop).ok_or(StoreError::Conflict)
}

/// Lets a key open an account from now on.
pub(crate) async fn bind(
    db: &impl ConnectionTrait,
    key: AccessKeyId,
    account: AccountId,
) -> Result<(), StoreError> {
    let bound = ActiveModel {
        account_id: Set(Some(account.0)),
        ..Default::default()
    };
    Entity::update_many()
        .set(bound)
        .filter(Column::Id.eq(key.0))
        .exec(db)
        .await
        .map_err(failed)?;
    Ok(())
}
