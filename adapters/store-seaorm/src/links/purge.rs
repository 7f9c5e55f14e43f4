use central_oauth_domain::Timestamp;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::claims::counted;
use crate::entities::access_keys;
use crate::entities::device_codes::{Column, Entity, State};
use crate::error::failed;
use crate::store::{MOST_AT_ONCE, SeaOrmStore};

pub(super) async fn purge(
    store: &SeaOrmStore,
    ended_before: Timestamp,
    left_over_before: Timestamp,
    limit: u64,
) -> Result<u64, StoreError> {
    let write = store.write().await?;
    let over: Vec<(i64, i64)> = over_before(ended_before, left_over_before)
        .limit(limit.min(MOST_AT_ONCE))
        .order_by_asc(Column::Id)
        // A link that somebody is changing at the moment has not ended.
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

/// Counts the links that ended without an account, up to the number that matters.
pub(super) async fn count_left_over(
    store: &SeaOrmStore,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let db = store.read().await?;
    let most = Link::MOST_LEFT_OVER;
    let ended = counted(&db, ended_without_account(now).limit(most)).await?;
    let ran_out = counted(&db, ran_out_before(now).limit(most)).await?;
    Ok(most.min(ended + ran_out))
}

pub(crate) fn ended_without_account(before: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::EndedAt)
        .filter(Column::EndedAt.lt(before.as_millis()))
        .filter(Column::EndedAt.is_not_null())
        .filter(Column::AccountId.is_null())
}

pub(crate) fn ran_out_before(moment: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(ran_out(moment))
}

/// Links that expired before that time. A link with a lease or with tokens does not expire by itself.
fn ran_out(moment: Timestamp) -> Condition {
    let moment = moment.as_millis();
    let not_leased = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lt(moment));
    Condition::all()
        .add(Column::EndedAt.is_null())
        .add(Column::ExpiresAt.lt(moment))
        .add(Column::State.is_not_in([State::Redeemed, State::Confirming]))
        .add(not_leased)
}

/// Links that ended before the first time, or that ended or expired without an account before the second one, which is
/// not earlier.
pub(crate) fn over_before(ended: Timestamp, left_over: Timestamp) -> Select<Entity> {
    let has_ended = Condition::all()
        .add(Column::EndedAt.lt(left_over.as_millis()))
        .add(
            Condition::any()
                .add(Column::AccountId.is_null())
                .add(Column::EndedAt.lt(ended.as_millis())),
        );
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::AccessKeyId])
        .filter(Condition::any().add(has_ended).add(ran_out(left_over)))
}
