//! Access keys.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, AccountId, KeyBinding, KeyHolder};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select};

use crate::convert::role;
use crate::entities::access_keys::{ActiveModel, Column, Entity, Role};
use crate::entities::device_codes;
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) async fn find(
    store: &SeaOrmStore,
    hash: &KeyedHash,
) -> Result<Option<KeyHolder>, StoreError> {
    let row = with_hash(hash).one(&store.db).await.map_err(failed)?;
    let Some(key) = row else { return Ok(None) };
    let id = AccessKeyId(key.id);
    let binding = match key.account_id {
        Some(account) => KeyBinding::Account(AccountId(account)),
        None => match link_of(store, id).await? {
            Some(link) => KeyBinding::Link(Box::new(link)),
            // Both were purged between the two questions.
            None => return Ok(None),
        },
    };
    Ok(Some(KeyHolder {
        id,
        role: role(key.role),
        expires_at: key.expires_at.map(Timestamp::from_millis),
        binding,
    }))
}

pub(crate) fn with_hash(hash: &KeyedHash) -> Select<Entity> {
    Entity::find().filter(Column::Hash.eq(hash.as_bytes().to_vec()))
}

/// The link of a key that has opened nothing yet; such a key has one link only.
async fn link_of(store: &SeaOrmStore, key: AccessKeyId) -> Result<Option<Link>, StoreError> {
    let row = links_of(key).one(&store.db).await.map_err(failed)?;
    row.map(Link::try_from).transpose()
}

pub(crate) fn links_of(key: AccessKeyId) -> Select<device_codes::Entity> {
    device_codes::Entity::find().filter(device_codes::Column::AccessKeyId.eq(key.0))
}

pub(crate) async fn insert_inert(
    db: &impl ConnectionTrait,
    hash: KeyedHash,
    now: Timestamp,
) -> Result<AccessKeyId, StoreError> {
    let key = ActiveModel {
        hash: Set(hash.as_bytes().to_vec()),
        role: Set(Role::Owner),
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
