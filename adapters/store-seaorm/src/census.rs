//! Counting. Each question passes over a whole table, on a reader's connection: whoever asks sees to it that it is
//! seldom.

use std::collections::BTreeMap;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountStatus, ProviderName};
use central_oauth_domain::ports::{
    AccountCount, Census, CensusStore, DyingCount, OverdueCount, StoreError,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select,
};

use crate::convert::status;
use crate::database::PoolUse;
use crate::entities::{accounts, tokens};
use crate::error::failed;
use crate::store::SeaOrmStore;

impl SeaOrmStore {
    /// How busy the connections are; with SQLite those that read. Asks nobody, so it takes no time.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        self.database.pool_use()
    }
}

#[async_trait]
impl CensusStore for SeaOrmStore {
    async fn census(&self, now: Timestamp, horizon: Timestamp) -> Result<Census, StoreError> {
        Ok(Census {
            accounts: self.accounts(now).await?,
            dying: self.dying(now, horizon).await?,
            overdue: self.overdue(now).await?,
        })
    }
}

impl SeaOrmStore {
    async fn accounts(&self, now: Timestamp) -> Result<Vec<AccountCount>, StoreError> {
        let rows = by_status(now).into_tuple::<(String, accounts::Status, i64, i64)>();
        let rows = rows.all(&self.read().await?).await.map_err(failed)?;
        let counts = rows.into_iter().flat_map(|(provider, found, rows, over)| {
            let of = |status: AccountStatus, rows: i64| AccountCount {
                provider: ProviderName::new(provider.clone()),
                status,
                count: rows.unsigned_abs(),
            };
            let over_now = of(AccountStatus::RelinkRequired, over);
            [of(status(found), rows - over), over_now]
        });
        Ok(counts.filter(|count| count.count > 0).collect())
    }

    async fn dying(
        &self,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Vec<DyingCount>, StoreError> {
        let rows = dying(now, horizon).into_tuple::<(String, accounts::Status, bool, i64)>();
        let rows = rows.all(&self.read().await?).await.map_err(failed)?;
        let mut counts = BTreeMap::new();
        for (provider, found, in_time, rows) in rows {
            let refresh_due = in_time && status(found) == AccountStatus::Active;
            *counts.entry((provider, refresh_due)).or_insert(0) += rows.unsigned_abs();
        }
        let counts = counts.into_iter();
        let counts = counts.map(|((provider, refresh_due), count)| DyingCount {
            provider: ProviderName::new(provider),
            refresh_due,
            count,
        });
        Ok(counts.collect())
    }

    async fn overdue(&self, now: Timestamp) -> Result<Vec<OverdueCount>, StoreError> {
        let rows = overdue(now)
            .into_tuple::<(String, accounts::Status, i64, Option<i64>, Option<i64>)>()
            .all(&self.read().await?)
            .await
            .map_err(failed)?;
        let counts = rows
            .into_iter()
            .map(|(provider, found, rows, expiry, due)| {
                let since = expiry.into_iter().chain(due).min();
                let since = since.map_or(now, Timestamp::from_millis);
                OverdueCount {
                    provider: ProviderName::new(provider),
                    status: status(found),
                    count: rows.unsigned_abs(),
                    longest: now.since(since),
                }
            });
        Ok(counts.collect())
    }
}

/// Accounts by what is noted of them, and how many of those are over all the same (the rule is `Account::as_of`). The
/// latter are counted, not grouped by: to PostgreSQL two placeholders are two expressions.
fn by_status(now: Timestamp) -> Select<accounts::Entity> {
    use tokens::Column;
    let over = Condition::all()
        .add(accounts::Column::Status.eq(accounts::Status::Active))
        .add(Column::NextRefreshAt.is_null())
        .add(Column::AccessTokenExpiresAt.lte(now.as_millis()));
    let if_over: SimpleExpr = Expr::case(over, Expr::col((tokens::Entity, Column::Id))).into();
    accounts::Entity::find()
        .left_join(tokens::Entity)
        .select_only()
        .column(accounts::Column::Provider)
        .column(accounts::Column::Status)
        .column_as(accounts::Column::Id.count(), "rows")
        .expr_as(if_over.count(), "over")
        .group_by(accounts::Column::Provider)
        .group_by(accounts::Column::Status)
}

/// Grants that end from now until then, by whether a refresh is due before.
fn dying(now: Timestamp, horizon: Timestamp) -> Select<tokens::Entity> {
    use tokens::Column;
    let by_then = |column: Column| {
        let is_alive = column.gt(now.as_millis());
        is_alive.and(column.lte(horizon.as_millis()))
    };
    let refreshable = Condition::all()
        .add(Column::RefreshToken.is_not_null())
        .add(by_then(Column::RefreshTokenExpiresAt));
    let final_one = Condition::all()
        .add(Column::RefreshToken.is_null())
        .add(by_then(Column::AccessTokenExpiresAt));
    tokens::Entity::find()
        .inner_join(accounts::Entity)
        .filter(accounts::Column::Status.ne(accounts::Status::RelinkRequired))
        .filter(Condition::any().add(refreshable).add(final_one))
        .select_only()
        .column(Column::Provider)
        .column(accounts::Column::Status)
        .expr_as(in_time(), "in_time")
        .column_as(Column::Id.count(), "rows")
        .group_by(Column::Provider)
        .group_by(accounts::Column::Status)
        .group_by(in_time())
}

/// Grants that should have been refreshed by now. The earlier of the two times of a group is that of one of its rows, and
/// over.
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
        .column_as(Column::AccessTokenExpiresAt.min(), "expiry")
        .column_as(Column::NextRefreshAt.min(), "due")
        .group_by(Column::Provider)
        .group_by(accounts::Column::Status)
}

