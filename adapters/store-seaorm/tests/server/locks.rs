//! Transactions that lock the same rows at the same time.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, RevocationReference,
};
use central_oauth_domain::grant::{Generation, LeaseVersion};
use central_oauth_domain::ports::{
    AccountStore, Descendants, KeyStore, RecordedRefresh, RefreshStore, SealStore, StoreError,
    WriteTestStore,
};
use central_oauth_store_seaorm::{PoolSettings, SeaOrmStore};
use central_oauth_test_postgres::Cluster;
use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::common::{LATER, NOW, OnServer, answer, audit, grant, linked, sealed};

/// Waits until exactly `count` transactions wait for a lock.
pub(super) async fn waiting(database: &str, count: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND wait_event_type = 'Lock'";
    while Cluster::shared().execute(database, sql).trim() != count {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_one_of_its_keys_are_deleted_at_the_same_time() {
    let OnServer { store, database } = OnServer::new().await;
    let account = linked(&store, 1, "ada").await.id;
    let key = store.keys(account, None, 1).await.unwrap()[0].id;
    let url = Cluster::shared().url(&database);
    let other = sea_orm::Database::connect(url).await.unwrap();
    let held = other.begin().await.unwrap();
    held.execute_unprepared("SELECT id FROM accounts FOR UPDATE")
        .await
        .unwrap();

    let deleting_key = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let gone = store.delete_key(account, key, Descendants::Kept, audit());
            gone.await
        }
    });
    waiting(&database, "1").await;
    let seen = store.tokens(account).await.unwrap().unwrap();
    let deleting_account = tokio::spawn({
        let store = Arc::clone(&store);
        let revocation = NewRevocation {
            reference: RevocationReference([1; 16]),
            provider: seen.account.key.provider.clone(),
            person: None,
            account: Some(account),
            origin: grant("ada").origin,
            tokens: RevocableTokens {
                refresh_token: Some(sealed("token")),
                ..RevocableTokens::default()
            },
            requested_at: NOW,
            created_at: NOW,
            lease_until: Some(LATER),
        };
        async move { store.delete_account(&seen, revocation, audit()).await }
    });
    waiting(&database, "2").await;
    held.rollback().await.unwrap();
    assert_eq!(deleting_key.await.unwrap().unwrap(), [key]);
    deleting_account.await.unwrap().unwrap();
    assert!(store.tokens(account).await.unwrap().is_none());
}

/// An operator's transaction locks a row, and so many callers wait for this row that no connection is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_and_a_full_pool_are_no_failure_of_the_database() {
    let OnServer { store, database } = OnServer::new().await;
    store.init_hash_key(sealed("key")).await.unwrap();
    let account = linked(&store, 1, "ada").await.id;
    let url = Cluster::shared().url(&database);
    let store = SeaOrmStore::open(&url.parse().unwrap(), PoolSettings::default()).await;
    let store = Arc::new(store.unwrap());
    let other = sea_orm::Database::connect(url).await.unwrap();
    let held = other.begin().await.unwrap();
    // A write test would fail because of the second lock. `test_write` succeeds below, because no test is needed.
    for lock in ["SELECT id FROM tokens FOR UPDATE", "LOCK TABLE write_tests"] {
        held.execute_unprepared(lock).await.unwrap();
    }

    let mut callers = JoinSet::new();
    for n in 0..8 {
        let store = Arc::clone(&store);
        callers.spawn(async move {
            // Some callers first wait behind another caller, and then for the operator's transaction.
            sleep(Duration::from_millis(500) * n).await;
            let seen = LeaseVersion(0);
            let claimed = store.claim_refresh(account, seen, NOW, LATER).await;
            claimed.map(drop)
        });
    }
    let record = async || {
        let (generation, seen) = (Generation::FIRST, LeaseVersion(0));
        let response = answer("newer", "rotated");
        store
            .record_refresh(account, generation, seen, response, audit())
            .await
    };
    assert!(matches!(record().await, Err(StoreError::Busy(_))));
    while let Some(refused) = callers.join_next().await {
        let refused = refused.unwrap();
        assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    }
    store.test_write(None).await.unwrap();
    assert_eq!(store.hash_key().await.unwrap(), Some(sealed("key")));
    held.rollback().await.unwrap();
    assert_eq!(record().await.unwrap(), RecordedRefresh::Stored);
}
