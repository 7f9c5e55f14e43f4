//! Counts accounts and grants. Each query scans a whole table, on a reader connection, so callers must run it seldom.

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Account, AccountStatus, ProviderName};
use central_oauth_domain::ports::{
    AccountCount, Census, CensusStore, DyingCount, OverdueCount, StoreError,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select,
};

use crate::damage;
use crate::database::PoolUse;
use crate::entities::{accounts, tokens};
use crate::refreshes::outages;
use crate::store::SeaOrmStore;

impl SeaOrmStore {
    /// Returns how many connections are busy; with SQLite only reader connections. Needs no query.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        self.database.pool_use()
    }
}

#[async_trait]
impl CensusStore for SeaOrmStore {
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let outages = outages::all(&self.read().await?).await?;
        let down: Vec<_> = outages
            .iter()
            .map(|outage| outage.provider.as_str())
            .collect();
        Ok(Census {
            accounts: self.accounts(now, &down).await?,
            dying: self.dying(now, &down).await?,
            overdue: self.overdue(now, &down).await?,
        })
    }
}

impl SeaOrmStore {
    async fn accounts(
        &self,
        now: Timestamp,
        down: &[&str],
    ) -> Result<Vec<AccountCount>, StoreError> {
        type Group = (String, accounts::Status, i64, i64, i64);
        let (db, rows) = (&self.read().await?, &by_status(now));
        let rows = damage::groups::<Group>(db, rows).await?;
        let counts = rows
            .into_iter()
            .flat_map(|(provider, found, rows, over, due)| {
                let waiting = if down.contains(&&*provider) { due } else { 0 };
                let of = |status: AccountStatus, rows: i64| AccountCount {
                    provider: ProviderName::new(provider.clone()),
                    status,
                    count: rows.unsigned_abs(),
                };
                let over_now = of(AccountStatus::RelinkRequired, over);
                let waiting_now = of(AccountStatus::Degraded, waiting);
                [
                    of(found.into(), rows - over - waiting),
                    over_now,
                    waiting_now,
                ]
            });
        Ok(counts.filter(|count| count.count > 0).collect())
    }

    async fn dying(&self, now: Timestamp, down: &[&str]) -> Result<Vec<DyingCount>, StoreError> {
        let (db, rows) = (&self.read().await?, &dying(now, down));
        let rows = damage::groups::<(String, i64, i64)>(db, rows).await?;
        let counts = rows.into_iter().flat_map(|(provider, rows, lost)| {
            [(true, rows - lost), (false, lost)].map(|(refresh_due, count)| DyingCount {
                provider: ProviderName::new(provider.clone()),
                refresh_due,
                count: count.unsigned_abs(),
            })
        });
        Ok(counts.filter(|count| count.count > 0).collect())
    }

    async fn overdue(
        &self,
        now: Timestamp,
        down: &[&str],
    ) -> Result<Vec<OverdueCount>, StoreError> {
        type Group = (String, accounts::Status, i64, Option<i64>, Option<i64>);
        let (db, rows) = (&self.read().await?, &overdue(now));
        let rows = damage::groups::<Group>(db, rows).await?;
        let counts = rows
            .into_iter()
            .map(|(provider, found, rows, expiry, due)| {
                let since = expiry.into_iter().chain(due).min();
                let since = since.map_or(now, Timestamp::from_millis);
                let waits =
                    down.contains(&&*provider) && due.is_some_and(|due| due <= now.as_millis());
                let status = match AccountStatus::from(found) {
                    AccountStatus::Active if waits => AccountStatus::Degraded,
                    found => found,
                };
                OverdueCount {
                    provider: ProviderName::new(provider),
                    status,
                    count: rows.unsigned_abs(),
                    longest: now.since(since),
                }
            });
        Ok(counts.collect())
    }
}

/// Counts accounts by their stored status; among them those whose grant has ended nevertheless, and those that wait for
/// the end of an outage (the rules of `Account::as_of`). The latter two are counted, not grouped by, because PostgreSQL
/// treats two placeholders as two expressions.
fn by_status(now: Timestamp) -> Select<accounts::Entity> {
    use tokens::Column;
    let over = Condition::all()
        .add(accounts::Column::Status.eq(accounts::Status::Active))
        .add(Column::NextRefreshAt.is_null())
        .add(Column::AccessTokenExpiresAt.lte(now.as_millis()));
    let if_over: SimpleExpr = Expr::case(over, Expr::col((tokens::Entity, Column::Id))).into();
    let due = Condition::all()
        .add(accounts::Column::Status.eq(accounts::Status::Active))
        .add(Column::NextRefreshAt.lte(now.as_millis()));
    let if_due: SimpleExpr = Expr::case(due, Expr::col((tokens::Entity, Column::Id))).into();
    accounts::Entity::find()
        .left_join(tokens::Entity)
        .select_only()
        .column(accounts::Column::Provider)
        .column(accounts::Column::Status)
        .column_as(accounts::Column::Id.count(), "rows")
        .expr_as(if_over.count(), "over")
        .expr_as(if_due.count(), "due")
        .group_by(accounts::Column::Provider)
        .group_by(accounts::Column::Status)
}

