use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::admin_session::AdminSession;
use central_oauth_domain::ports::{AdminSessionStore, StoreError};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use crate::convert::{hash, hash_bytes};
use crate::damage;
use crate::entities::admin_sessions::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::statements::delete_before;
use crate::store::SeaOrmStore;

#[async_trait]
impl AdminSessionStore for SeaOrmStore {
    async fn begin_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let row = ActiveModel {
            token: Set(hash_bytes(&session.token)),
            created_at: Set(session.created_at.as_millis()),
            seen_at: Set(session.seen_at.as_millis()),
            mac: Set(hash_bytes(&session.mac)),
            ..Default::default()
        };
        let write = self.write().await?;
        row.insert(&write).await.map_err(failed)?;
        write.commit().await
    }

    async fn session(&self, token: &KeyedHash) -> Result<Option<AdminSession>, StoreError> {
        let found = Entity::find().filter(Column::Token.eq(hash_bytes(token)));
        let db = &self.read().await?;
        Ok(damage::each(db, found, |row| session(&row)).await?.pop())
    }

    async fn note_session_use(&self, token: &KeyedHash, at: Timestamp) -> Result<(), StoreError> {
        let at = at.as_millis();
        let noted = Entity::update_many()
            .col_expr(Column::SeenAt, Expr::value(at))
            .filter(Column::Token.eq(hash_bytes(token)))
            .filter(Column::SeenAt.lt(at));
        self.run(&noted).await.map(drop)
    }

    async fn end_session(&self, token: &KeyedHash) -> Result<bool, StoreError> {
        let ended = Entity::delete_many().filter(Column::Token.eq(hash_bytes(token)));
        Ok(self.run(&ended).await? > 0)
    }

    async fn purge_sessions(&self, seen_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let unused = delete_before::<Entity>(Column::SeenAt, seen_before, limit);
        self.run(&unused).await
    }
}

fn session(row: &Model) -> Result<AdminSession, StoreError> {
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
