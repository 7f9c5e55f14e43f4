//! Provider responses, which exist nowhere else until they are stored.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::{Account, Generation, LeaseVersion, StoredTokens};
use central_oauth_domain::ports::{
    AccountStore, LinkStore, RecordedRefresh, RefreshStore, StoreError,
};
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::{Cluster, Database};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::deaf::{HURRIED, way_to};
use crate::common::{LATER, NOW, OnDisk, OnServer, answer, audit, code, linked, sealed};

async fn save(store: &SeaOrmStore, account: &Account) -> Result<RecordedRefresh, StoreError> {
    let tokens = answer("newer", "rotated");
    store
        .record_refresh(
            account.id,
            Generation::FIRST,
            LeaseVersion(0),
            tokens,
            audit(),
        )
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
    assert_eq!(
        save(&store, &account).await.unwrap(),
        RecordedRefresh::Stored
    );
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
    assert_eq!(
        save(&store, &account).await.unwrap(),
        RecordedRefresh::Stored
    );
    assert!(!question.is_finished(), "the question was given up as soon");
    question.abort();
}

/// Logs the statement and the transaction of each saved refresh.
const LOG: &str = "CREATE TABLE saved (account_id bigint, txid bigint, sql text); \
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    INSERT INTO saved VALUES (new.account_id, txid_current(), current_query()); RETURN NULL; END $$; \
    CREATE TRIGGER note AFTER UPDATE ON tokens FOR EACH ROW \
    WHEN (new.generation > old.generation) EXECUTE FUNCTION note()";

/// Links an account and claims its refresh.
async fn claimed(store: &SeaOrmStore, n: u64) -> StoredTokens {
    let account = linked(store, n, &format!("person {n}")).await;
    let claimed = store.claim_refresh(account.id, LeaseVersion(0), NOW, LATER);
    claimed.await.unwrap()
}

type Recording = JoinHandle<Result<RecordedRefresh, StoreError>>;

/// Starts to record the result of a refresh.
fn record(store: &Arc<SeaOrmStore>, claimed: &StoredTokens) -> Recording {
    let (store, account) = (Arc::clone(store), claimed.account.id);
    let (generation, lease) = (claimed.generation, claimed.lease.version);
    tokio::spawn(async move {
        let tokens = answer("two", "two");
        store
            .record_refresh(account, generation, lease, tokens, audit())
            .await
    })
}

/// Returns another session in a transaction.
async fn begin(database: &str) -> DatabaseTransaction {
    let session = sea_orm::Database::connect(Cluster::shared().url(database));
    session.await.unwrap().begin().await.unwrap()
}

