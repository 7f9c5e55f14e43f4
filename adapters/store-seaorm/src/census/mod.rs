//! Counts accounts and grants. The query scans whole tables on a reader connection, so it must run rarely.

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Account, AccountStatus, ProviderName};
use central_oauth_domain::ports::{
    AccountCount, Census, CensusStore, ExpiringCount, OverdueCount, StoreError,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, FromQueryResult, QuerySelect as _, Select,
};

use crate::accounts::shown::{has_ended, waits};
use crate::damage;
use crate::database::PoolUse;
use crate::entities::accounts::{self, Status};
use crate::entities::tokens::{self, Column};
use crate::refreshes::outages;
use crate::store::SeaOrmStore;

impl SeaOrmStore {
    /// Returns how many connections are open and busy, without a query. On SQLite, counts only reader connections.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        self.database.pool_use()
    }
}

#[async_trait]
impl CensusStore for SeaOrmStore {
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let outages = outages::all(&self.read().await?).await?;
        let down = outages.iter().map(|outage| outage.provider.as_str());
        let down = Vec::from_iter(down);
        let (db, groups) = (&self.read().await?, &groups(now, &down));
        let mut census = Census::default();
        for group in damage::groups::<Group>(db, groups).await? {
            let is_down = down.contains(&&*group.provider);
            group.add_to(&mut census, now, is_down);
        }
        Ok(census)
    }
}

/// The accounts of one provider with one stored status.
#[derive(FromQueryResult)]
struct Group {
    provider: String,
    status: Status,
    accounts: i64,
    /// Accounts that are shown as `relink_required` instead of the stored status.
    relink_required: i64,
    /// Accounts that are shown as `degraded` instead of the stored status.
    degraded: i64,
    /// Grants that end soon.
    expiring: i64,
    /// Expiring grants that no scheduled refresh will save.
    unsavable: i64,
    overdue: i64,
    /// The earliest expiry of an overdue grant.
    expired_at: Option<i64>,
    /// The earliest due time of an overdue grant.
    due_at: Option<i64>,
}

impl Group {
    fn add_to(self, census: &mut Census, now: Timestamp, is_down: bool) {
        let (provider, stored) = (ProviderName::new(self.provider), self.status.into());
        let counts = [
            (stored, self.accounts - self.relink_required - self.degraded),
            (AccountStatus::RelinkRequired, self.relink_required),
            (AccountStatus::Degraded, self.degraded),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        census
            .accounts
            .extend(counts.map(|(status, count)| AccountCount {
                provider: provider.clone(),
                status,
                count: count.unsigned_abs(),
            }));
        let expiring = [
            (true, self.expiring - self.unsavable),
            (false, self.unsavable),
        ];
        let expiring = expiring.into_iter().filter(|(_, count)| *count > 0);
        census
            .expiring
            .extend(expiring.map(|(refresh_due, count)| ExpiringCount {
                provider: provider.clone(),
                refresh_due,
                count: count.unsigned_abs(),
            }));
        if self.overdue > 0 {
            let since = self.expired_at.into_iter().chain(self.due_at).min();
            let has_due = self.due_at.is_some_and(|due| due <= now.as_millis());
            census.overdue.push(OverdueCount {
                provider,
                status: match stored {
                    AccountStatus::Active if is_down && has_due => AccountStatus::Degraded,
                    stored => stored,
                },
                count: self.overdue.unsigned_abs(),
                longest: now.since(since.map_or(now, Timestamp::from_millis)),
            });
        }
    }
}

/// Selects the counts for each provider and stored status. Other properties are counted with CASE, because PostgreSQL
/// cannot group by an expression with placeholders. The numbers of the placeholders differ between SELECT and GROUP BY,
/// so PostgreSQL sees two different expressions.
fn groups(now: Timestamp, down: &[&str]) -> Select<accounts::Entity> {
    let number = Expr::col((tokens::Entity, Column::Id));
    let count_if = |condition: Condition| Expr::case(condition, number.clone()).count();
    let earliest = |column| Expr::case(is_overdue(now), damage::whole(column)).min();
    let unsavable = Condition::any()
        .add(ends_for_good(now))
        .add(saved(now, down).not());
    accounts::Entity::find()
        .left_join(tokens::Entity)
        .select_only()
        .column(accounts::Column::Provider)
        .column(accounts::Column::Status)
        .column_as(accounts::Column::Id.count(), "accounts")
        .expr_as(count_if(has_ended(now)), "relink_required")
        .expr_as(count_if(waits(now, down)), "degraded")
        .expr_as(count_if(dies(now)), "expiring")
        .expr_as(count_if(dies(now).add(unsavable)), "unsavable")
        .expr_as(count_if(is_overdue(now)), "overdue")
        .expr_as(earliest(Column::AccessTokenExpiresAt), "expired_at")
        .expr_as(earliest(Column::NextRefreshAt), "due_at")
        .group_by(accounts::Column::Provider)
        .group_by(accounts::Column::Status)
}

/// Matches grants that end soon, even if a refresh may still extend them.
fn dies(now: Timestamp) -> Condition {
    let movable = Column::RefreshToken.is_not_null().and(within(
        Column::RefreshTokenExpiresAt,
        now,
        ExpiringCount::HORIZON,
    ));
    Condition::all()
        .add(accounts::Column::Status.ne(Status::RelinkRequired))
        .add(has_ended(now).not())
        .add(Condition::any().add(ends_for_good(now)).add(movable))
}

/// Matches grants that end soon and that no refresh can extend. This is the rule of `Account::known_end`.
fn ends_for_good(now: Timestamp) -> Condition {
    let soon = |column| within(column, now, Account::NOTICE);
    let last_token = Column::RefreshToken.is_null();
    let stands = Column::RenewedByUse.eq(false);
    Condition::any()
        .add(soon(Column::GrantExpiresAt))
        .add(last_token.and(soon(Column::AccessTokenExpiresAt)))
        .add(stands.and(soon(Column::RefreshTokenExpiresAt)))
}

fn within(column: Column, now: Timestamp, horizon: Duration) -> SimpleExpr {
    let is_alive = column.gt(now.as_millis());
    is_alive.and(column.lte((now + horizon).as_millis()))
}

/// Matches active grants that are refreshed before the refresh token expires. A due refresh that waits for the end of
/// an outage does not count. The condition is never NULL, so it can be negated.
fn saved(now: Timestamp, down: &[&str]) -> Condition {
    let is_before = Expr::col((tokens::Entity, Column::NextRefreshAt))
        .lt(Expr::col((tokens::Entity, Column::RefreshTokenExpiresAt)));
    Condition::all()
        .add(accounts::Column::Status.eq(Status::Active))
        .add(waits(now, down).not())
        .add(Column::NextRefreshAt.is_not_null())
        .add(Column::RefreshTokenExpiresAt.is_not_null())
        .add(is_before)
}

/// Matches grants with a refresh token whose access token has expired or whose refresh is due.
fn is_overdue(now: Timestamp) -> Condition {
    let is_over = |column: Column| column.lte(now.as_millis());
    let over = Condition::any()
        .add(is_over(Column::AccessTokenExpiresAt))
        .add(is_over(Column::NextRefreshAt));
    Condition::all()
        .add(accounts::Column::Status.ne(Status::RelinkRequired))
        .add(Column::RefreshToken.is_not_null())
        .add(over)
}

#[cfg(test)]
mod tests;
