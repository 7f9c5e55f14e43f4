//! Connections that are rejected, break or hang.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::{
    AccountStore, LinkStore, ReadStore, SealStore, StoreError, WriteTestStore,
};
use central_oauth_store_seaorm::{PoolSettings, SeaOrmStore};
use central_oauth_test_postgres::{Cluster, Database, PgBouncer, free_port};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::deaf::{HURRIED, way_to};
use crate::common::{OnServer, POOL, SMALLEST_POOL, code, key, linked, pending, sealed};

#[tokio::test]
async fn a_server_that_rejects_us_is_reported_without_the_password() {
    let cluster = Cluster::shared();
    let Database { url, .. } = cluster.create_database();
    let password = cluster.password();
    let port = format!(":{}/", cluster.port());
    for wrong in [
        url.replace(password, "wrong-password"),
        format!("{url}_that_is_not_there"),
        url.replace(&port, &format!(":{}/", free_port())),
    ] {
        let wrong = wrong.parse().unwrap();
        let refused = SeaOrmStore::open(&wrong, POOL).await.map(drop);
        let error = refused.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("postgres://127.0.0.1:"), "{told}");
        assert!(!told.contains(password) && !told.contains("wrong-password"));
    }
}

// From PostgreSQL 15 on, only the owner of a database may create tables in it by default.
#[tokio::test]
async fn a_role_that_may_not_create_tables_is_told_what_it_needs() {
    let cluster = Cluster::shared();
    let (Database { name, .. }, password) = (cluster.create_database(), cluster.password());
    cluster.execute(
        "postgres",
        &format!("CREATE ROLE visitor LOGIN PASSWORD '{password}'"),
    );
    cluster.execute(&name, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = format!(
        "postgres://visitor:{password}@127.0.0.1:{}/{name}",
        cluster.port()
    );
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL)
        .await
        .unwrap();
    let refused = store.migrate_up().await.unwrap_err().to_string();
    assert!(refused.contains("must own the database"), "{refused}");
    assert!(!refused.contains(password), "{refused}");
}

// If idle connections for reads used up the limit of the role, nothing could be saved.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_open_few_connections_can_save() {
    let cluster = Cluster::shared();
    let url = cluster.create_owned_database().url;
    let owner = url.split(['/', ':']).nth(3).unwrap();
    let limit = format!("ALTER ROLE {owner} CONNECTION LIMIT 2");
    cluster.execute("postgres", &limit);
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL).await;
    let store = Arc::new(store.unwrap());
    store.migrate_up().await.unwrap();
    let mut reads = JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        reads.spawn(async move { store.accounts(None, 10).await.map(drop) });
    }
    for read in reads.join_all().await {
        read.unwrap();
    }
    linked(&store, 1, "person").await;
}

// Behind a pooler, each read holds a connection. A read that needed a second connection would fail after the timeout,
// and would block all other reads until then.
#[tokio::test(flavor = "multi_thread")]
async fn reading_a_key_without_an_account_takes_one_connection() {
    let cluster = Cluster::shared();
    let pooler = PgBouncer::start(cluster);
    let database = cluster.create_database();
    let url = format!("{}?statement-cache-capacity=0", pooler.url(&database.name));
    let store = SeaOrmStore::open(&url.parse().unwrap(), SMALLEST_POOL).await;
    let store = store.unwrap();
    store.migrate_up().await.unwrap();
    pending(&store, 1).await;
    let opened = store.open_key(&key(1)).await.unwrap().unwrap();
    assert!(opened.grant.is_none());
}

