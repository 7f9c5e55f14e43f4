//! Transactions that fail to begin or to end. Acknowledged writes must be durable, and no transaction may stay open.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::time::Duration;

use crate::common::{OnDisk, OnServer, Scratch, audit, code, key, linked, macs, pending};
use central_oauth_domain::ports::{
    Descendants, KeyStore, LinkStore, SealStore, StoreError, WriteTestStore,
};
use central_oauth_domain::secret::Sealed;
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::Cluster;
use tokio::time::sleep;

/// Tries to create a link, and expects that the database is unavailable.
async fn refused(store: &SeaOrmStore, n: u64) {
    let link = crate::common::new_link(n);
    let refused = store
        .create_link(link, u64::MAX, crate::common::CODES, macs())
        .await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}

/// Returns whether a service that starts later finds the link.
async fn stored_in(scratch: &Scratch, n: u64) -> bool {
    let later = scratch.open().await;
    let link = later.find_link(&code(n)).await.unwrap();
    later.close().await.unwrap();
    link.is_some()
}

/// A trigger that rolls back the whole transaction, as SQLite does when the disk is full.
const ROLL_BACK: &str = "CREATE TRIGGER trouble BEFORE INSERT ON device_codes \
                         BEGIN SELECT RAISE(ROLLBACK, 'as if the disk were full'); END";
/// A trigger that makes the commit fail and leaves the transaction open.
const REFUSE_COMMIT: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
    CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED); \
    CREATE TRIGGER trouble AFTER INSERT ON device_codes BEGIN INSERT INTO child VALUES (7); END";

#[tokio::test]
async fn after_a_failed_write_a_file_stores_what_it_acknowledges() {
    for trouble in [ROLL_BACK, REFUSE_COMMIT] {
        let OnDisk { scratch, store } = OnDisk::new().await;
        let account = linked(&store, 1, "ada").await;
        scratch.execute(trouble).await;
        refused(&store, 2).await;
        refused(&store, 3).await;
        scratch.execute("DROP TRIGGER trouble").await;
        // This conflict causes a rollback. If the driver's nesting count were wrong, the rollback would leave the
        // connection inside a transaction.
        let taken = store
            .create_link(
                crate::common::new_link(1),
                u64::MAX,
                crate::common::CODES,
                macs(),
            )
            .await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        pending(&store, 4).await;
        assert!(stored_in(&scratch, 4).await, "{trouble}");
        let holder = store.find_key(&key(1)).await.unwrap().unwrap();
        let kept = Descendants::Kept;
        let deleted = store.delete_key(account.id, holder.id, kept, audit());
        deleted.await.unwrap();
        let later = scratch.open().await;
        assert_eq!(later.find_key(&key(1)).await.unwrap(), None);
        for n in [2, 3] {
            assert!(!stored_in(&scratch, n).await, "{trouble}");
        }
    }
}

/// Another process can write at once, because the failed transaction has released its lock.
#[tokio::test]
async fn a_failed_write_leaves_the_file_to_other_processes() {
    for trouble in [ROLL_BACK, REFUSE_COMMIT] {
        let OnDisk { scratch, store } = OnDisk::new().await;
        scratch.execute(trouble).await;
        refused(&store, 1).await;
        let other = scratch.open().await;
        scratch.execute("DROP TRIGGER trouble").await;
        pending(&other, 2).await;
        pending(&store, 3).await;
        assert!(other.find_link(&code(3)).await.unwrap().is_some());
    }
}

/// Without a check, a process would continue to write into a file that is no longer at its path.
#[tokio::test]
async fn a_file_that_was_moved_takes_no_writes_until_it_is_back() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    pending(&store, 1).await;
    let (path, aside) = (scratch.path(), scratch.path().with_extension("aside"));
    std::fs::rename(&path, &aside).unwrap();
    refused(&store, 2).await;
    std::fs::rename(&aside, &path).unwrap();
    pending(&store, 3).await;
    assert!(!stored_in(&scratch, 2).await && stored_in(&scratch, 3).await);
    // The copy that now replaces the file is another file, with all links that were written so far.
    std::fs::rename(&path, &aside).unwrap();
    refused(&store, 4).await;
    std::fs::copy(&aside, &path).unwrap();
    pending(&store, 5).await;
    assert!(stored_in(&scratch, 3).await && stored_in(&scratch, 5).await);
    assert!(store.find_link(&code(3)).await.unwrap().is_some());
}

/// The other installation does not have our keys, so nobody could decrypt rows that we write into its file.
#[tokio::test]
async fn a_file_of_another_installation_is_never_written_to() {
    let ours = OnDisk::new().await;
    let theirs = OnDisk::new().await;
    for (installation, key) in [(&ours, b"ours"), (&theirs, b"they")] {
        let key = Sealed::from_bytes(key.to_vec());
        installation.store.init_hash_key(key).await.unwrap();
    }
    theirs.store.close().await.unwrap();
    let (path, aside) = (
        ours.scratch.path(),
        ours.scratch.path().with_extension("aside"),
    );
    std::fs::rename(&path, &aside).unwrap();
    std::fs::copy(theirs.scratch.path(), &path).unwrap();
    refused(&ours.store, 1).await;
    std::fs::rename(&aside, &path).unwrap();
    pending(&ours.store, 2).await;
    assert!(!stored_in(&ours.scratch, 1).await && stored_in(&ours.scratch, 2).await);
}

