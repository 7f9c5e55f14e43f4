//! Migrations.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::time::Duration;

use crate::common::{LATER, NOW, POOL, SMALLEST_POOL, Scratch, linked, pending, sealed};
use central_oauth_domain::ports::{
    AccountStore, LinkStore, RefreshStore, RevocationStore, SealStore, StoreError,
};
use central_oauth_store_seaorm::{OpenError, SeaOrmStore};
use central_oauth_test_postgres::{Cluster, Database};
use sea_orm::{ConnectionTrait, Statement};
use tokio::task::JoinSet;

/// Returns the names and definitions of all tables, indexes and triggers.
async fn definitions(scratch: &Scratch) -> Vec<String> {
    let db = scratch.raw().await;
    let query = "SELECT name || coalesce(sql, '') AS it FROM sqlite_master ORDER BY name";
    let query = Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(query).await.unwrap();
    db.close().await.unwrap();
    let rows = rows.iter().map(|row| row.try_get("", "it").unwrap());
    rows.collect()
}

#[tokio::test]
async fn up_and_down_and_up_again() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let pending_ones = store.pending_migrations().await.unwrap();
    assert_eq!(
        pending_ones,
        [
            "m0001_initial",
            "m0002_replicas",
            "m0003_wrong_codes",
            "m0004_renewed_by_use",
            "m0005_grant_expires_at",
            "m0006_callback_hash",
            "m0007_write_tests",
            "m0008_answer_members",
            "m0009_clock_steps",
            "m0010_outages",
            "m0011_networks",
            "m0012_key_macs",
            "m0013_audit",
            "m0014_return_codes",
            "m0015_workloads",
            "m0016_labels",
            "m0017_admin_sessions",
            "m0018_webhook_receivers",
            "m0019_announced_ends",
            "m0020_receiver_macs",
            "m0021_one_refresh_token",
            "m0022_owner_macs",
            "m0023_key_expiry"
        ]
    );
    store.migrate_up().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    let up = definitions(&scratch).await;
    linked(&store, 1, "ada").await;
    store.migrate_up().await.unwrap();
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);

    store.migrate_down(None).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), pending_ones);
    let refused = store.accounts(None, 10).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));

    store.migrate_up().await.unwrap();
    assert_eq!(definitions(&scratch).await, up);
    assert!(store.accounts(None, 10).await.unwrap().is_empty());
    linked(&store, 1, "ada").await;
}

/// This version never reads a spare refresh token, but replicas of an older version may still store one.
#[tokio::test]
async fn a_second_refresh_token_is_deleted_and_needs_no_key() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    linked(&store, 1, "ada").await;
    let needed = store.seals_in_use().await.unwrap();
    let second = "UPDATE tokens SET spare_refresh_token = X'7365636f6e642074776f'";
    scratch.execute(second).await;
    assert_eq!(store.seals_in_use().await.unwrap(), needed);

    let again = "DELETE FROM seaql_migrations WHERE version = 'm0021_one_refresh_token'";
    scratch.execute(again).await;
    store.migrate_up().await.unwrap();
    let db = scratch.raw().await;
    let query = "SELECT count(spare_refresh_token) AS left_over FROM tokens";
    let query = Statement::from_string(db.get_database_backend(), query);
    let row = db.query_one_raw(query).await.unwrap().unwrap();
    assert_eq!(row.try_get::<i64>("", "left_over").unwrap(), 0);
    db.close().await.unwrap();
}

/// PostgreSQL rejects a cached plan if the columns of its result have changed (SeaQL/sea-orm#1162).
#[tokio::test]
async fn an_older_replica_claims_after_a_newer_one_has_added_columns() {
    let Database { url, name } = Cluster::shared().create_database();
    // All claims share one connection, which caches their statements.
    let store = SeaOrmStore::open(&url.parse().unwrap(), SMALLEST_POOL).await;
    let store = store.unwrap();
    store.migrate_up().await.unwrap();
    let claim = async || {
        let refreshes = store.claim_due_refreshes(NOW, Duration::ZERO, LATER, 10, &[]);
        refreshes.await.unwrap();
        store.claim_due_polls(NOW, LATER, 10, &[]).await.unwrap();
        let revocations = store.claim_due_revocations(NOW, LATER, 10, &[]);
        revocations.await.unwrap();
    };
    claim().await;
    let newer = ["tokens", "device_codes", "revocations"]
        .map(|table| format!("ALTER TABLE {table} ADD COLUMN colour TEXT"));
    Cluster::shared().execute(&name, &newer.join("; "));
    claim().await;
}

/// In the default `search_path`, a schema with the name of the role comes before `public`.
#[tokio::test]
async fn a_schema_that_comes_before_that_of_the_tables_is_refused() {
    let Database { url, name } = Cluster::shared().create_database();
    let url = url.parse().unwrap();
    let store = SeaOrmStore::open(&url, POOL).await.unwrap();
    store.migrate_up().await.unwrap();
    let schema = "CREATE SCHEMA AUTHORIZATION CURRENT_USER";
    Cluster::shared().execute(&name, schema);
    let refused = SeaOrmStore::open(&url, POOL).await.map(drop);
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("schema public, which is not the first"),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_of_another_application_in_a_later_schema_is_left_alone() {
    let Database { url, name } = Cluster::shared().create_database();
    let others =
        "CREATE SCHEMA AUTHORIZATION CURRENT_USER; CREATE TABLE public.service_keys (id bigint)";
    Cluster::shared().execute(&name, others);
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL).await;
    store.unwrap().migrate_up().await.unwrap();
}

#[tokio::test]
async fn opening_migrates_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    store.pending_migrations().await.unwrap();
    assert!(definitions(&scratch).await.is_empty());
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    store.init_hash_key(sealed("hash key")).await.unwrap();
    store.close().await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    scratch.execute(newer).await;
    let before = scratch.files();

    let refused = SeaOrmStore::open(&scratch.url(), POOL).await.map(drop);
    let error = refused.unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { .. }));
    assert!(error.to_string().contains("m9999_newer"), "{error}");
    assert!(scratch.files() == before);
}

#[tokio::test]
async fn a_schema_that_grows_newer_meanwhile_is_not_migrated() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    scratch.execute(newer).await;
    for refused in [store.migrate_up().await, store.migrate_down(None).await] {
        assert!(matches!(refused, Err(OpenError::NewerSchema { .. })));
    }
    pending(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_starts_at_once() {
    let scratch = Scratch::new();
    let mut starts = JoinSet::new();
    for n in 0..8 {
        let url = scratch.url();
        starts.spawn(async move {
            let store = SeaOrmStore::open(&url, POOL).await?;
            store.migrate_up().await?;
            pending(&store, n).await;
            Ok::<_, OpenError>(())
        });
    }
    for started in starts.join_all().await {
        started.unwrap();
    }
}
