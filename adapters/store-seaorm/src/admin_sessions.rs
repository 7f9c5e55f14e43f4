use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::admin_session::AdminSession;
use central_oauth_domain::ports::{AdminSessionStore, StoreError};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DeleteMany, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};

use crate::convert::hash;
use crate::damage;
use crate::entities::admin_sessions::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::store::{MOST_AT_ONCE, SeaOrmStore};

#[async_trait]
impl AdminSessionStore for SeaOrmStore {
    async fn begin_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let row = ActiveModel {
            token: Set(bytes(&session.token)),
            created_at: Set(session.created_at.as_millis()),
            seen_at: Set(session.seen_at.as_millis()),
            mac: Set(bytes(&session.mac)),
            ..Default::default()
        };
        let write = self.write().await?;
        row.insert(&write.txn).await.map_err(failed)?;
        write.commit().await
    }

    async fn session(&self, token: &KeyedHash) -> Result<Option<AdminSession>, StoreError> {
        let found = Entity::find().filter(Column::Token.eq(bytes(token)));
        let db = &self.read().await?;
        Ok(damage::each(db, found, session).await?.pop())
    }

    async fn note_session_use(&self, token: &KeyedHash, at: Timestamp) -> Result<(), StoreError> {
        let at = at.as_millis();
        let noted = Entity::update_many()
            .col_expr(Column::SeenAt, Expr::value(at))
            .filter(Column::Token.eq(bytes(token)))
            .filter(Column::SeenAt.lt(at));
        let write = self.write().await?;
        noted.exec(&write.txn).await.map_err(failed)?;
        write.commit().await
    }

    async fn end_session(&self, token: &KeyedHash) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let ended = Entity::delete_many().filter(Column::Token.eq(bytes(token)));
        let ended = ended.exec(&write.txn).await.map_err(failed)?;
        write.commit().await?;
        Ok(ended.rows_affected > 0)
    }

    async fn purge_sessions(&self, seen_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let gone = delete_unused(seen_before, limit).exec(&write.txn).await;
        let gone = gone.map_err(failed)?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}

pub(crate) fn delete_unused(seen_before: Timestamp, limit: u64) -> DeleteMany<Entity> {
    let unused = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::SeenAt.lt(seen_before.as_millis()))
        .limit(Ord::min(limit, MOST_AT_ONCE))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Entity::delete_many().filter(Column::Id.in_subquery(unused.into_query()))
}

fn bytes(hash: &KeyedHash) -> Vec<u8> {
    hash.as_bytes().to_vec()
}

fn session(row: Model) -> Result<AdminSession, StoreError> {
    let hashes = hash(&row.token).zip(hash(&row.mac));
    let unreadable = || StoreError::Corrupt("a session has hashes of another length".into());
    let (token, mac) = hashes.ok_or_else(unreadable)?;
    Ok(AdminSession {
        token,
        created_at: Timestamp::from_millis(row.created_at),
        seen_at: Timestamp::from_millis(row.seen_at),
        mac,
    })
}