/// Counts grants that end soon, and those of them that no refresh saves (the rule of `Account::fixed_ends`). The latter
/// are counted, not grouped by, as above.
fn dying(now: Timestamp, down: &[&str]) -> Select<tokens::Entity> {
    use tokens::Column;
    let within = |column: Column, horizon: Duration| {
        let is_alive = column.gt(now.as_millis());
        is_alive.and(column.lte((now + horizon).as_millis()))
    };
    let last_token = Column::RefreshToken.is_null();
    let stands = Column::RenewedByUse.eq(false);
    let fixed = Condition::any()
        .add(within(Column::GrantExpiresAt, Account::NOTICE))
        .add(last_token.and(within(Column::AccessTokenExpiresAt, Account::NOTICE)))
        .add(stands.and(within(Column::RefreshTokenExpiresAt, Account::NOTICE)));
    let movable = Column::RefreshToken
        .is_not_null()
        .and(within(Column::RefreshTokenExpiresAt, DyingCount::HORIZON));
    let soon = Condition::any().add(fixed.clone()).add(movable);
    let lost = fixed.add(saved(now, down).not());
    let if_lost: SimpleExpr = Expr::case(lost, Expr::col((tokens::Entity, Column::Id))).into();
    tokens::Entity::find()
        .inner_join(accounts::Entity)
        .filter(accounts::Column::Status.ne(accounts::Status::RelinkRequired))
        .filter(lives(now))
        .filter(soon)
        .select_only()
        .column(Column::Provider)
        .column_as(Column::Id.count(), "rows")
        .expr_as(if_lost.count(), "lost")
        .group_by(Column::Provider)
}

/// The opposite of having ended although the stored status is active, written so that NULL counts as alive.
fn lives(now: Timestamp) -> Condition {
    use tokens::Column;
    Condition::any()
        .add(accounts::Column::Status.ne(accounts::Status::Active))
        .add(Column::NextRefreshAt.is_not_null())
        .add(Column::AccessTokenExpiresAt.is_null())
        .add(Column::AccessTokenExpiresAt.gt(now.as_millis()))
}

/// Whether a refresh comes before the refresh token expires. Never NULL, so that its opposite is not NULL either.
fn saved(now: Timestamp, down: &[&str]) -> SimpleExpr {
    use tokens::Column;
    let is_before = Expr::col((tokens::Entity, Column::NextRefreshAt))
        .lt(Expr::col((tokens::Entity, Column::RefreshTokenExpiresAt)));
    let is_active = accounts::Column::Status.eq(accounts::Status::Active);
    let is_served = Column::Provider
        .is_not_in(down.iter().copied())
        .or(Column::NextRefreshAt.gt(now.as_millis()));
    is_active
        .and(is_served)
        .and(Column::NextRefreshAt.is_not_null())
        .and(Column::RefreshTokenExpiresAt.is_not_null())
        .and(is_before)
}

/// Counts overdue grants. The earlier of the two times of a group belongs to one of its rows, and has passed.
fn overdue(now: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    let is_over = |column: Column| column.lte(now.as_millis());
    let over = Condition::any()
        .add(is_over(Column::AccessTokenExpiresAt))
        .add(is_over(Column::NextRefreshAt));
    tokens::Entity::find()
        .inner_join(accounts::Entity)
        .filter(accounts::Column::Status.ne(accounts::Status::RelinkRequired))
        .filter(Column::RefreshToken.is_not_null())
        .filter(over)
        .select_only()
        .column(Column::Provider)
        .column(accounts::Column::Status)
        .column_as(Column::Id.count(), "rows")
        .expr_as(damage::whole(Column::AccessTokenExpiresAt).min(), "expiry")
        .expr_as(damage::whole(Column::NextRefreshAt).min(), "due")
        .group_by(Column::Provider)
        .group_by(accounts::Column::Status)
}

#[cfg(test)]
mod tests;
