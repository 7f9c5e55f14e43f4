//! Tests the census on both databases.

use std::collections::BTreeMap;

use central_oauth_domain::Fault;
use central_oauth_domain::grant::refresh::Outage;
use central_oauth_domain::ports::OutageStore as _;
use central_oauth_test_postgres::Cluster;
use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait as _, QueryFilter as _};

use super::*;
use crate::entities::accounts::Status;
use crate::{DatabaseUrl, PoolSettings};

const NOW: i64 = 1_790_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A grant: its status, whether it has a refresh token, when it expires, and when it is refreshed next.
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
    account.exec_without_returning(&write).await.unwrap();
    let tokens = tokens::Entity::insert(tokens);
    tokens.exec_without_returning(&write).await.unwrap();
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
        // This grant has ended, but its stored status is still active.
        ("two", Grant(Status::Active, false, Some(NOW), None)),
        ("two", Grant(Status::Active, true, Some(NOW), Some(later))),
    ];
    for (id, (provider, grant)) in (1..).zip(grants) {
        add(&store, id, provider, grant).await;
    }
    let census = store.census(Timestamp::from_millis(NOW)).await.unwrap();
    let count = |provider: &str, status: AccountStatus| {
        let of =
            |found: &&AccountCount| found.provider.as_str() == provider && found.status == status;
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
        expiring_at(&store).await,
        [("one", false, 2), ("one", true, 1), ("two", false, 1)].map(expiring)
    );
    assert_eq!(census.overdue, []);
    // A refresh that does not extend the grant does not save it.
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
            .exec(&write)
            .await
            .unwrap();
        write.commit().await.unwrap();
        let expected: Vec<_> = expected.iter().copied().map(expiring).collect();
        assert_eq!(expiring_at(&store).await, expected);
    }
    late_at(&store).await;
    ends_of_age_at(&store).await;
    outage_at(&store).await;
}

/// During an outage an account is counted as it is displayed: degraded once its refresh is due.
async fn outage_at(store: &SeaOrmStore) {
    let (soon, hour) = (NOW + DAY / 2, NOW + DAY / 24);
    let grants = [
        Grant(Status::Active, true, Some(soon), Some(NOW)),
        Grant(Status::Active, true, Some(soon), Some(hour)),
        Grant(Status::Degraded, true, None, Some(NOW)),
    ];
    for (id, grant) in (201..).zip(grants) {
        add(store, id, "down", grant).await;
    }
    let now = Timestamp::from_millis(NOW);
    let found = async || {
        let census = store.census(now).await.unwrap();
        let accounts = census.accounts.into_iter();
        let accounts = accounts.filter(|found| found.provider.as_str() == "down");
        let mut counts = [0, 0];
        accounts.for_each(|found| {
            counts[usize::from(found.status == AccountStatus::Degraded)] += found.count;
        });
        let overdue = census.overdue.into_iter();
        let overdue = overdue.filter(|found| found.provider.as_str() == "down");
        let untried = overdue.filter(|found| found.status == AccountStatus::Active);
        let untried: u64 = untried.map(|found| found.count).sum();
        let mut expiring = expiring_at(store).await;
        expiring.retain(|expiring| expiring.provider.as_str() == "down");
        (counts, untried, expiring)
    };
    assert_eq!(
        found().await,
        ([2, 1], 1, vec![expiring(("down", true, 2))])
    );
    let (provider, fault) = (ProviderName::new("down"), Fault::new("invalid_client", ""));
    let outage = Outage::begin(provider.clone(), fault, None, now);
    assert!(store.begin_outage(outage).await.unwrap().is_some());
    let expiring = [("down", false, 1), ("down", true, 1)]
        .map(expiring)
        .to_vec();
    assert_eq!(found().await, ([1, 2], 0, expiring));
    assert!(store.end_outage(&provider).await.unwrap());
}

/// A grant with a fixed end, for example because of a maximum age, is counted from a week before its end, and only
/// once. A grant that a refresh may extend is counted from a day before its end.
async fn ends_of_age_at(store: &SeaOrmStore) {
    let (hour, soon, week) = (NOW + DAY / 24, NOW + DAY / 2, NOW + 7 * DAY);
    let well = |dies_at| Grant(Status::Active, true, dies_at, Some(hour));
    let grants = [
        // The refresh saves the token, but not the grant.
        (well(Some(soon)), Some(week), None),
        (well(None), Some(NOW + 1), None),
        (well(None), Some(week + 1), None),
        // This end does not count, because it has passed.
        (well(Some(soon)), Some(NOW), Some(true)),
        (well(Some(week)), None, Some(false)),
        (well(Some(week)), None, None),
        (well(Some(week + 1)), None, Some(false)),
        (
            Grant(Status::Degraded, true, Some(week), Some(hour)),
            None,
            None,
        ),
        (
            Grant(Status::Degraded, true, None, Some(hour)),
            Some(week),
            None,
        ),
        (Grant(Status::Active, false, Some(week), None), None, None),
        // Its last token has expired, so the grant has ended.
        (
            Grant(Status::Active, false, Some(NOW), None),
            Some(week),
            None,
        ),
        (
            Grant(Status::RelinkRequired, true, None, None),
            Some(week),
            None,
        ),
    ];
    for (id, (grant, ends_at, renews)) in (101..).zip(grants) {
        add(store, id, "old", grant).await;
        let write = store.write().await.unwrap();
        tokens::Entity::update_many()
            .col_expr(tokens::Column::GrantExpiresAt, Expr::value(ends_at))
            .col_expr(tokens::Column::RenewedByUse, Expr::value(renews))
            .filter(tokens::Column::AccountId.eq(id))
            .exec(&write)
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
    let mut found = expiring_at(store).await;
    found.retain(|expiring| expiring.provider.as_str() == "old");
    assert_eq!(found, [("old", false, 5), ("old", true, 1)].map(expiring));
}

fn expiring((provider, refresh_due, count): (&str, bool, u64)) -> ExpiringCount {
    ExpiringCount {
        provider: ProviderName::new(provider),
        refresh_due,
        count,
    }
}

/// Returns the counts of grants that end soon, added up over all statuses.
async fn expiring_at(store: &SeaOrmStore) -> Vec<ExpiringCount> {
    let census = store.census(Timestamp::from_millis(NOW)).await.unwrap();
    let mut counts = BTreeMap::new();
    for found in census.expiring {
        *counts
            .entry((found.provider, found.refresh_due))
            .or_insert(0) += found.count;
    }
    let found = counts.iter();
    found
        .map(|((provider, due), count)| expiring((provider.as_str(), *due, *count)))
        .collect()
}

/// Counts the overdue grants an hour and a half later. The refreshes that were due after an hour are overdue by then.
/// One of them has failed: its next attempt was postponed, but its access token has expired.
async fn late_at(store: &SeaOrmStore) {
    let (hour, now) = (DAY / 24, NOW + DAY / 16);
    let write = store.write().await.unwrap();
    tokens::Entity::update_many()
        .col_expr(tokens::Column::NextRefreshAt, Expr::value(now + 1))
        .col_expr(tokens::Column::AccessTokenExpiresAt, Expr::value(NOW))
        .filter(tokens::Column::AccountId.eq(3))
        .exec(&write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let now = Timestamp::from_millis(now);
    let mut found = store.census(now).await.unwrap().overdue;
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