/// Waits until one session waits for a lock.
async fn until_one_waits(database: &str) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    while Cluster::shared().execute(database, waiting).trim() != "1" {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_wait_together_are_saved_in_one_statement() {
    let OnServer { store, database } = OnServer::new().await;
    let server = |sql: &str| Cluster::shared().execute(&database, sql);
    server(LOG);
    let claims = [
        claimed(&store, 1).await,
        claimed(&store, 2).await,
        claimed(&store, 3).await,
        claimed(&store, 4).await,
    ];
    let lock = begin(&database).await;
    let changed = claims[2].account.id.0;
    for sql in [
        "LOCK TABLE tokens IN EXCLUSIVE MODE",
        &format!("UPDATE tokens SET ambiguous = true WHERE account_id = {changed}"),
    ] {
        lock.execute_unprepared(sql).await.unwrap();
    }
    // The first result waits for the lock, and the others wait for the first.
    let first = record(&store, &claims[0]);
    until_one_waits(&database).await;
    let others = [1, 2, 3].map(|n| record(&store, &claims[n]));
    sleep(Duration::from_millis(100)).await;
    lock.commit().await.unwrap();

    for recording in [first].into_iter().chain(others) {
        assert_eq!(recording.await.unwrap().unwrap(), RecordedRefresh::Stored);
    }
    for claimed in claims {
        let stored = store.tokens(claimed.account.id).await.unwrap().unwrap();
        assert_eq!(stored.generation, claimed.generation.next());
        assert_eq!(stored.access_token, sealed("two"));
    }
    // The changed row was read again and saved by itself.
    let groups = "SELECT string_agg(account_id::text, ' ' ORDER BY account_id) FROM saved \
                  GROUP BY txid ORDER BY 1";
    assert_eq!(server(groups).trim(), "1\n2 4\n3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_whose_row_is_locked_does_not_delay_the_others() {
    let OnServer { store, database } = OnServer::new().await;
    let (one, two) = (claimed(&store, 1).await, claimed(&store, 2).await);
    let lock = begin(&database).await;
    let locked = one.account.id.0;
    let row = format!("SELECT 1 FROM tokens WHERE account_id = {locked} FOR UPDATE");
    lock.execute_unprepared(&row).await.unwrap();
    let first = record(&store, &one);
    until_one_waits(&database).await;
    let second = record(&store, &two);
    assert_eq!(second.await.unwrap().unwrap(), RecordedRefresh::Stored);
    assert!(!first.is_finished(), "the row is still locked");
    lock.rollback().await.unwrap();
    assert_eq!(first.await.unwrap().unwrap(), RecordedRefresh::Stored);
}

/// Claims an account's refresh, changes its rows afterwards, and records the response.
async fn recorded_after(
    store: &SeaOrmStore,
    n: u64,
    change: &str,
    behind: impl AsyncFn(&str),
) -> (RecordedRefresh, StoredTokens) {
    let claimed = claimed(store, n).await;
    let (account, id) = (&claimed.account, claimed.account.id.0);
    behind(&change.replace("$1", &id.to_string())).await;
    let (generation, lease) = (claimed.generation, claimed.lease.version);
    let recorded =
        store.record_refresh(account.id, generation, lease, answer("two", "two"), audit());
    let recorded = recorded.await.unwrap();
    (recorded, store.tokens(account.id).await.unwrap().unwrap())
}

/// On SQLite, the tokens are always read again before a result is saved. So SQLite shows the expected result.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_saved_at_once_comes_to_the_same_as_one_of_rows_that_were_read_again() {
    let (on_server, on_disk) = (OnServer::new().await, OnDisk::new().await);
    let server = async |sql: &str| {
        Cluster::shared().execute(&on_server.database, sql);
    };
    let file = async |sql: &str| on_disk.scratch.execute(sql).await;
    server(LOG).await;
    for (n, (change, is_at_once)) in (1..).zip([
        ("SELECT 1", true),
        // Re-encrypted with another key.
        ("UPDATE tokens SET refresh_token = 'again' WHERE account_id = $1", false),
        ("UPDATE tokens SET ambiguous = true WHERE account_id = $1", false),
        ("UPDATE tokens SET lease_version = 9 WHERE account_id = $1", false),
        ("UPDATE tokens SET generation = 9 WHERE account_id = $1", false),
        ("UPDATE tokens SET obtained_at = 7 WHERE account_id = $1", false),
        ("UPDATE accounts SET scopes = 'others' WHERE id = $1", false),
        ("UPDATE accounts SET status = 'degraded', last_error_code = 'x', last_error_detail = 'y' WHERE id = $1", false),
    ]) {
        server("DELETE FROM saved").await;
        let saved = recorded_after(&on_server.store, n, change, &server).await;
        let expected = recorded_after(&on_disk.store, n, change, &file).await;
        assert_eq!(saved, expected, "{change}");
        let at_once = "SELECT count(*) FROM saved WHERE sql LIKE '%NO KEY UPDATE%'";
        let at_once = Cluster::shared().execute(&on_server.database, at_once);
        assert_eq!(at_once.trim() == "1", is_at_once, "{change}");
    }
}