#[tokio::test]
async fn a_write_ahead_log_that_was_deleted_loses_nothing_acknowledged() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    pending(&store, 1).await;
    let wal = scratch.path().with_extension("sqlite3-wal");
    std::fs::remove_file(&wal).unwrap();
    pending(&store, 2).await;
    for n in [1, 2] {
        assert!(stored_in(&scratch, n).await, "link {n}");
    }
}

/// On a nearly full disk, a small write may succeed although a row of tokens does not fit.
#[tokio::test]
async fn after_a_failed_write_only_a_large_one_shows_that_writing_works() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    scratch.execute(ROLL_BACK).await;
    store.test_write(None).await.unwrap();
    refused(&store, 1).await;
    scratch.execute("DROP TRIGGER trouble").await;
    let too_large = "CREATE TRIGGER too_large BEFORE INSERT ON write_tests WHEN length(new.data) >= 65536 \
                     BEGIN SELECT RAISE(ROLLBACK, 'as if the disk were nearly full'); END";
    scratch.execute(too_large).await;
    pending(&store, 2).await;
    for within in [None, Some(Duration::from_secs(10))] {
        let tested = store.test_write(within).await;
        assert!(matches!(tested, Err(StoreError::Unavailable(_))));
    }
    scratch.execute("DROP TRIGGER too_large").await;
    // The failure of the last test is cached for a second.
    store.test_write(None).await.unwrap_err();
    sleep(Duration::from_secs(1)).await;
    store.test_write(None).await.unwrap();
}

#[tokio::test]
async fn a_write_test_needs_room_for_all_that_it_writes() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let wal = scratch.path().with_extension("sqlite3-wal");
    let size = || wal.metadata().unwrap().len();
    pending(&store, 1).await;
    for _ in 0..2 {
        let before = size();
        store.test_write(Some(Duration::ZERO)).await.unwrap();
        assert!(size() - before >= 65_536, "{before} {}", size());
        // After a recent commit, no test is needed, so nothing is written.
        let before = size();
        store
            .test_write(Some(Duration::from_secs(60)))
            .await
            .unwrap();
        store.test_write(None).await.unwrap();
        assert_eq!(size(), before);
    }
}

/// Makes a deferred trigger run `then` inside the COMMIT of a new link.
fn at_commit(database: &str, then: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN {then}; RETURN NULL; END $$; \
         DROP TRIGGER IF EXISTS trouble ON device_codes; \
         CREATE CONSTRAINT TRIGGER trouble AFTER INSERT ON device_codes \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trouble()"
    );
    Cluster::shared().execute(database, &sql);
}

async fn none_is_open(database: &str) {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'central-oauth' AND state LIKE 'idle in transaction%'";
    for _ in 0..100 {
        if Cluster::shared().execute(database, open).trim() == "0" {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a transaction stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_a_server_stores_what_it_acknowledges() {
    let OnServer { store, database } = OnServer::new().await;
    for (n, trouble) in (1..).zip([
        "RAISE EXCEPTION 'as if the disk were full' USING ERRCODE = 'disk_full'",
        "RAISE EXCEPTION 'somebody was faster' USING ERRCODE = 'unique_violation'",
        "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1)",
    ]) {
        at_commit(&database, trouble);
        refused(&store, n).await;
        none_is_open(&database).await;
        at_commit(&database, "NULL");
        pending(&store, n).await;
        let stored = "SELECT count(*) FROM device_codes";
        let stored = Cluster::shared().execute(&database, stored);
        assert_eq!(stored.trim(), n.to_string(), "{trouble}");
    }
}

/// Simulates a server that becomes read-only, for example because a failover makes it a standby.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_turned_read_only_is_left_for_new_connections() {
    let OnServer { store, database } = OnServer::new().await;
    let read_only = |is_read_only: &str| {
        let sql =
            format!("ALTER DATABASE {database} SET default_transaction_read_only = {is_read_only}");
        Cluster::shared().execute("postgres", &sql);
    };
    read_only("on");
    Cluster::shared().cut_connections(&database);
    refused(&store, 1).await;
    read_only("off");
    // A connection that was opened while the server was read-only stays read-only, so the store needs a new one.
    pending(&store, 2).await;
    assert!(store.find_link(&code(2)).await.unwrap().is_some());
    none_is_open(&database).await;
}

#[tokio::test]
async fn a_start_that_writes_nothing_does_not_prove_that_the_database_is_writable() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    store.close().await.unwrap();
    let refuse =
        "CREATE TRIGGER trouble BEFORE INSERT ON write_tests BEGIN SELECT RAISE(FAIL, 'no'); END";
    scratch.execute(refuse).await;
    let later = scratch.migrated().await;
    let recent = Some(Duration::from_secs(10));
    assert!(later.test_write(recent).await.is_err());
}
