//! Changes of one link, each from a version to the next.

use central_oauth_domain::link::LinkId;
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::entities::device_codes::{ActiveModel, Column, Entity, Model, State};
use crate::error::failed;
use crate::store::SeaOrmStore;

/// A change of one link that is a transaction of its own.
pub(crate) async fn change_alone(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    from: &[State],
    to: ActiveModel,
) -> Result<Model, StoreError> {
    let write = store.write().await?;
    let row = change(&write.txn, link, version, from, to).await?;
    write.commit().await?;
    Ok(row)
}

/// The row of a link that is still at `version`, in one of these states.
pub(crate) async fn at(
    db: &impl ConnectionTrait,
    link: LinkId,
    version: i64,
    states: &[State],
) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(link.0)
        .filter(Column::Version.eq(version))
        .filter(Column::State.is_in(states.iter().copied()))
        .one(db)
        .await
        .map_err(failed)?;
    row.ok_or(StoreError::Conflict)
}

/// Changes a link that is still at `version`, in one of the states that the change starts from.
pub(crate) async fn change(
    db: &impl ConnectionTrait,
    link: LinkId,
    version: i64,
    from: &[State],
    to: ActiveModel,
) -> Result<Model, StoreError> {
    let raised = ActiveModel {
        version: Set(version + 1),
        ..to
    };
    let changed = Entity::update_many()
        .set(raised)
        .filter(Column::Id.eq(link.0))
        .filter(Column::Version.eq(version))
        .filter(Column::State.is_in(from.iter().copied()))
        .exec_with_returning(db)
        .await
        .map_err(failed)?;
    changed.into_iter().next().ok_or(StoreError::Conflict)
}