fn in_time() -> SimpleExpr {
    use tokens::Column;
    let is_before = Expr::col((tokens::Entity, Column::NextRefreshAt))
        .lt(Expr::col((tokens::Entity, Column::RefreshTokenExpiresAt)));
    Column::NextRefreshAt
        .is_not_null()
        .and(Column::RefreshTokenExpiresAt.is_not_null())
        .and(is_before)
        // As far as is known. Without a parameter, as groups are made by this.
        .and(
            Column::RenewedByUse
                .is_null()
                .or(Expr::col((tokens::Entity, Column::RenewedByUse))),
        )
}

#[cfg(test)]
mod tests {
    use central_oauth_test_postgres::Cluster;
    use sea_orm::ActiveValue::Set;
    use sea_orm::EntityTrait as _;

    use super::*;
    use crate::entities::accounts::Status;
    use crate::{DatabaseUrl, PoolSettings};

    const NOW: i64 = 1_790_000_000_000;
    const DAY: i64 = 24 * 60 * 60 * 1000;

    /// A grant of this health, with or without a refresh token, that dies then and is refreshed then.
    struct Grant(Status, bool, Option<i64>, Option<i64>);

    async fn add(store: &SeaOrmStore, id: i64, provider: &str, grant: Grant) {
        let Grant(status, refreshable, dies_at, next_refresh_at) = grant;
        let account = accounts::ActiveModel {
            id: Set(id),
            provider: Set(provider.to_owned()),
            account_id: Set(id.to_string()),
            identified: Set(true),
            display_name: Set(String::new()),
            status: Set(status),
            scopes: Set(String::new()),
            created_at: Set(NOW),
            linked_at: Set(NOW),
            ..Default::default()
        };
        let tokens = tokens::ActiveModel {
            account_id: Set(id),
            provider: Set(provider.to_owned()),
            generation: Set(1),
            access_token: Set(vec![0; 64]),
            refresh_token: Set(refreshable.then(|| vec![0; 64])),
            token_endpoint: Set(String::new()),
            client_id: Set(String::new()),
            access_token_expires_at: Set(dies_at.filter(|_| !refreshable)),
            refresh_token_expires_at: Set(dies_at.filter(|_| refreshable)),
            obtained_at: Set(NOW),
            next_refresh_at: Set(next_refresh_at),
            lease_version: Set(0),
            failures: Set(0),
            ambiguous: Set(false),
            ..Default::default()
        };
        let write = store.write().await.unwrap();
        let account = accounts::Entity::insert(account);
        account.exec_without_returning(&write.txn).await.unwrap();
        let tokens = tokens::Entity::insert(tokens);
        tokens.exec_without_returning(&write.txn).await.unwrap();
        write.commit().await.unwrap();
    }

    #[tokio::test]
    async fn accounts_are_counted_and_grants_that_die() {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseUrl::file(folder.path().join("store.sqlite3"));
        let server = Cluster::shared().create_database().url.parse().unwrap();
        for url in [file, server] {
            count_at(&url).await;
        }
    }

