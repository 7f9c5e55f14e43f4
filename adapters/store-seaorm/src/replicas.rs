use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{ReplicaStore, StoreError};
use central_oauth_domain::replica::{REMEMBERED_FOR, Replica, ReplicaReport};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::damage;
use crate::entities::replicas::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::store::SeaOrmStore;

#[async_trait]
impl ReplicaStore for SeaOrmStore {
    async fn check_in(&self, replica: &ReplicaReport, now: Timestamp) -> Result<(), StoreError> {
        let write = self.write().await?;
        let (now, _) = self.time.both(&write, now, now).await?;
        let long_gone = Column::SeenAt.lte((now - REMEMBERED_FOR).as_millis());
        let gone = Entity::delete_many().filter(long_gone);
        gone.exec(&write).await.map_err(failed)?;
        let row = ActiveModel {
            instance: Set(replica.instance.clone()),
            name: Set(replica.name.clone()),
            version: Set(replica.version.clone()),
            started_at: Set(replica.started_at.as_millis()),
            seen_at: Set(now.as_millis()),
            ..Default::default()
        };
        let known = OnConflict::column(Column::Instance)
            .update_column(Column::SeenAt)
            .to_owned();
        let noted = Entity::insert(row).on_conflict(known);
        let noted = noted.exec_without_returning(&write).await;
        noted.map_err(failed)?;
        write.commit().await
    }

    async fn check_out(&self, instance: &str) -> Result<(), StoreError> {
        let gone = Entity::delete_many().filter(Column::Instance.eq(instance));
        self.run(&gone).await.map(drop)
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        let session = self.read().await?;
        let rows = Entity::find().order_by_asc(Column::Id);
        let rows = damage::readable(&session, rows).await?;
        Ok(rows.into_iter().map(replica).collect())
    }
}

/// Whether any replica has checked in recently.
pub(crate) async fn any_is_there(db: &impl ConnectionTrait, now: Timestamp) -> Result<bool, DbErr> {
    let rows = Entity::find().all(db).await?;
    Ok(rows.into_iter().any(|row| replica(row).is_running(now)))
}

fn replica(row: Model) -> Replica {
    Replica {
        report: ReplicaReport {
            instance: row.instance,
            name: row.name,
            version: row.version,
            started_at: Timestamp::from_millis(row.started_at),
        },
        seen_at: Timestamp::from_millis(row.seen_at),
    }
}
