//! Reads and stores the sealed hash key.

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::Sealed;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::entities::service_keys;
use crate::error::{Unreadable, failed};
use crate::statements::insert_unless_taken;

/// The id of the only row.
pub(crate) const ONLY_ROW: i64 = 1;

/// Reads the sealed hash key, if there is one.
pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Option<Sealed>, DbErr> {
    let row = service_keys::Entity::find_by_id(ONLY_ROW).one(db).await?;
    Ok(row.map(|row| Sealed::from_bytes(row.hash_key)))
}

/// Stores `candidate` unless there is a hash key. Returns the stored hash key.
pub(crate) async fn init(
    db: &impl ConnectionTrait,
    candidate: &Sealed,
) -> Result<Sealed, StoreError> {
    let row = service_keys::ActiveModel {
        id: Set(ONLY_ROW),
        hash_key: Set(candidate.as_bytes().to_vec()),
    };
    insert_unless_taken(db, [row], [service_keys::Column::Id]).await?;
    let kept = read(db).await.map_err(failed)?;
    kept.ok_or_else(|| {
        let (table, column) = ("service_keys", "hash_key");
        let id = ONLY_ROW;
        Unreadable { table, id, column }.into()
    })
}
