//! Access keys that somebody changes in the database, and access keys from versions without MACs.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use crate::common::{NOW, OnDisk, OnServer, audit, key, linked, macs, pending};
use central_oauth_domain::grant::{AccessKeyId, KeyHolder, KeyLimits, KeyMaker, NewKey};
use central_oauth_domain::ports::{KeyCreation, KeyStore, ReadStore};
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::Cluster;

async fn holder(store: &SeaOrmStore, n: u64) -> Option<KeyHolder> {
    let found = store.find_key(&key(n)).await;
    let opened = store.open_key(&key(n)).await;
    // An unreadable key gives no access either.
    let (found, opened) = (found.ok()?, opened.ok()?);
    assert_eq!(found, opened.map(|opened| opened.holder), "key {n}");
    found
}

async fn is_genuine(store: &SeaOrmStore, n: u64) -> bool {
    let holder = holder(store, n).await;
    holder.is_some_and(|holder| macs().is_genuine(&holder))
}

async fn reader(store: &SeaOrmStore, n: u64, owner: u64) -> AccessKeyId {
    let owner = holder(store, owner).await.unwrap();
    let key = NewKey {
        account: owner.binding.account().unwrap(),
        hash: key(n),
        name: "reader".to_owned(),
        maker: KeyMaker::Key(owner.id),
        limits: KeyLimits {
            networks: vec!["192.0.2.0/24".parse().unwrap()],
            uses_per_minute: Some(2),
        },
        created_at: NOW,
        expires_at: Some(NOW),
        workload: None,
    };
    match store.create_key(key, 10, macs(), audit()).await.unwrap() {
        KeyCreation::Created(record) => record.id,
        KeyCreation::Full => panic!("full"),
    }
}

/// Changes to one column of an access key.
const CHANGES: [&str; 12] = [
    "account_id = (SELECT id FROM accounts WHERE account_id = 'ada')",
    "account_id = NULL",
    "role = 'owner'",
    "expires_at = NULL",
    "expires_at = expires_at + 1",
    "created_by = NULL",
    "created_by = 'operator'",
    "networks = NULL",
    "networks = '0.0.0.0/0'",
    "uses_per_minute = NULL",
    "mac = NULL",
    "id = id + 1000",
];

async fn every_change_is_noticed(store: &SeaOrmStore, blob: &str, execute: impl AsyncFn(&str)) {
    linked(store, 1, "ada").await;
    linked(store, 2, "eve").await;
    let id = reader(store, 3, 2).await;
    let inert = pending(store, 4).await;
    execute("CREATE TABLE kept AS SELECT * FROM access_keys").await;
    let columns = "role, account_id, expires_at, mac, created_by, networks, uses_per_minute, hash";
    let restore = format!(
        "UPDATE access_keys SET id = {id} WHERE id = 1000 + {id};
         UPDATE access_keys SET ({columns}) = (SELECT {columns} FROM kept WHERE kept.id = access_keys.id)"
    );
    assert!(is_genuine(store, 3).await);
    for change in CHANGES {
        execute(&format!("UPDATE access_keys SET {change} WHERE id = {id}")).await;
        assert!(!is_genuine(store, 3).await, "{change}");
        execute(&restore).await;
        assert!(is_genuine(store, 3).await, "{change} was taken back");
    }
    // Writes the hash of a key that Eve knows into the row of Ada's key.
    let hash = key(99)
        .as_bytes()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let hash = blob.replace("HEX", &hash);
    execute(&format!(
        "UPDATE access_keys SET hash = {hash} WHERE id = 1"
    ))
    .await;
    assert!(!is_genuine(store, 99).await);
    execute(&restore).await;
    // Assigns the account of the key to another person. The MAC of the key covers the person too.
    execute("UPDATE accounts SET account_id = 'ada2' WHERE account_id = 'eve'").await;
    assert!(!is_genuine(store, 3).await, "another person");
    // A key without an account is bound to the code of its link.
    assert!(is_genuine(store, 4).await);
    let (code, link) = (blob.replace("HEX", &"ab".repeat(32)), inert.id.0);
    execute(&format!(
        "UPDATE device_codes SET code_hash = {code} WHERE id = {link}"
    ))
    .await;
    assert!(!is_genuine(store, 4).await, "another code");
}

#[tokio::test]
async fn every_change_is_noticed_on_sqlite() {
    let disk = OnDisk::new().await;
    let execute = async |sql: &str| disk.scratch.execute(sql).await;
    every_change_is_noticed(&disk.store, "X'HEX'", execute).await;
}

#[tokio::test]
async fn every_change_is_noticed_on_postgresql() {
    let server = OnServer::new().await;
    let cluster = Cluster::shared();
    let execute = async |sql: &str| drop(cluster.execute(&server.database, sql));
    every_change_is_noticed(&server.store, "decode('HEX', 'hex')", execute).await;
}

async fn older_keys_get_theirs(store: &SeaOrmStore, execute: impl AsyncFn(&str)) {
    linked(store, 1, "ada").await;
    linked(store, 2, "eve").await;
    pending(store, 3).await;
    execute("UPDATE access_keys SET mac = NULL, created_by = NULL").await;
    let first = store.keys_without_mac(None, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    let rest = store.keys_without_mac(Some(first[1].id), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    for (n, read) in (1..).zip(first.iter().chain(&rest)) {
        assert_eq!(holder(store, n).await.as_ref(), Some(read));
        assert!(!macs().is_genuine(read));
    }
    // The first key changes before its MAC is stored, so it gets no MAC.
    execute("UPDATE access_keys SET account_id = 2 WHERE id = 1").await;
    let all = first.into_iter().chain(rest);
    let all: Vec<_> = all.map(|key| macs().authenticated(key)).collect();
    assert_eq!(store.store_key_macs(&all).await.unwrap(), 2);
    let left = store.keys_without_mac(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|key| key.id.0).collect::<Vec<_>>(), [1]);
    for n in [2, 3] {
        assert!(is_genuine(store, n).await);
    }
}

#[tokio::test]
async fn older_keys_get_theirs_on_sqlite() {
    let disk = OnDisk::new().await;
    older_keys_get_theirs(&disk.store, async |sql: &str| {
        disk.scratch.execute(sql).await;
    })
    .await;
}

#[tokio::test]
async fn older_keys_get_theirs_on_postgresql() {
    let server = OnServer::new().await;
    let cluster = Cluster::shared();
    let execute = async |sql: &str| drop(cluster.execute(&server.database, sql));
    older_keys_get_theirs(&server.store, execute).await;
}
