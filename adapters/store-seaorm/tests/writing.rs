//! Many writers, writers that disappear, and invalid rows.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::sync::Arc;
use std::time::Duration;

use crate::common::{
    LATER, NOW, OnDisk, POOL, Scratch, audit, authorizing, code, grant, key, linked, macs, pending,
    returned,
};
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, RevocationReference,
};
use central_oauth_domain::link::{Ending, Guess, GuessLimit};
use central_oauth_domain::ports::{
    AccountStore, Descendants, GuessStore, KeyStore, LinkStore, ReadStore, RevocationStore,
    StoreError, TokenStore,
};
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::{Cluster, Database};
use sea_orm::{ConnectionTrait, Statement};
use tokio::task::JoinSet;

/// Creates a link, reads its key, and completes or denies the link.
async fn live(store: &dyn TokenStore, on_disk: &OnDisk, n: u64) -> Result<(), StoreError> {
    let link = authorizing(&on_disk.store, n).await;
    store.find_key(&key(n)).await?;
    if n.is_multiple_of(2) {
        let person = format!("person {}", n % 6);
        let completed = store.complete_link(&link, grant(&person), NOW, macs(), audit());
        completed.await.map(drop)
    } else {
        store.end_link(&link, Ending::Denied(None), None, NOW).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_each_other() {
    let on_disk = std::sync::Arc::new(OnDisk::new().await);
    let other_process = std::sync::Arc::new(on_disk.scratch.open().await);
    let mut tasks = JoinSet::new();
    for task in 0..24 {
        let on_disk = on_disk.clone();
        // Every third task ends its links like another process, outside the queue of this process.
        let store = if task % 3 == 0 {
            &other_process
        } else {
            &on_disk.store
        }
        .clone();
        tasks.spawn(async move {
            for n in 0..10 {
                live(&*store, &on_disk, task * 10 + n).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    for outcome in tasks.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(on_disk.store.accounts(None, 10).await.unwrap().len(), 3);
}

/// Tries more wrong codes at the same time than the service accepts, through stores that share no memory. Asserts that
/// the surplus is rejected.
async fn guess_through(stores: &[Arc<SeaOrmStore>]) {
    const TOO_MANY: u64 = 20;
    const NETWORKS: u64 = (GuessLimit::SERVICE_WIDE / GuessLimit::PER_ADDRESS) as u64;
    let mut tasks = JoinSet::new();
    for n in 0..GuessLimit::SERVICE_WIDE as u64 + TOO_MANY {
        let store = stores[n as usize % stores.len()].clone();
        let guess = Guess {
            network: code(n % NETWORKS),
            at: NOW,
            is_wrong: true,
        };
        let limit = GuessLimit::new(LATER.since(NOW));
        tasks.spawn(async move { store.admit_guess(&guess, limit).await.unwrap() });
    }
    let judged = tasks.join_all().await;
    let borne = judged.iter().filter(|judged| judged.is_ok()).count();
    assert_eq!(borne, GuessLimit::SERVICE_WIDE);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_bear_no_more_wrong_codes_than_one() {
    let file = Scratch::new();
    let Database { url, .. } = Cluster::shared().create_database();
    for url in [file.url(), url.parse().unwrap()] {
        let mut stores = Vec::new();
        for _ in 0..5 {
            stores.push(Arc::new(SeaOrmStore::open(&url, POOL).await.unwrap()));
        }
        stores[0].migrate_up().await.unwrap();
        guess_through(&stores).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_go_away_harm_nobody() {
    let on_disk = OnDisk::new().await;
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let store = on_disk.store.clone();
        tasks.spawn(async move {
            for n in task * 50..task * 50 + 50 {
                let patience = Duration::from_micros(n * 97 % 5000);
                let outcome = tokio::time::timeout(patience, linked(&store, n, "ada"));
                drop(outcome.await);
            }
        });
    }
    tasks.join_all().await;
    linked(&on_disk.store, 1000, "bob").await;
    for n in 0..200 {
        let Some(holder) = on_disk.store.find_key(&key(n)).await.unwrap() else {
            assert_eq!(on_disk.store.find_link(&code(n)).await.unwrap(), None);
            continue;
        };
        if let Some(account) = holder.binding.account() {
            assert!(on_disk.store.tokens(account).await.unwrap().is_some());
        }
    }
}

/// The store reads the versions of cached rows again only if the file has changed since the last read.
#[tokio::test]
async fn a_deletion_by_another_process_is_noticed() {
    let on_disk = OnDisk::new().await;
    let other_process = on_disk.scratch.open().await;
    let account = linked(&on_disk.store, 1, "ada").await.id;
    let opened = on_disk.store.open_key(&key(1)).await.unwrap().unwrap();
    let id = opened.holder.id;
    let seen = [(id, opened.grant.unwrap().version)];
    for _ in 0..2 {
        assert_eq!(on_disk.store.changed(&seen).await.unwrap(), []);
    }
    let deleted = other_process.delete_key(account, id, Descendants::Kept, audit());
    deleted.await.unwrap();
    for _ in 0..2 {
        assert_eq!(on_disk.store.changed(&seen).await.unwrap(), [id]);
    }
}

#[tokio::test]
async fn a_key_is_deleted_with_more_keys_than_a_statement_has_values() {
    const MADE: usize = 33_000;
    let on_disk = OnDisk::new().await;
    let store = &on_disk.store;
    let account = linked(store, 1, "ada").await.id;
    let owner = store.find_key(&key(1)).await.unwrap().unwrap().id;
    let insert = format!(
        "INSERT INTO access_keys (hash, role, account_id, created_at, created_by)
         WITH RECURSIVE made(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < {MADE})
         SELECT randomblob(32), 'reader', {account}, 0, '{owner}' FROM made"
    );
    on_disk.scratch.execute(&insert).await;
    let gone = store.delete_key(account, owner, Descendants::Deleted, audit());
    assert_eq!(gone.await.unwrap().len(), MADE + 1);
    assert_eq!(count(&on_disk, "access_keys").await, 0);
}

#[tokio::test]
async fn deleting_an_account_deletes_all_that_opens_it() {
    let on_disk = OnDisk::new().await;
    let store = &on_disk.store;
    let account = linked(store, 1, "ada").await;
    linked(store, 2, "ada").await;
    linked(store, 3, "bob").await;
    let delete = format!("DELETE FROM accounts WHERE id = {}", account.id);
    on_disk.scratch.execute(&delete).await;
    assert_eq!(store.tokens(account.id).await.unwrap(), None);
    for n in [1, 2] {
        assert_eq!(store.find_key(&key(n)).await.unwrap(), None);
        assert_eq!(store.find_link(&code(n)).await.unwrap(), None);
    }
    assert!(store.find_key(&key(3)).await.unwrap().is_some());
    assert_eq!(count(&on_disk, "tokens").await, 1);
}

async fn count(on_disk: &OnDisk, table: &str) -> i64 {
    let db = on_disk.scratch.raw().await;
    let query = format!("SELECT count(*) AS it FROM {table}");
    let query = Statement::from_string(db.get_database_backend(), query);
    let row = db.query_one_raw(query).await.unwrap().unwrap();
    row.try_get("", "it").unwrap()
}

#[tokio::test]
async fn an_ended_link_keeps_nothing_sealed() {
    let on_disk = OnDisk::new().await;
    let store = &on_disk.store;
    let link = returned(store, 1).await;
    let ended = store.end_link(&link, Ending::Denied(None), None, NOW);
    ended.await.unwrap();
    let link = returned(store, 2).await;
    let completed = store.complete_link(&link, grant("ada"), NOW, macs(), audit());
    completed.await.unwrap();
    let held = "device_codes WHERE coalesce(device_code, user_code, verification_uri, \
        verification_uri_complete, callback, access_token, refresh_token, id_token) IS NOT NULL";
    assert_eq!(count(&on_disk, held).await, 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_corrupt() {
    let on_disk = OnDisk::new().await;
    let store = &on_disk.store;
    for (n, damage) in (1..).zip([
        "state = 'no such state'",
        "state = 'authorizing'",
        "state = 'redeemed'",
        "state = 'linked'",
        "state = 'denied'",
        "browser_hash = x'00'",
        "callback_hash = x'00'",
        "poll_next_at = 5",
        "poll_next_at = 5, poll_interval = -1, poll_failures = 0",
        "poll_next_at = 5, poll_interval = 1, poll_failures = -1",
        "version = 'seven'",
    ]) {
        let link = pending(store, n).await;
        let damage = format!("UPDATE device_codes SET {damage} WHERE id = {}", link.id.0);
        on_disk.scratch.execute(&damage).await;
        let found = store.find_link(&code(n)).await;
        assert!(
            matches!(found, Err(StoreError::Corrupt(_))),
            "{damage}: {found:?}"
        );
    }
}

fn stray(n: u8) -> NewRevocation {
    NewRevocation {
        reference: RevocationReference([n; 16]),
        provider: ProviderName::new("github"),
        person: None,
        account: None,
        origin: grant("ada").origin,
        tokens: RevocableTokens::default(),
        requested_at: NOW,
        created_at: NOW,
        lease_until: None,
    }
}

#[tokio::test]
async fn a_revocation_that_makes_no_sense_holds_up_no_other() {
    let on_disk = OnDisk::new().await;
    let store = &on_disk.store;
    for n in 1..=4 {
        store.store_stray(stray(n)).await.unwrap();
    }
    for damage in [
        "reference = x'00' WHERE id = 1",
        "last_error_code = 'half' WHERE id = 3",
    ] {
        let damage = format!("UPDATE revocations SET {damage}");
        on_disk.scratch.execute(&damage).await;
    }
    let claimed = store.claim_due_revocations(NOW, LATER, 10, &[]).await;
    let claimed = claimed.unwrap().into_iter().map(|lease| lease.reference);
    let expected = [2, 4].map(|n| RevocationReference([n; 16]));
    assert_eq!(claimed.collect::<Vec<_>>(), expected);
}
