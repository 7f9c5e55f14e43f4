//! Repairs times that were stored while a clock was ahead. These times are further in the future than any rule allows.

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::clock_step::{Horizon, OBTAINED_AHEAD};
use central_oauth_domain::grant::refresh::{PROBE_HORIZON, REFRESH_HORIZON};
use central_oauth_domain::grant::revocation::REVOCATION_HORIZON;
use central_oauth_domain::link::Link;
use central_oauth_domain::link::polling::{POLL_HORIZON, STORED_WITHIN};
use central_oauth_domain::ports::{ClockStepStore, StoreError};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select, UpdateMany,
};

use crate::claims::{Leased, skipping_locked};
use crate::convert::row_count;
use crate::entities::device_codes::{self, State};
use crate::entities::{outages, revocations, tokens};
use crate::error::failed;
use crate::statements::finds_any;
use crate::store::SeaOrmStore;

#[async_trait]
impl ClockStepStore for SeaOrmStore {
    async fn undo_clock_steps(
        &self,
        now: Timestamp,
        pause: Duration,
        limit: u64,
    ) -> Result<u64, StoreError> {
        if !any(&self.read().await?, now, pause).await? {
            return Ok(0);
        }
        let write = self.write().await?;
        let (now, _) = self.time.both(&write, now, now).await?;
        let mut changed = 0;
        let refreshes = REFRESH_HORIZON.cut(pause);
        changed += change(&write, obtained_ahead(now), limit, expired_tokens(now)).await?;
        let pauses = paused(now, refreshes);
        changed += change(&write, pauses, limit, due_now(now, refreshes)).await?;
        let probes = probe_now(now, pause).exec(&write).await;
        changed += probes.map_err(failed)?.rows_affected;
        changed += change(&write, polled_late(now), limit, polled_soon(now)).await?;
        let horizon = POLL_HORIZON.cut(pause);
        let polls = beyond::<device_codes::Entity>(now, horizon);
        changed += change(&write, polls, limit, due_now(now, horizon)).await?;
        let horizon = REVOCATION_HORIZON.cut(pause);
        let outbox = beyond::<revocations::Entity>(now, horizon);
        changed += change(&write, outbox, limit, due_now(now, horizon)).await?;
        changed += change(&write, endless(now), limit, expired(now)).await?;
        write.commit().await?;
        Ok(changed)
    }
}

async fn any(
    db: &impl ConnectionTrait,
    now: Timestamp,
    pause: Duration,
) -> Result<bool, StoreError> {
    let polls = beyond::<device_codes::Entity>(now, POLL_HORIZON.cut(pause));
    let outbox = beyond::<revocations::Entity>(now, REVOCATION_HORIZON.cut(pause));
    Ok(
        finds_any(db, paused(now, REFRESH_HORIZON.cut(pause))).await?
            || finds_any(db, obtained_ahead(now)).await?
            || finds_any(db, probed_late(now, pause)).await?
            || finds_any(db, polled_late(now)).await?
            || finds_any(db, polls).await?
            || finds_any(db, outbox).await?
            || finds_any(db, endless(now)).await?,
    )
}

/// Selects rows whose lease or pause ends beyond the horizon.
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

/// Selects tokens whose lease, or whose pause after a failure, ends beyond the horizon. The literal condition equals
/// the condition of `ix_tokens_waiting_until`, so the planner can use this index.
pub(crate) fn paused(now: Timestamp, horizon: Horizon) -> Select<tokens::Entity> {
    use tokens::Column;
    let longest_lease = (now + horizon.lease).as_millis();
    let longest_pause = (now + horizon.pause).as_millis();
    let pauses = Column::Failures
        .gt(0)
        .and(Column::NextRefreshAt.gt(longest_pause));
    tokens::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::RefreshDueAt.gt(Ord::min(longest_lease, longest_pause)))
        .filter(Expr::cust("(failures > 0 OR lease_until IS NOT NULL)"))
        .filter(Column::LeaseUntil.gt(longest_lease).or(pauses))
}