    async fn count_at(url: &DatabaseUrl) {
        let store = SeaOrmStore::open(url, PoolSettings::default()).await;
        let store = store.unwrap();
        store.migrate_up().await.unwrap();
        let (soon, later, hour) = (NOW + DAY / 2, NOW + 2 * DAY, NOW + DAY / 24);
        let grants = [
            ("one", Grant(Status::Active, true, Some(soon), Some(hour))),
            ("one", Grant(Status::Active, true, Some(soon), Some(later))),
            ("one", Grant(Status::Degraded, true, Some(soon), Some(hour))),
            ("one", Grant(Status::Active, true, Some(later), Some(hour))),
            ("one", Grant(Status::Active, true, None, Some(hour))),
            ("two", Grant(Status::Active, false, Some(soon), None)),
            ("two", Grant(Status::Active, false, None, None)),
            ("two", Grant(Status::RelinkRequired, true, Some(soon), None)),
            // Died already, and nobody has noted it.
            ("two", Grant(Status::Active, false, Some(NOW), None)),
            ("two", Grant(Status::Active, true, Some(NOW), Some(later))),
        ];
        for (id, (provider, grant)) in (1..).zip(grants) {
            add(&store, id, provider, grant).await;
        }
        let census = store
            .census(
                Timestamp::from_millis(NOW),
                Timestamp::from_millis(NOW + DAY),
            )
            .await
            .unwrap();
        let count = |provider: &str, status: AccountStatus| {
            let of = |found: &&AccountCount| {
                found.provider.as_str() == provider && found.status == status
            };
            census
                .accounts
                .iter()
                .filter(of)
                .map(|found| found.count)
                .sum::<u64>()
        };
        assert_eq!(count("one", AccountStatus::Active), 4);
        assert_eq!(count("one", AccountStatus::Degraded), 1);
        assert_eq!(count("two", AccountStatus::Active), 3);
        assert_eq!(count("two", AccountStatus::RelinkRequired), 2);
        assert_eq!(
            dying_at(&store).await,
            [("one", false, 2), ("one", true, 1), ("two", false, 1)].map(dying)
        );
        assert_eq!(census.overdue, []);
        // A refresh that puts no end off saves nobody.
        for (renews, expected) in [
            (
                true,
                &[("one", false, 2), ("one", true, 1), ("two", false, 1)][..],
            ),
            (false, &[("one", false, 3), ("two", false, 1)]),
        ] {
            let write = store.write().await.unwrap();
            tokens::Entity::update_many()
                .col_expr(tokens::Column::RenewedByUse, Expr::value(renews))
                .filter(tokens::Column::AccountId.eq(1))
                .exec(&write.txn)
                .await
                .unwrap();
            write.commit().await.unwrap();
            let expected: Vec<_> = expected.iter().copied().map(dying).collect();
            assert_eq!(dying_at(&store).await, expected);
        }
        late_at(&store).await;
    }

    fn dying((provider, refresh_due, count): (&str, bool, u64)) -> DyingCount {
        DyingCount {
            provider: ProviderName::new(provider),
            refresh_due,
            count,
        }
    }

    /// Those that die within a day.
    async fn dying_at(store: &SeaOrmStore) -> Vec<DyingCount> {
        let [now, horizon] = [NOW, NOW + DAY].map(Timestamp::from_millis);
        let census = store.census(now, horizon).await.unwrap();
        let mut found = census.dying;
        found.sort_by_key(|dying| (dying.provider.clone(), dying.refresh_due));
        found
    }

    /// The same grants an hour and a half later, when those that were due after an hour are late; one of them has failed,
    /// which has moved its next attempt but not the end of its access token.
    async fn late_at(store: &SeaOrmStore) {
        let (hour, now) = (DAY / 24, NOW + DAY / 16);
        let write = store.write().await.unwrap();
        tokens::Entity::update_many()
            .col_expr(tokens::Column::NextRefreshAt, Expr::value(now + 1))
            .col_expr(tokens::Column::AccessTokenExpiresAt, Expr::value(NOW))
            .filter(tokens::Column::AccountId.eq(3))
            .exec(&write.txn)
            .await
            .unwrap();
        write.commit().await.unwrap();
        let now = Timestamp::from_millis(now);
        let mut found = store.census(now, now).await.unwrap().overdue;
        found.sort_by_key(|overdue| overdue.longest);
        let overdue = |status: AccountStatus, count: u64, since: i64| OverdueCount {
            provider: ProviderName::new("one"),
            status,
            count,
            longest: now.since(Timestamp::from_millis(since)),
        };
        assert_eq!(
            found,
            [
                overdue(AccountStatus::Active, 3, NOW + hour),
                overdue(AccountStatus::Degraded, 1, NOW),
            ]
        );
    }
}
