//! Replicas, and what one of them does for all.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{ReplicaStore, StoreError};
use central_oauth_domain::replica::{self, Presence, REMEMBERED_FOR, Replica};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use crate::convert::time;
use crate::entities::replicas::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::locks;
use crate::store::SeaOrmStore;

#[async_trait]
impl ReplicaStore for SeaOrmStore {
    async fn check_in(
        &self,
        replica: &Presence,
        now: Timestamp,
        duty_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let db = &write.txn;
        locks::duties(db).await?;
        let (now, duty_until) = self.by_the_server(db, now, duty_until).await?;
        forget(db, now).await?;
        note(db, replica, now).await?;
        let all = Entity::find().all(db).await.map_err(failed)?;
        let (own, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|row| row.instance == replica.instance);
        let is_free = !others.iter().any(|row| has_duty(row, now));
        if let (true, Some(own)) = (is_free, own.into_iter().next()) {
            keep_house(db, own, now, duty_until).await?;
        }
        write.commit().await?;
        Ok(is_free)
    }

    async fn check_out(&self, instance: &str) -> Result<(), StoreError> {
        let write = self.write().await?;
        let gone = Entity::delete_many().filter(Column::Instance.eq(instance));
        gone.exec(&write.txn).await.map_err(failed)?;
        write.commit().await
    }

    async fn replicas(&self, now: Timestamp) -> Result<Vec<Replica>, StoreError> {
        let session = self.read().await?;
        let rows = Entity::find().order_by_asc(Column::Id).all(&session).await;
        let rows = rows.map_err(failed)?.into_iter();
        Ok(rows.map(|row| replica(row, now)).collect())
    }
}

async fn forget(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), StoreError> {
    let long_gone = (now - REMEMBERED_FOR).as_millis();
    let gone = Entity::delete_many().filter(Column::SeenAt.lte(long_gone));
    gone.exec(db).await.map(drop).map_err(failed)
}

async fn note(
    db: &impl ConnectionTrait,
    replica: &Presence,
    now: Timestamp,
) -> Result<(), StoreError> {
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
    let noted = noted.exec_without_returning(db).await;
    noted.map(drop).map_err(failed)
}

async fn keep_house(
    db: &impl ConnectionTrait,
    own: Model,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let since = own.keeps_house_since.filter(|_| has_duty(&own, now));
    let keeping = ActiveModel {
        id: Set(own.id),
        keeps_house_since: Set(Some(since.unwrap_or(now.as_millis()))),
        keeps_house_until: Set(Some(until.as_millis())),
        ..Default::default()
    };
    keeping.update(db).await.map(drop).map_err(failed)
}

fn has_duty(row: &Model, now: Timestamp) -> bool {
    replica::has_duty(time(row.keeps_house_until), now)
}

fn replica(row: Model, now: Timestamp) -> Replica {
    let has_duty = has_duty(&row, now);
    Replica {
        presence: Presence {
            instance: row.instance,
            name: row.name,
            version: row.version,
            started_at: Timestamp::from_millis(row.started_at),
        },
        seen_at: Timestamp::from_millis(row.seen_at),
        keeps_house_since: time(row.keeps_house_since).filter(|_| has_duty),
    }
}
