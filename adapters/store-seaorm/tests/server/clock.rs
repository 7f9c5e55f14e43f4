//! Leases are judged by the server's clock, even if a replica's clock is wrong.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountStatus, NewGrant};
use central_oauth_domain::ports::{Clock, GrantEndStore, LinkStore, RefreshStore};
use central_oauth_domain::testing::FixedClock;
use central_oauth_store_seaorm::{DatabaseClock, SeaOrmStore};
use central_oauth_test_postgres::{Cluster, Database};

use crate::common::{LATER, NOW, OnServer, POOL, audit, authorizing, grant, macs};

const HOUR: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_secs(600);
/// Allowance for a slow connection and a busy machine.
const SLACK: Duration = Duration::from_secs(60);

/// Returns the server's time.
fn servers() -> Timestamp {
    let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let millis = Cluster::shared().execute("postgres", question);
    Timestamp::from_millis(millis.trim().parse().unwrap())
}

fn is_right(clock: &DatabaseClock) -> bool {
    let (now, servers) = (clock.now(), servers());
    now.since(servers).max(servers.since(now)) < SLACK
}

/// Opens the store as a replica whose local clock is `machine`.
async fn replica(url: &str, machine: &FixedClock) -> (SeaOrmStore, Arc<DatabaseClock>) {
    let clock = Arc::new(DatabaseClock::new(Arc::new(machine.clone())));
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL)
        .await
        .unwrap();
    let store = store.with_server_time(Arc::clone(&clock)).await.unwrap();
    (store, clock)
}

/// Creates a database with an account whose refresh is due.
async fn database() -> String {
    let Database { url, name } = Cluster::shared().create_database();
    let store = OnServer::at(&url, name).await.store;
    let link = authorizing(&store, 1).await;
    let due = NewGrant {
        next_refresh_at: Some(NOW),
        access_token_expires_at: Some(LATER),
        ..grant("ada")
    };
    let linked = store.complete_link(&link, due, NOW, macs(), audit()).await;
    linked.unwrap();
    url
}

async fn claims(store: &SeaOrmStore, clock: &DatabaseClock) -> usize {
    let now = clock.now();
    let claimed = store
        .claim_due_refreshes(now, Duration::ZERO, now + LEASE, 10, &[])
        .await;
    claimed.unwrap().len()
}

#[tokio::test]
async fn a_clock_is_right_from_the_start() {
    let url = database().await;
    for wrong in [servers() + HOUR, servers() - HOUR] {
        let (_, clock) = replica(&url, &FixedClock::new(wrong)).await;
        assert!(is_right(&clock));
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_steals_no_lease() {
    let url = database().await;
    let (holder, right) = replica(&url, &FixedClock::new(servers())).await;
    assert_eq!(claims(&holder, &right).await, 1);

    let machine = FixedClock::new(servers());
    let (thief, clock) = replica(&url, &machine).await;
    machine.set(servers() + HOUR);
    assert_eq!(claims(&thief, &clock).await, 0);
    assert!(is_right(&clock), "the claim has put it right");
}

#[tokio::test]
async fn a_clock_that_falls_behind_keeps_its_lease() {
    let url = database().await;
    let machine = FixedClock::new(servers());
    let (holder, clock) = replica(&url, &machine).await;
    machine.set(servers() - HOUR);
    // With the replica's own clock, the new lease would already have expired by the server's clock.
    holder.next_refresh_at(&[]).await.unwrap();
    assert!(is_right(&clock), "looking for what is due has put it right");
    machine.set(servers() - HOUR - HOUR);
    assert_eq!(claims(&holder, &clock).await, 1);

    let (other, right) = replica(&url, &FixedClock::new(servers())).await;
    assert_eq!(claims(&other, &right).await, 0);
}

#[tokio::test]
async fn an_access_token_expires_by_the_servers_clock() {
    let Database { url, name } = Cluster::shared().create_database();
    let ours = OnServer::at(&url, name).await.store;
    let link = authorizing(&ours, 1).await;
    let last = NewGrant {
        refresh_token: None,
        next_refresh_at: None,
        access_token_expires_at: Some(servers() + HOUR),
        ..grant("ada")
    };
    let linked = ours.complete_link(&link, last, NOW, macs(), audit()).await;
    let account = linked.unwrap().id;
    let (store, _) = replica(&url, &FixedClock::new(servers())).await;
    let ahead = servers() + HOUR + HOUR;
    assert_eq!(store.expired_accounts(ahead, 10).await.unwrap(), []);
    let expired = store.expire_account(account, ahead, audit()).await;
    assert_eq!(expired.unwrap(), None);
    // Without the server's clock, a replica whose clock is ahead expires the account.
    let expired = ours.expire_account(account, ahead, audit()).await;
    assert_eq!(expired.unwrap(), Some(AccountStatus::RelinkRequired));
    assert_eq!(store.expired_accounts(ahead, 10).await.unwrap(), [account]);
    let expired = store.expire_account(account, ahead, audit()).await;
    assert_eq!(expired.unwrap(), Some(AccountStatus::Active));
}

/// A replica can leave due refreshes to other replicas for a while. The server's clock measures this period too.
#[tokio::test]
async fn what_is_left_for_a_while_is_left_by_the_servers_clock() {
    let url = database().await;
    let (store, clock) = replica(&url, &FixedClock::new(servers() + HOUR)).await;
    let now = clock.now();
    let due_since = now.since(NOW);
    for (overdue_by, expected) in [(due_since + SLACK, 0), (due_since - SLACK, 1)] {
        let claimed = store.claim_due_refreshes(now, overdue_by, now + LEASE, 10, &[]);
        let claimed = claimed.await.unwrap();
        assert_eq!(claimed.len(), expected);
        for tokens in claimed {
            let left = tokens.lease.until.unwrap().since(servers());
            assert!(left <= LEASE && left > LEASE - SLACK, "{left:?}");
        }
    }
}
