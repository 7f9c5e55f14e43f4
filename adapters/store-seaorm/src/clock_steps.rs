//! Repairs times that a clock which was ahead has stored: those further ahead than any rule allows.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::clock_step::{CLOCKS_DIFFER, Horizon};
use central_oauth_domain::grant::refresh::REFRESH_HORIZON;
use central_oauth_domain::grant::revocation::REVOCATION_HORIZON;
use central_oauth_domain::link::Link;
use central_oauth_domain::link::pace::POLL_HORIZON;
use central_oauth_domain::ports::{ClockStepStore, StoreError};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select, UpdateMany,
};

use crate::claims::{Leased, skipping_locked};
use crate::convert::row_count;
use crate::entities::{device_codes, revocations, tokens};
use crate::error::failed;
use crate::store::SeaOrmStore;

#[async_trait]
impl ClockStepStore for SeaOrmStore {
    async fn undo_clock_steps(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        if !any(&self.read().await?, now).await? {
            return Ok(0);
        }
        let write = self.write().await?;
        let (now, _) = self.time.both(&write.txn, now, now).await?;
        let mut changed = 0;
        for far in [paused(now), planned(now)] {
            changed += make_due(&write.txn, far, limit, now, REFRESH_HORIZON).await?;
        }
        let polls = beyond::<device_codes::Entity>(now, POLL_HORIZON);
        changed += make_due(&write.txn, polls, limit, now, POLL_HORIZON).await?;
        let outbox = beyond::<revocations::Entity>(now, REVOCATION_HORIZON);
        changed += make_due(&write.txn, outbox, limit, now, REVOCATION_HORIZON).await?;
        changed += expire(&write.txn, endless(now), limit, now).await?;
        write.commit().await?;
        Ok(changed)
    }
}

async fn any(db: &impl ConnectionTrait, now: Timestamp) -> Result<bool, StoreError> {
    Ok(exists(db, paused(now)).await?
        || exists(db, planned(now)).await?
        || exists(db, beyond::<device_codes::Entity>(now, POLL_HORIZON)).await?
        || exists(db, beyond::<revocations::Entity>(now, REVOCATION_HORIZON)).await?
        || exists(db, endless(now)).await?)
}

async fn exists<E: Leased>(db: &impl ConnectionTrait, rows: Select<E>) -> Result<bool, StoreError> {
    let first = rows.limit(1).into_tuple::<i64>().one(db).await;
    Ok(first.map_err(failed)?.is_some())
}

/// Rows whose lease or pause lies beyond the horizon.
pub(crate) fn beyond<E: Leased>(now: Timestamp, horizon: Horizon) -> Select<E> {
    let longest_lease = (now + horizon.lease).as_millis();
    let longest_pause = (now + horizon.pause).as_millis();
    let is_beyond = E::LEASE_UNTIL
        .gt(longest_lease)
        .or(E::NEXT_AT.gt(longest_pause));
    E::find()
        .select_only()
        .column(E::ID)
        .filter(E::DUE_AT.gt(Ord::min(longest_lease, longest_pause)))
        .filter(is_beyond)
}

/// Tokens whose lease, or whose pause after a failure, is beyond the horizon. The literal condition is that of the
/// index.
pub(crate) fn paused(now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    let longest_lease = (now + REFRESH_HORIZON.lease).as_millis();
    let longest_pause = (now + REFRESH_HORIZON.pause).as_millis();
    let pauses = Column::Failures
        .gt(0)
        .and(Column::NextRefreshAt.gt(longest_pause));
    tokens::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::RefreshDueAt.gt(longest_lease))
        .filter(Expr::cust("(failures > 0 OR lease_until IS NOT NULL)"))
        .filter(Column::LeaseUntil.gt(longest_lease).or(pauses))
}

/// Tokens whose next refresh was scheduled by a clock that has been set back since.
pub(crate) fn planned(now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    tokens::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ObtainedAt.gt((now + CLOCKS_DIFFER).as_millis()))
        .filter(Column::Failures.eq(0))
        .filter(Column::NextRefreshAt.gt(now.as_millis()))
}

/// Links whose deadline is further ahead than any rule allows.
pub(crate) fn endless(now: Timestamp) -> Select<device_codes::Entity> {
    use device_codes::Column;
    device_codes::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(Column::ExpiresAt.gt((now + Link::LONGEST).as_millis()))
}

/// Lets links expire, including the time for a last response of the provider.
async fn expire(
    db: &impl ConnectionTrait,
    rows: Select<device_codes::Entity>,
    limit: u64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    use device_codes::{Column, Entity};
    let deadline = now - Link::LAST_WORD;
    let rows = locked_rows(db, rows, limit).await?;
    let expired = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(deadline.as_millis()))
        .filter(Column::Id.is_in(rows))
        .exec(db)
        .await;
    Ok(expired.map_err(failed)?.rows_affected)
}

async fn locked_rows<E: Leased>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    limit: u64,
) -> Result<Vec<i64>, StoreError> {
    let rows = skipping_locked(rows.limit(row_count(limit))).into_tuple::<i64>();
    rows.all(db).await.map_err(failed)
}

async fn make_due<E: Leased>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    limit: u64,
    now: Timestamp,
    horizon: Horizon,
) -> Result<u64, StoreError> {
    let rows = locked_rows(db, rows, limit).await?;
    let changed = due_now::<E>(rows, now, horizon).exec(db).await;
    Ok(changed.map_err(failed)?.rows_affected)
}

fn due_now<E: Leased>(rows: Vec<i64>, now: Timestamp, horizon: Horizon) -> UpdateMany<E> {
    let longest_lease = (now + horizon.lease).as_millis();
    let now = now.as_millis();
    let no_later = |column: E::Column, than: i64| {
        CaseStatement::new()
            .case(Expr::col(column).gt(than), now)
            .finally(Expr::col(column))
    };
    E::update_many()
        .col_expr(E::NEXT_AT, no_later(E::NEXT_AT, now).into())
        .col_expr(
            E::LEASE_UNTIL,
            no_later(E::LEASE_UNTIL, longest_lease).into(),
        )
        .filter(E::ID.is_in(rows))
}
