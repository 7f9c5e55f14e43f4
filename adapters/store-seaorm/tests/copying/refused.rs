//! Copies that are rejected before they begin.

use std::sync::Arc;

use central_oauth_domain::ports::{AccountStore, CipherError, SealStore, StoreError};
use central_oauth_domain::testing::FakeCipher;
use central_oauth_domain::usecases::UnlockError;
use central_oauth_store_seaorm::{CopyError, CopySource, OpenError, SeaOrmCopy, SeaOrmStore};
use central_oauth_test_postgres::{Cluster, PgBouncer};

use super::world::{Place, copy};
use crate::common::POOL;

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_destination_stays_as_it_is() {
    for to in Place::each() {
        let from = Place::file().filled().await;
        copy(&from, &to).await.unwrap();
        let before = to.contents().await;
        let refused = copy(&from, &to).await.unwrap_err();
        assert!(
            matches!(refused, CopyError::DestinationIsComplete(_)),
            "{refused}"
        );
        // `begin` checks this again, because a service may have stored its hash key after the first check.
        let source = CopySource::hold(&from.url, POOL).await.unwrap();
        let destination = to.open().await;
        let refused = SeaOrmCopy::begin(&source, &destination).await.map(drop);
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, CopyError::DestinationIsComplete(_)),
            "{refused}"
        );
        destination.close().await.unwrap();
        assert_eq!(to.contents().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_service_has_open_is_in_use() {
    let (from, to) = (Place::file().filled().await, Place::server());
    let (idle, _) = from.start().await;
    let refused = copy(&from, &to).await.unwrap_err();
    assert!(matches!(refused, CopyError::SourceInUse(_)), "{refused}");
    idle.accounts(None, 1).await.unwrap();
    idle.close().await.unwrap();

    let held = CopySource::hold(&from.url, POOL).await.unwrap();
    let started = SeaOrmStore::open(&from.url, POOL).await.map(drop);
    assert!(matches!(started, Err(OpenError::Database { .. })));
    held.release().await.unwrap();
    copy(&from, &to).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_a_service_is_connected_to_is_in_use() {
    let (from, to) = (Place::server().filled().await, Place::file());
    let (idle, _) = from.start().await;
    idle.accounts(None, 1).await.unwrap();
    let refused = copy(&from, &to).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::SourceHasConnections(_)),
        "{refused}"
    );
    idle.close().await.unwrap();
    copy(&from, &to).await.unwrap();
}

/// If the replica connects as another role, PostgreSQL may hide the details of its sessions. So the copy also checks
/// when each replica was last seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_replica_was_seen_just_now_is_in_use() {
    let (from, to) = (Place::server().filled().await, Place::file());
    let database = from.database.as_ref().unwrap();
    let seen = "INSERT INTO replicas (instance, name, version, started_at, seen_at) \
                VALUES ('a', 'b', 'c', 0, extract(epoch FROM clock_timestamp()) * 1000)";
    Cluster::shared().execute(database, seen);
    let refused = copy(&from, &to).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::SourceHasConnections(_)),
        "{refused}"
    );
    let gone = "UPDATE replicas SET seen_at = seen_at - 31000";
    Cluster::shared().execute(database, gone);
    copy(&from, &to).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_connections_of_a_stopped_service_is_told() {
    let (from, to) = (Place::server().filled().await, Place::file());
    let pooler = PgBouncer::start(Cluster::shared());
    let database = from.database.as_ref().unwrap();
    let pooled = format!("{}?statement-cache-capacity=0", pooler.url(database));
    let service = SeaOrmStore::open(&pooled.parse().unwrap(), POOL).await;
    let service = service.unwrap();
    service.accounts(None, 1).await.unwrap();
    // PgBouncer closes the server connection of a client that disconnects inside a transaction. So this waits until the
    // read's transaction has been rolled back.
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'central-oauth' AND state = 'idle'";
    for _ in 0..250 {
        if Cluster::shared().execute(database, idle).trim() != "0" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    service.close().await.unwrap();
    let refused = copy(&from, &to).await.unwrap_err().to_string();
    assert!(
        refused.contains("is in use") && refused.contains("PgBouncer"),
        "{refused}"
    );
    drop(pooler);
    copy(&from, &to).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_to_be_migrated_first() {
    for from in Place::each() {
        let store = from.open().await;
        store.migrate_down(Some(1)).await.unwrap();
        store.close().await.unwrap();
        let refused = copy(&from, &Place::server()).await.unwrap_err();
        assert!(
            matches!(refused, CopyError::SourceIsBehind { .. }),
            "{refused}"
        );
        assert!(
            refused.to_string().contains("central-oauth migrate"),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_copy_at_a_time() {
    for to in Place::each() {
        let [one, two] = [Place::file().filled().await, Place::file().filled().await];
        let source = CopySource::hold(&one.url, POOL).await.unwrap();
        let destination = to.open().await;
        let first = SeaOrmCopy::begin(&source, &destination).await.unwrap();
        if to.database.is_some() {
            let refused = copy(&two, &to).await.unwrap_err();
            assert!(
                matches!(refused, CopyError::DestinationInUse(_)),
                "{refused}"
            );
        }
        drop(first);
        destination.close().await.unwrap();
        copy(&two, &to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_a_missing_key_is_found_out_first() {
    let from = Place::file().filled().await;
    let refused = async |cipher: FakeCipher| {
        let source = CopySource::hold(&from.url, POOL).await.unwrap();
        let unlocked = source.unlock(Arc::new(cipher)).await.map(drop);
        source.release().await.unwrap();
        unlocked.unwrap_err()
    };
    let wrong = refused(FakeCipher::new(2)).await;
    let unknown = CipherError::UnknownKey;
    assert!(
        matches!(wrong, CopyError::Unlock(UnlockError::WrongKey(cause)) if cause == unknown),
        "{wrong}"
    );
    let scratch = from.scratch.as_ref().unwrap();
    scratch
        .execute("UPDATE tokens SET refresh_token = x'0909090909' WHERE id = 1")
        .await;
    let damaged = refused(FakeCipher::new(1)).await;
    assert!(
        matches!(damaged, CopyError::Unreadable(_))
            && damaged.to_string().contains("row 1 of tokens"),
        "{damaged}"
    );
    scratch
        .execute("UPDATE tokens SET refresh_token = x'010000000300000000000000000000000000000000' WHERE id = 2")
        .await;
    let missing = refused(FakeCipher::new(1)).await;
    assert!(
        matches!(missing, CopyError::Unlock(UnlockError::MissingKeys(_))),
        "{missing}"
    );
}

/// Somebody has deleted an account with a tool that does not enforce foreign keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_contradicts_itself_is_not_copied() {
    for to in Place::each() {
        let from = Place::file().filled().await;
        let scratch = from.scratch.as_ref().unwrap();
        let orphans = "PRAGMA foreign_keys = OFF; DELETE FROM accounts WHERE id = 2";
        scratch.execute(orphans).await;
        let refused = copy(&from, &to).await;
        let Err(CopyError::Store(StoreError::Corrupt(_))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(to.open().await.hash_key().await.unwrap(), None);
    }
}
