//! Tests that no frequent query reads a whole table.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod accounts;
mod links;

use central_oauth_domain::Timestamp;
use central_oauth_test_postgres::Cluster;
use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
use tokio::sync::OnceCell;

use crate::{DatabaseUrl, PoolSettings, SeaOrmStore};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Returns SQLite's query plan, one step per line.
async fn plan(query: Statement) -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(folder.path().join("store.sqlite3"));
    let store = SeaOrmStore::open(&url, PoolSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    let explain = Statement {
        sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
        ..query
    };
    let session = store.read().await.unwrap();
    let steps = session.query_all_raw(explain).await.unwrap();
    let details = steps.iter().map(|step| step.try_get("", "detail").unwrap());
    details.collect::<Vec<String>>().join("\n")
}

/// Returns PostgreSQL's query plan. PostgreSQL scans small tables even if an index fits. Scans and sorts are disabled
/// here, so that the plan shows which indexes the query can use.
async fn plan_on_server(query: Statement) -> String {
    static DATABASE: OnceCell<String> = OnceCell::const_new();
    let database = DATABASE.get_or_init(async || {
        let database = Cluster::shared().create_database();
        let url = database.url.parse().unwrap();
        let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
        store.unwrap().migrate_up().await.unwrap();
        database.url
    });
    let url = database.await.parse().unwrap();
    let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
    let write = store.as_ref().unwrap().write().await.unwrap();
    for costly in ["seqscan", "sort", "hashjoin", "mergejoin"] {
        let forbid = format!("SET LOCAL enable_{costly} = off");
        write.execute_unprepared(&forbid).await.unwrap();
    }
    let explain = Statement {
        sql: format!("EXPLAIN {}", query.sql),
        ..query
    };
    let steps = write.query_all_raw(explain).await.unwrap();
    let steps = steps.iter().map(|step| step.try_get_by_index(0).unwrap());
    steps.collect::<Vec<String>>().join("\n")
}

async fn assert_uses(query: impl QueryTrait, indexes: &[&str]) {
    let plan = plan_on_server(query.build(DbBackend::Postgres)).await;
    // An incremental sort is cheap, because it sorts only the few rows that have the same time.
    let plan = plan.replace("Incremental Sort", "");
    for costly in ["Seq Scan", "Sort  ("] {
        assert!(!plan.contains(costly), "{costly}:\n{plan}");
    }
    let plan = self::plan(query.build(DbBackend::Sqlite)).await;
    for index in indexes {
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
    }
    for costly in ["SCAN", "TEMP B-TREE"] {
        assert!(!plan.contains(costly), "{costly}:\n{plan}");
    }
}
