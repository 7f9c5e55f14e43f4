//! Answers of providers, which exist nowhere else until they are stored.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::{Account, Generation, LeaseVersion};
use central_oauth_domain::ports::{AccountStore, LinkStore, Recorded, RefreshStore, StoreError};
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::{Cluster, Database};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::deaf::{HURRIED, way_to};
use crate::common::{NOW, OnServer, answer, code, grant, linked, sealed};

async fn save(store: &SeaOrmStore, account: &Account) -> Result<Recorded, StoreError> {
    let tokens = answer("newer", "rotated");
    store
        .record_refresh(account.id, Generation::FIRST, LeaseVersion(0), tokens, NOW)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_saved_although_questions_keep_all_other_connections_busy() {
    let cluster = Cluster::shared();
    let OnServer { store, database } = OnServer::new().await;
    let account = linked(&store, 1, "ada").await;
    let other = sea_orm::Database::connect(cluster.url(&database))
        .await
        .unwrap();
    let lock = other.begin().await.unwrap();
    lock.execute_unprepared("LOCK TABLE device_codes IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();

    let mut questions = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        questions.spawn(async move { store.find_link(&code(1)).await.map(drop) });
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    while cluster.execute(&database, waiting).trim() != "2" {
        assert!(questions.try_join_next().is_none(), "nothing is locked");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(save(&store, &account).await.unwrap(), Recorded::Stored);
    lock.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_saved_by_another_connection_before_a_dead_one_is_given_up_elsewhere() {
    let cluster = Cluster::shared();
    let Database { url, name } = cluster.create_database();
    OnServer::at(&url, name).await;
    let (port, block) = way_to(cluster.port()).await;
    let url = url.replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    let store = SeaOrmStore::open(&url.parse().unwrap(), HURRIED).await;
    let store = Arc::new(store.unwrap());
    let account = linked(&store, 1, "ada").await;

    block.send_replace(true);
    let question = tokio::spawn({
        let (store, account) = (Arc::clone(&store), account.id);
        async move { store.account(account).await.map(drop) }
    });
    let failed = save(&store, &account).await.unwrap_err();
    assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
    block.send_replace(false);
    assert_eq!(save(&store, &account).await.unwrap(), Recorded::Stored);
    assert!(!question.is_finished(), "the question was given up as soon");
    question.abort();
}
