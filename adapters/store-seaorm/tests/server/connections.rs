//! Connections that are refused, cut, or hang.

use std::time::Duration;

use central_oauth_domain::ports::{AccountStore, LinkStore, SealStore, StoreError};
use central_oauth_store_seaorm::{PoolSettings, SeaOrmStore, peek_hash_key};
use central_oauth_test_postgres::{Cluster, Database, free_port};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::common::{OnServer, POOL, code, linked, pending, sealed};

/// Connecting may take its time on a crowded machine; that something hangs is noticed soon.
const HURRIED: PoolSettings = PoolSettings {
    max_connections: 4,
    connect_timeout: Duration::from_secs(15),
    statement_timeout: Duration::from_secs(3),
};

#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_told_without_the_password() {
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
        for error in [
            SeaOrmStore::open(&wrong, POOL).await.map(drop).unwrap_err(),
            peek_hash_key(&wrong, POOL).await.map(drop).unwrap_err(),
        ] {
            let told = format!("{error} {error:?}");
            assert!(told.contains("postgres://127.0.0.1:"), "{told}");
            assert!(!told.contains(password) && !told.contains("wrong-password"));
        }
    }
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
async fn a_server_that_only_reads_is_unavailable_to_whoever_asks_for_the_key() {
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

/// A way to the server on which, once it is blocked, nothing moves any more: nothing is refused, nothing is cut.
async fn way_to(port: u16) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (block, blocked) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut blocked = blocked.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let is_blocked = async {
                    let _ = blocked.wait_for(|blocked| *blocked).await;
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
                    () = is_blocked => {}
                }
                // What was open stays open, and deaf, for as long as the test lasts.
                std::future::pending::<()>().await;
            });
        }
    });
    (own, block)
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

    // The old connections stay deaf; new ones get through.
    block.send_replace(false);
    let found = store.account(account.id).await;
    assert_eq!(found.unwrap().unwrap().id, account.id);
    pending(&store, 2).await;
}
