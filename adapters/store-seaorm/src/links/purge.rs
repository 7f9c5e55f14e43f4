//! Forgetting links that are over.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::entities::access_keys;
use crate::entities::device_codes::{Column, Entity, State};
use crate::error::failed;
use crate::store::{MOST_AT_ONCE, SeaOrmStore};

pub(super) async fn purge(
    store: &SeaOrmStore,
    ended_before: Timestamp,
    limit: u64,
) -> Result<u64, StoreError> {
    let write = store.write().await?;
    let over: Vec<(i64, i64)> = over_before(ended_before)
        .limit(limit.min(MOST_AT_ONCE))
        .order_by_asc(Column::Id)
        // What somebody changes at this moment is not over.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(&write.txn)
        .await
        .map_err(failed)?;
    let (links, keys): (Vec<i64>, Vec<i64>) = over.into_iter().unzip();
    let deleted = Entity::delete_many()
        .filter(Column::Id.is_in(links))
        .exec(&write.txn)
        .await
        .map_err(failed)?;
    access_keys::Entity::delete_many()
        .filter(access_keys::Column::Id.is_in(keys))
        .filter(access_keys::Column::AccountId.is_null())
        .exec(&write.txn)
        .await
        .map_err(failed)?;
    write.commit().await?;
    Ok(deleted.rows_affected)
}

/// Ended before that moment, or out of time before it. Time alone ends neither a link that somebody holds a lease of
/// nor one whose tokens have arrived.
pub(crate) fn over_before(moment: Timestamp) -> Select<Entity> {
    let moment = moment.as_millis();
    let not_leased = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lt(moment));
    let ran_out = Condition::all()
        .add(Column::EndedAt.is_null())
        .add(Column::ExpiresAt.lt(moment))
        .add(Column::State.ne(State::Redeemed))
        .add(not_leased);
    let ended = Column::EndedAt.lt(moment);
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::AccessKeyId])
        .filter(Condition::any().add(ended).add(ran_out))
}
