//! Tries of link codes, and the wrong ones among them.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::link::{Guess, GuessLimit, TooManyGuesses, WrongBefore, WrongCode};
use central_oauth_domain::ports::{GuessStore, StoreError};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DeleteMany, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::entities::wrong_codes::{ActiveModel, Column, Entity, Model};
use crate::error::{Unreadable, failed};
use crate::purge::MOST_AT_ONCE;
use crate::store::SeaOrmStore;
use crate::{convert, locks};

#[async_trait]
impl GuessStore for SeaOrmStore {
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongBefore, TooManyGuesses>, StoreError> {
        // Whoever is refused already waits for nobody and writes nothing.
        let judged = judge(&self.read().await?, guess, limit).await?;
        if judged.is_err() {
            return Ok(judged);
        }
        // A crowd of them waits here, and not with all connections in hand.
        let _turn = self.guessing.lock().await;
        let write = self.write().await?;
        locks::guesses(&write.txn).await?;
        let judged = judge(&write.txn, guess, limit).await?;
        if judged.is_ok() && guess.is_wrong {
            new_row(guess).insert(&write.txn).await.map_err(failed)?;
            write.commit().await?;
        }
        Ok(judged)
    }

    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let deleted = delete_old(tried_before, limit).exec(&write.txn).await;
        let deleted = deleted.map_err(failed)?;
        write.commit().await?;
        Ok(deleted.rows_affected)
    }
}

async fn judge(
    db: &impl ConnectionTrait,
    guess: &Guess,
    limit: GuessLimit,
) -> Result<Result<WrongBefore, TooManyGuesses>, StoreError> {
    let latest = latest(limit, guess.at).all(db).await.map_err(failed)?;
    let wrong: Result<Vec<_>, _> = latest.iter().map(wrong_code).collect();
    Ok(limit.judge(guess, &wrong?))
}

/// Those that count, the latest first, no more than can matter.
pub(crate) fn latest(limit: GuessLimit, now: Timestamp) -> Select<Entity> {
    let counting = limit.counting(now);
    Entity::find()
        .filter(Column::TriedAt.gte(counting.start.as_millis()))
        .filter(Column::TriedAt.lt(counting.end.as_millis()))
        .order_by_desc(Column::TriedAt)
        .limit(GuessLimit::SERVICE_WIDE as u64)
}

pub(crate) fn delete_old(tried_before: Timestamp, limit: u64) -> DeleteMany<Entity> {
    let old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TriedAt.lt(tried_before.as_millis()))
        .limit(Ord::min(limit, MOST_AT_ONCE))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Entity::delete_many().filter(Column::Id.in_subquery(old.into_query()))
}

fn wrong_code(row: &Model) -> Result<WrongCode, Unreadable> {
    let network = convert::hash(&row.network).ok_or(Unreadable {
        table: "wrong_codes",
        id: row.id,
        column: "network",
    })?;
    Ok(WrongCode {
        network,
        at: Timestamp::from_millis(row.tried_at),
    })
}

fn new_row(guess: &Guess) -> ActiveModel {
    ActiveModel {
        network: Set(guess.network.as_bytes().to_vec()),
        tried_at: Set(guess.at.as_millis()),
        ..Default::default()
    }
}
