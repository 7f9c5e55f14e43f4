//! Changes to the audit log by people who can write to the database.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use crate::common::{OnDisk, OnServer};
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    Actor, AuditEntry, AuditEvent, AuditFilter, AuditKind, AuditNumber, SignedEntry,
};
use central_oauth_domain::ports::AuditStore;
use central_oauth_domain::testing::{audit_chain, audit_draft};
use central_oauth_domain::usecases::verify_audit;
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::Cluster;

fn entry(second: i64) -> SignedEntry {
    let event = AuditEvent::new(AuditKind::KeyCreated);
    audit_draft(Actor::ADMIN, at(second)).entry(event)
}

const fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

async fn add(store: &SeaOrmStore, seconds: std::ops::Range<i64>) {
    let last = seconds.end;
    let entries: Vec<_> = seconds.map(entry).collect();
    store.store_entries(&entries).await.unwrap();
    let chained = store.chain_entries(&audit_chain(), 100, at(last)).await;
    chained.unwrap();
}

async fn all(store: &SeaOrmStore) -> Vec<AuditEntry> {
    let all = AuditFilter::default();
    let entries = store.audit_entries(&all, AuditNumber(i64::MIN), 100).await;
    entries.unwrap()
}

async fn is_verified(store: &SeaOrmStore) -> bool {
    verify_audit(store, &audit_chain(), None).await.is_ok()
}

/// Changes to the audit log. After each of them, the service must continue to write entries, and report the change.
const STATES: [&str; 9] = [
    "UPDATE audit_log SET mac = SHORT WHERE id = 10",
    "DELETE FROM audit_log WHERE id > 7",
    "UPDATE audit_ends SET mac = SHORT",
    "UPDATE audit_ends SET head_mac = SHORT",
    "UPDATE audit_ends SET head_number = 9223372036854775807",
    "UPDATE audit_ends SET start_number = 9223372036854775807, head_number = 9223372036854775807",
    "DELETE FROM audit_ends",
    "UPDATE audit_log SET id = 9223372036854775807 WHERE id = 10",
    "UPDATE audit_log SET reference = SHORT, id = 11 WHERE id = 10",
];

/// Changes that only SQLite accepts, because its columns store values of any type.
const UNREADABLE: [&str; 5] = [
    "UPDATE audit_log SET account_id = 'x' WHERE id = 10",
    "UPDATE audit_log SET kind = X'ff' WHERE id = 10",
    "UPDATE audit_log SET mac = 1.5 WHERE id = 10",
    "UPDATE audit_ends SET head_number = 'x'",
    "UPDATE audit_ends SET mac = 1.5",
];

async fn the_log_goes_on(
    store: &SeaOrmStore,
    states: impl Iterator<Item = &'static str>,
    short: &str,
    execute: impl AsyncFn(&str),
) {
    for state in states {
        execute("DELETE FROM audit_log; DELETE FROM audit_ends").await;
        add(store, 0..10).await;
        assert!(is_verified(store).await, "{state}");
        execute(&state.replace("SHORT", short)).await;
        for n in 20..23 {
            add(store, n..n + 1).await;
            assert!(!is_verified(store).await, "{state}");
        }
        let kinds = all(store).await.into_iter().map(|entry| entry.content.kind);
        let broken = kinds.filter(|kind| kind == "audit.broken").count();
        assert_eq!(broken, 1, "{state}");
        // Once the changed entries are old enough to be deleted, the log is valid again.
        for _ in 0..3 {
            let purged = store
                .purge_entries(&audit_chain(), at(22)..=at(99), 100)
                .await;
            purged.unwrap();
        }
        assert!(is_verified(store).await, "{state}");
        assert_eq!(all(store).await.len(), 1, "{state}");
    }
}

#[tokio::test]
async fn the_log_goes_on_on_sqlite() {
    let disk = OnDisk::new().await;
    let execute = async |sql: &str| disk.scratch.execute(sql).await;
    let states = STATES.into_iter().chain(UNREADABLE);
    the_log_goes_on(&disk.store, states, "X'00'", execute).await;
}

#[tokio::test]
async fn the_log_goes_on_on_postgresql() {
    let server = OnServer::new().await;
    let cluster = Cluster::shared();
    let execute = async |sql: &str| drop(cluster.execute(&server.database, sql));
    let states = STATES.into_iter();
    the_log_goes_on(&server.store, states, "decode('00', 'hex')", execute).await;
}

#[tokio::test]
async fn an_unreadable_entry_that_waits_is_rejected() {
    let disk = OnDisk::new().await;
    add(&disk.store, 0..3).await;
    let insert = "INSERT INTO audit_inbox VALUES (1, X'ffffffffffffffffffffffffffffffff', 'x', X'ff', 1.5, 7, 'x', 'x', X'ff', 'x')";
    disk.scratch.execute(insert).await;
    add(&disk.store, 3..5).await;
    assert!(is_verified(&disk.store).await);
    let kinds = all(&disk.store)
        .await
        .into_iter()
        .map(|entry| entry.content.kind);
    let kinds: Vec<_> = kinds.skip(3).collect();
    assert_eq!(kinds, ["audit.rejected", "key.created", "key.created"]);
}

#[tokio::test]
async fn an_unreadable_entry_is_no_obstacle_to_verification() {
    let disk = OnDisk::new().await;
    add(&disk.store, 0..5).await;
    disk.scratch
        .execute("UPDATE audit_log SET account_id = 'x' WHERE id = 3")
        .await;
    let verified = verify_audit(&*disk.store, &audit_chain(), None).await;
    let broken = verified.unwrap_err().to_string();
    assert!(broken.contains("entry 3 was changed"), "{broken}");
    assert_eq!(all(&disk.store).await.len(), 5);
}

#[tokio::test]
async fn another_row_of_ends_is_not_read() {
    let disk = OnDisk::new().await;
    add(&disk.store, 0..10).await;
    let copy = "INSERT INTO audit_ends SELECT -1, 0, start_mac, 0, head_mac, mac FROM audit_ends";
    disk.scratch.execute(copy).await;
    add(&disk.store, 20..22).await;
    assert!(is_verified(&disk.store).await);
}

/// Old entries are deleted only up to the first change, which stays as evidence.
#[tokio::test]
async fn changed_entries_are_not_signed_away() {
    for change in [
        "UPDATE audit_log SET actor = 'admin2' WHERE id = 3",
        "DELETE FROM audit_log WHERE id = 3",
        "UPDATE audit_log SET mac = X'00' WHERE id = 3",
        "UPDATE audit_log SET id = 0 WHERE id = 3",
    ] {
        let disk = OnDisk::new().await;
        let store = &disk.store;
        add(store, 0..10).await;
        disk.scratch.execute(change).await;
        let mut refused = false;
        for _ in 0..3 {
            let purged = store
                .purge_entries(&audit_chain(), at(99)..=at(999), 4)
                .await;
            refused = purged.is_err();
        }
        assert!(refused, "{change}");
        assert!(!is_verified(store).await, "{change}");
        assert_eq!(all(store).await.last().unwrap().number.0, 10, "{change}");
    }
}