#[tokio::test]
async fn a_database_that_cannot_store_all_names_is_refused() {
    let (cluster, latin) = (Cluster::shared(), "latin_1");
    let template = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let create = format!("CREATE DATABASE {latin} ENCODING 'LATIN1' {template}");
    cluster.execute("postgres", &create);
    let url = cluster.url(latin).parse().unwrap();
    let refused = SeaOrmStore::open(&url, POOL).await.map(drop);
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("LATIN1") && told.contains("UTF8"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_cut_are_not_noticed() {
    let cluster = Cluster::shared();
    let OnServer { store, database } = OnServer::new().await;
    for n in 1..6 {
        linked(&store, n, &n.to_string()).await;
        cluster.cut_connections(&database);
        let link = pending(&store, 100 + n).await;
        cluster.cut_connections(&database);
        let found = store.find_link(&code(100 + n)).await.unwrap().unwrap();
        assert_eq!(found.id, link.id);
    }
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_unavailable_when_the_key_is_read() {
    let cluster = Cluster::shared();
    let OnServer { store, database } = OnServer::new().await;
    store.init_hash_key(sealed("key")).await.unwrap();
    let alter = format!("ALTER DATABASE {database}");
    cluster.execute(
        &database,
        &format!("{alter} SET default_transaction_read_only = on"),
    );
    cluster.cut_connections(&database);
    let refused = store.hash_key().await.unwrap_err();
    let StoreError::Unavailable(cause) = refused else {
        panic!("{refused:?}")
    };
    assert!(cause.to_string().contains("takes no writes"), "{cause}");

    let writable = format!("{alter} RESET default_transaction_read_only");
    cluster.execute("postgres", &writable);
    cluster.cut_connections(&database);
    assert_eq!(store.hash_key().await.unwrap(), Some(sealed("key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_write_tokens_is_unavailable_when_the_key_is_read() {
    let cluster = Cluster::shared();
    let owned = cluster.create_owned_database();
    let (_, database) = owned.url.rsplit_once('/').unwrap();
    let OnServer { store, database } = OnServer::at(&owned.url, database.to_owned()).await;
    store.init_hash_key(sealed("key")).await.unwrap();
    let take_away = "ALTER TABLE tokens OWNER TO CURRENT_USER; GRANT SELECT, INSERT, DELETE ON tokens TO PUBLIC";
    cluster.execute(&database, take_away);
    let refused = store.hash_key().await.unwrap_err();
    let StoreError::Unavailable(cause) = refused else {
        panic!("{refused:?}")
    };
    assert!(cause.to_string().contains("UPDATE on tokens"), "{cause}");

    cluster.execute(&database, "GRANT UPDATE ON tokens TO PUBLIC");
    assert_eq!(store.hash_key().await.unwrap(), Some(sealed("key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_on_which_nothing_moves_is_given_up() {
    let cluster = Cluster::shared();
    let Database { url, name } = cluster.create_database();
    OnServer::at(&url, name).await;
    let (port, block) = way_to(cluster.port()).await;
    let url = url.replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    let store = SeaOrmStore::open(&url.parse().unwrap(), HURRIED)
        .await
        .unwrap();
    let account = linked(&store, 1, "ada").await;

    block.send_replace(true);
    let began = Instant::now();
    for answer in [
        store.account(account.id).await.map(drop),
        store.find_link(&code(1)).await.map(drop),
    ] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
    assert!(began.elapsed() < Duration::from_secs(120), "it is bounded");

    // The old connections still hang, but new connections work.
    block.send_replace(false);
    let found = store.account(account.id).await;
    assert_eq!(found.unwrap().unwrap().id, account.id);
    pending(&store, 2).await;
}

/// When a caller drops a query, the driver waits for the rest of the response before it uses the connection again. In
/// this test, the only connection for reads hangs at this moment.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_after_their_callers_have_gone_are_replaced() {
    let cluster = Cluster::shared();
    let Database { url, .. } = cluster.create_database();
    let (port, block) = way_to(cluster.port()).await;
    let url = url.replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    let settings = PoolSettings {
        max_connections: 2,
        connect_timeout: Duration::from_secs(4),
        ..HURRIED
    };
    let store = SeaOrmStore::open(&url.parse().unwrap(), settings).await;
    let store = store.unwrap();
    store.migrate_up().await.unwrap();
    let account = linked(&store, 1, "ada").await.id;

    block.send_replace(true);
    let caller = timeout(Duration::from_millis(100), store.account(account)).await;
    assert!(caller.is_err(), "{caller:?}");
    block.send_replace(false);
    let answers = async { while store.account(account).await.is_err() {} };
    timeout(Duration::from_secs(30), answers).await.unwrap();

    block.send_replace(true);
    let caller = timeout(Duration::from_millis(100), store.account(account)).await;
    assert!(caller.is_err(), "{caller:?}");
    let closed = timeout(Duration::from_secs(30), store.close()).await;
    closed.expect("it waits for the connection").unwrap();
}

#[tokio::test]
async fn a_closed_store_does_not_connect_again() {
    let OnServer { store, .. } = OnServer::new().await;
    let account = linked(&store, 1, "ada").await.id;
    store.close().await.unwrap();
    for _ in 0..3 {
        let failed = store.account(account).await.unwrap_err();
        assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
    }
}

/// Each commit hangs, because it waits for a synchronous standby that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn write_tests_open_no_connections_without_limit_while_commits_hang() {
    let cluster = Cluster::start();
    let settings = PoolSettings {
        statement_timeout: Duration::from_secs(1),
        ..POOL
    };
    let url = cluster.create_database().url.parse().unwrap();
    let store = SeaOrmStore::open(&url, settings).await.unwrap();
    store.migrate_up().await.unwrap();
    let wait_for = |standby: &str| {
        let names = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
        cluster.execute("postgres", &names);
        cluster.execute("postgres", "SELECT pg_reload_conf()");
    };
    let test = async || {
        // The last failure is cached for a second.
        sleep(Duration::from_secs(1)).await;
        store.test_write(Some(Duration::ZERO)).await
    };
    let connections = || -> u32 {
        let count =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'central-oauth'";
        cluster.execute("postgres", count).trim().parse().unwrap()
    };

    wait_for("nobody");
    while test().await.is_ok() {}
    test().await.unwrap_err();
    let before = connections();
    for _ in 0..3 {
        test().await.unwrap_err();
    }
    assert!(connections() <= before, "{} > {before}", connections());

    wait_for("");
    let succeeds = async { while test().await.is_err() {} };
    timeout(Duration::from_secs(60), succeeds).await.unwrap();
}
