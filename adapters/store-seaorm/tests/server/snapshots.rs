//! A key, its link and its account are read from one snapshot, even if the link is completed during the read.

use std::sync::Arc;

use central_oauth_domain::grant::{KeyBinding, KeyHolder};
use central_oauth_domain::link::LinkState;
use central_oauth_domain::ports::{KeyStore, LinkStore, ReadStore, WorkloadStore};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::Cluster;
use sea_orm::{ConnectionTrait, TransactionTrait};

use super::locks::waiting;
use crate::common::{NOW, OnServer, audit, authorizing, grant, key, macs};

/// The identity hash of the workload in [`WORKLOAD`].
const IDENTITY: KeyedHash = KeyedHash::from_bytes([9; 32]);
/// Inserts a workload that uses the key.
const WORKLOAD: &str = "INSERT INTO workloads (id, identity, workload, issuer, claims, mac) \
    SELECT id, decode(repeat('09', 32), 'hex'), 'nightly', 'https://issuer.example', '', decode(repeat('09', 32), 'hex') \
    FROM access_keys";

/// Statements that save the changing columns `BEFORE` and `AFTER` the link is completed.
const BEFORE: &str = "CREATE TABLE before AS SELECT mac FROM access_keys";
const AFTER: &str = "CREATE TABLE after AS SELECT k.account_id, k.mac, d.ended_at \
    FROM access_keys k JOIN device_codes d ON d.access_key_id = k.id";
/// Statements that revert the completion of the link, and that apply it again.
const UNDO: &str = "UPDATE access_keys SET account_id = NULL, mac = before.mac FROM before; \
    UPDATE device_codes SET state = 'pending', account_id = NULL, ended_at = NULL";
const REDO: &str = "UPDATE access_keys SET account_id = after.account_id, mac = after.mac FROM after; \
    UPDATE device_codes SET state = 'linked', account_id = after.account_id, ended_at = after.ended_at FROM after";

/// Creates a store with the completed link of a workload.
async fn completed() -> OnServer {
    let server = OnServer::new().await;
    let link = authorizing(&server.store, 1).await;
    let execute = |sql| Cluster::shared().execute(&server.database, sql);
    execute(WORKLOAD);
    execute(BEFORE);
    let completed = server
        .store
        .complete_link(&link, grant("ada"), NOW, macs(), audit());
    completed.await.unwrap();
    execute(AFTER);
    server
}

/// A call that reads a key.
#[derive(Debug, Clone, Copy)]
enum Read {
    Key,
    KeyWithTokens,
    Workload,
}

async fn read(store: &SeaOrmStore, what: Read) -> KeyHolder {
    match what {
        Read::Key => store.find_key(&key(1)).await.unwrap().unwrap(),
        Read::KeyWithTokens => store.open_key(&key(1)).await.unwrap().unwrap().holder,
        Read::Workload => {
            let found = store.find_workloads(&IDENTITY, NOW).await;
            found.unwrap().remove(0).key
        }
    }
}

/// Reads the key while its link is completed. The first statement of the read that needs `table` waits for a lock, and
/// the link is completed during this wait.
async fn read_during_completion(server: &OnServer, table: &str, what: Read) -> KeyHolder {
    let OnServer { store, database } = server;
    Cluster::shared().execute(database, UNDO);
    let url = Cluster::shared().url(database);
    let other = sea_orm::Database::connect(url).await.unwrap();
    let completing = other.begin().await.unwrap();
    let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    completing.execute_unprepared(&lock).await.unwrap();
    let store = Arc::clone(store);
    let reading = tokio::spawn(async move { read(&store, what).await });
    waiting(database, "1").await;
    completing.execute_unprepared(REDO).await.unwrap();
    completing.commit().await.unwrap();
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_link_is_completed_during_a_read_is_genuine() {
    let server = completed().await;
    for table in ["accounts", "device_codes"] {
        for what in [Read::Key, Read::KeyWithTokens, Read::Workload] {
            let key = read_during_completion(&server, table, what).await;
            assert!(macs().is_genuine(&key), "{what:?}, {table}: {key:?}");
            let is_behind = matches!(
                &key.binding,
                KeyBinding::Link(link) if matches!(link.state, LinkState::Linked { .. })
            );
            assert!(!is_behind, "{what:?}, {table}: {key:?}");
        }
    }
}
