//! Keys and the MACs of their rows.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, Account, InertKey, KeyBinding, KeyHolder};
use central_oauth_domain::link::{Link, LinkId};
use central_oauth_domain::ports::{NewLink, StoreError};
use central_oauth_domain::vault::RowMacs;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryResult, UpdateMany,
};

use super::{NUMBERED, UNNUMBERED};
use crate::convert::{hash_bytes, key_holder, key_row, to_account};
use crate::damage;
use crate::entities::access_keys::{ActiveModel, Column, Entity, Model};
use crate::entities::accounts;
use crate::error::failed;

/// Inserts a key, and then adds its MAC, which covers the id that the database has assigned.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    key: KeyHolder,
    name: Option<String>,
    now: Timestamp,
    macs: &RowMacs,
) -> Result<Model, StoreError> {
    let row = key_row(&key, name, now).insert(db).await.map_err(failed)?;
    let id = AccessKeyId(row.id);
    let mac = macs.of_key(&KeyHolder { id, ..key });
    let mac = Some(hash_bytes(&mac));
    let kept = Entity::update_many()
        .col_expr(Column::Mac, mac.clone().into())
        .filter(Column::Id.eq(row.id));
    kept.exec(db).await.map_err(failed)?;
    Ok(Model { mac, ..row })
}

/// Inserts the inert key of a new link, named after the requesting client.
pub(crate) async fn insert_inert(
    db: &impl ConnectionTrait,
    key: InertKey,
    link: &NewLink,
    macs: &RowMacs,
) -> Result<AccessKeyId, StoreError> {
    let (name, now) = (link.requester.client_name.clone(), link.created_at);
    let holder = key.holder(&link.clone().into_link(LinkId(0), UNNUMBERED));
    let row = insert(db, holder, name, now, macs).await?;
    Ok(AccessKeyId(row.id))
}

/// Gives the key of a link access to the account of the link: see [`RowMacs::completed`].
pub(crate) async fn complete(
    db: &impl ConnectionTrait,
    link: &Link,
    account: &Account,
    macs: &RowMacs,
) -> Result<(), StoreError> {
    let row = Entity::find_by_id(link.key.0).find_also_related(accounts::Entity);
    let row = damage::one(db, &row, NUMBERED, key_and_owner).await?;
    let (row, owner) = row.ok_or(StoreError::Conflict)?;
    let own = || KeyBinding::Link(Box::new(link.clone()));
    let key = key_holder(&row, owner.map_or_else(own, to_account))?;
    let Some(bound) = macs.completed(&key, link, account)? else {
        return Ok(());
    };
    let changed = ActiveModel {
        account_id: Set(Some(account.id.0)),
        mac: Set(bound.mac.as_ref().map(hash_bytes)),
        ..Default::default()
    };
    let same = Column::Mac.eq(row.mac);
    let changed = Entity::update_many()
        .set(changed)
        .filter(Column::Id.eq(row.id));
    let changed = changed.filter(same).exec(db).await.map_err(failed)?;
    match changed.rows_affected {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

/// Stores the MAC of a key. Updates no row if the row has a MAC already, or if its account has changed since the key was
/// read. The other columns that the MAC covers never change.
pub(super) fn store_mac(key: &KeyHolder) -> UpdateMany<Entity> {
    let account = match key.binding.account() {
        Some(account) => Column::AccountId.eq(account.0),
        None => Column::AccountId.is_null(),
    };
    Entity::update_many()
        .col_expr(Column::Mac, key.mac.as_ref().map(hash_bytes).into())
        .filter(Column::Id.eq(key.id.0))
        .filter(Column::Hash.eq(hash_bytes(&key.hash)))
        .filter(Column::Mac.is_null())
        .filter(account)
}

fn key_and_owner(row: &QueryResult) -> Result<(Model, Option<accounts::Person>), StoreError> {
    let key = Model::from_query_result(row, "A_").map_err(failed)?;
    Ok((key, damage::joined(row, "B_")?))
}