/// Selects tokens with a planned refresh whose `obtained_at` is in the future.
pub(crate) fn obtained_ahead(now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    tokens::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ObtainedAt.gt((now + OBTAINED_AHEAD).as_millis()))
        .filter(Column::NextRefreshAt.is_not_null())
}

fn expired_tokens(now: Timestamp) -> UpdateMany<tokens::Entity> {
    use tokens::Column;
    let is_late = |column: Column| Expr::col(column).gt(now.as_millis());
    let now_if = |condition: SimpleExpr, column: Column| {
        let unless = CaseStatement::new().case(condition, now.as_millis());
        unless.finally(Expr::col(column))
    };
    let end = Column::AccessTokenExpiresAt;
    let planned = Expr::col(Column::Failures)
        .eq(0)
        .and(is_late(Column::NextRefreshAt));
    tokens::Entity::update_many()
        .col_expr(Column::ObtainedAt, Expr::value(now.as_millis()))
        .col_expr(end, now_if(is_late(end), end).into())
        .col_expr(
            Column::NextRefreshAt,
            now_if(planned, Column::NextRefreshAt).into(),
        )
}

/// Selects outages whose next probe is too far ahead.
fn probed_late(now: Timestamp, pause: Duration) -> Select<outages::Entity> {
    outages::Entity::find()
        .select_only()
        .column(outages::Column::Id)
        .filter(is_probed_late(now, pause))
}

fn is_probed_late(now: Timestamp, pause: Duration) -> SimpleExpr {
    let latest = now + PROBE_HORIZON.min(pause);
    outages::Column::ProbeAt.gt(latest.as_millis())
}

fn probe_now(now: Timestamp, pause: Duration) -> UpdateMany<outages::Entity> {
    use outages::Column;
    outages::Entity::update_many()
        .col_expr(Column::ProbeAt, Expr::value(now.as_millis()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(is_probed_late(now, pause))
}

/// Selects links whose next poll is more than one interval plus [`STORED_WITHIN`] from now. Leaves out links with
/// failed polls.
pub(crate) fn polled_late(now: Timestamp) -> Select<device_codes::Entity> {
    use device_codes::Column;
    let latest = (now + STORED_WITHIN).as_millis();
    device_codes::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::PollDueAt.gt(latest))
        .filter(Column::State.eq(State::Authorizing))
        .filter(Column::PollFailures.eq(0))
        .filter(Expr::col(Column::PollNextAt).gt(Expr::col(Column::PollInterval).add(latest)))
}

/// Sets the next poll to one interval from now.
fn polled_soon(now: Timestamp) -> UpdateMany<device_codes::Entity> {
    use device_codes::Column;
    let next_at = Expr::col(Column::PollInterval).add(now.as_millis());
    device_codes::Entity::update_many().col_expr(Column::PollNextAt, next_at)
}

/// Selects links whose deadline is further ahead than any rule allows.
pub(crate) fn endless(now: Timestamp) -> Select<device_codes::Entity> {
    use device_codes::Column;
    device_codes::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(Column::ExpiresAt.gt((now + Link::LONGEST).as_millis()))
}

/// Sets the deadline so far in the past that even the grace period for the final poll is over.
fn expired(now: Timestamp) -> UpdateMany<device_codes::Entity> {
    let deadline = Expr::value((now - Link::FINAL_POLL_GRACE).as_millis());
    device_codes::Entity::update_many().col_expr(device_codes::Column::ExpiresAt, deadline)
}

fn due_now<E: Leased>(now: Timestamp, horizon: Horizon) -> UpdateMany<E> {
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
}

/// Changes the rows that a query finds, except those that another transaction has locked. Returns how many were changed.
async fn change<E: Leased>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    limit: u64,
    change: UpdateMany<E>,
) -> Result<u64, StoreError> {
    let rows = skipping_locked(rows.limit(row_count(limit))).into_tuple::<i64>();
    let rows = rows.all(db).await.map_err(failed)?;
    let changed = change.filter(E::ID.is_in(rows)).exec(db).await;
    Ok(changed.map_err(failed)?.rows_affected)
}
