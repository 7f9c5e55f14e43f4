use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::convert::link_changes;
use crate::database::Purpose;
use crate::entities::device_codes::{Column, Entity};
use crate::error::failed;
use crate::store::SeaOrmStore;

/// Saves a change in its own transaction.
pub(super) async fn alone(
    store: &SeaOrmStore,
    purpose: Purpose,
    before: &Link,
    after: Link,
) -> Result<Link, StoreError> {
    if after.version == before.version {
        return Ok(after);
    }
    let before = before.clone();
    let saved = store.database.write(purpose, move |db| {
        Box::pin(async move { save(db, &before, &after).await })
    });
    saved.await
}

/// Saves the changes from `before` to `after` if the row still has the version of `before`. Returns the stored link,
/// whose values may have been re-encrypted meanwhile.
pub(crate) async fn save(
    db: &impl ConnectionTrait,
    before: &Link,
    after: &Link,
) -> Result<Link, StoreError> {
    let saved = Entity::update_many()
        .set(link_changes(before, after))
        .filter(Column::Id.eq(before.id.0))
        .filter(Column::Version.eq(before.version.0))
        .exec_with_returning(db)
        .await
        .map_err(failed)?;
    let row = saved.into_iter().next().ok_or(StoreError::Conflict)?;
    row.try_into()
}
