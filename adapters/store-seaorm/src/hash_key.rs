//! The sealed hash key: the one row of its table.

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::Sealed;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};

use crate::entities::service_keys::{ActiveModel, Column, Entity};
use crate::error::{Unreadable, failed};
use crate::store::SeaOrmStore;

const ONLY_ROW: i64 = 1;

pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Option<Sealed>, DbErr> {
    let row = Entity::find_by_id(ONLY_ROW).one(db).await?;
    Ok(row.map(|row| Sealed::from_bytes(row.hash_key)))
}

pub(crate) async fn init(store: &SeaOrmStore, candidate: Sealed) -> Result<Sealed, StoreError> {
    let write = store.write().await?;
    let row = ActiveModel {
        id: Set(ONLY_ROW),
        hash_key: Set(candidate.as_bytes().to_vec()),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(&write.txn)
        .await
        .map_err(failed)?;
    let kept = read(&write.txn).await.map_err(failed)?;
    write.commit().await?;
    kept.ok_or_else(|| {
        let (table, column) = ("service_keys", "hash_key");
        let id = ONLY_ROW;
        Unreadable { table, id, column }.into()
    })
}
