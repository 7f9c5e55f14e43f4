//! Counts and limits attempts to enter link codes.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::link::{Guess, GuessLimit, WrongCodeCounts, WrongCodeTimes};
use central_oauth_domain::ports::{GuessStore, StoreError};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DeleteMany, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::claims::counted;
use crate::damage;
use crate::database::{Database, Purpose, Session};
use crate::entities::wrong_codes::{ActiveModel, Column, Entity};
use crate::error::failed;
use crate::locks::{self, Alone};
use crate::statements::delete_before;
use crate::store::SeaOrmStore;

#[async_trait]
impl GuessStore for SeaOrmStore {
    async fn admit_guess(
        &self,
        guess: &Guess,
        limit: GuessLimit,
    ) -> Result<Result<WrongCodeCounts, Duration>, StoreError> {
        // If the limit is already reached, the caller neither waits nor writes.
        let judged = judge(&self.read().await?, guess, limit).await?;
        if judged.is_err() {
            return Ok(judged);
        }
        // On a server, callers wait here, so that a flood of guesses does not occupy all connections. On SQLite,
        // waiting guesses share a commit, so a person with the right code does not wait for one commit per guess.
        let _turn = match self.database {
            Database::Postgres(_) => Some(self.guessing.lock().await),
            Database::Sqlite(_) => None,
        };
        let guess = *guess;
        let counted = self
            .database
            .write(Purpose::Change, move |db| Box::pin(count(db, guess, limit)));
        counted.await
    }

    async fn count_guesses(&self, counting: Range<Timestamp>) -> Result<u64, StoreError> {
        let tried = latest(&counting, GuessLimit::MOST_KEPT);
        counted(&self.read().await?, tried).await
    }

    async fn purge_guesses(&self, tried_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let old = delete_before::<Entity>(Column::TriedAt, tried_before, limit);
        self.run(&old).await
    }
}

async fn count(
    db: &Session,
    guess: Guess,
    limit: GuessLimit,
) -> Result<Result<WrongCodeCounts, Duration>, StoreError> {
    locks::alone(db, Alone::Guesses).await?;
    let judged = judge(db, &guess, limit).await?;
    if judged.is_ok() && guess.is_wrong {
        let row = ActiveModel {
            network: Set(guess.network.as_bytes().to_vec()),
            tried_at: Set(guess.at.as_millis()),
            ..Default::default()
        };
        row.insert(db).await.map_err(failed)?;
        // Once the service-wide limit is reached, a network without wrong codes may still try a code. Such attempts
        // must not fill the table.
        if judged.is_ok_and(|before| before.of_all >= GuessLimit::SERVICE_WIDE) {
            let surplus = delete_surplus(GuessLimit::MOST_KEPT).exec(db);
            surplus.await.map_err(failed)?;
        }
    }
    Ok(judged)
}

async fn judge(
    db: &impl ConnectionTrait,
    guess: &Guess,
    limit: GuessLimit,
) -> Result<Result<WrongCodeCounts, Duration>, StoreError> {
    let counting = limit.counting(guess.at);
    let wrong = WrongCodeTimes {
        of_network: times(db, latest_of(&guess.network, &counting)).await?,
        of_all: times(db, latest(&counting, GuessLimit::SERVICE_WIDE as u64)).await?,
    };
    Ok(limit.judge(guess, &wrong))
}

async fn times(
    db: &impl ConnectionTrait,
    tried: Select<Entity>,
) -> Result<Vec<Timestamp>, StoreError> {
    let times = tried.into_tuple::<i64>().all(db).await.map_err(failed)?;
    Ok(times.into_iter().map(Timestamp::from_millis).collect())
}

/// Selects the times of the latest wrong codes within `counting`, the latest first.
pub(crate) fn latest(counting: &Range<Timestamp>, most: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .expr(damage::whole(Column::TriedAt))
        .filter(Column::TriedAt.gte(counting.start.as_millis()))
        .filter(Column::TriedAt.lt(counting.end.as_millis()))
        .order_by_desc(Column::TriedAt)
        .limit(most)
}

/// Like [`latest`], for one network.
pub(crate) fn latest_of(network: &KeyedHash, counting: &Range<Timestamp>) -> Select<Entity> {
    latest(counting, GuessLimit::PER_ADDRESS as u64)
        .filter(Column::Network.eq(network.as_bytes().to_vec()))
}

/// Deletes all but the latest `most` wrong codes.
pub(crate) fn delete_surplus(most: u64) -> DeleteMany<Entity> {
    let last_kept = Entity::find()
        .select_only()
        .column(Column::TriedAt)
        .order_by_desc(Column::TriedAt)
        .offset(most - 1)
        .limit(1);
    let last_kept = Expr::SubQuery(None, Box::new(last_kept.into_query().into()));
    Entity::delete_many().filter(Expr::col(Column::TriedAt).lt(last_kept))
}
