//! The values of `sslmode`.

use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::{Cluster, Database, Tls};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::common::POOL;

async fn opens(url: &str) -> Result<(), String> {
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL).await;
    let store = store.map_err(|error| error.to_string())?;
    store.migrate_up().await.map_err(|error| error.to_string())
}

/// Returns a URL of the same server with an address that is not in its certificate.
async fn elsewhere(cluster: &Cluster, url: &str) -> String {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let port = cluster.port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    url.replace(&format!("127.0.0.1:{port}"), &address.to_string())
}

async fn is_refused_elsewhere(cluster: &Cluster, url: &str) {
    let refused = opens(&elsewhere(cluster, url).await).await.unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to_where_it_is_required() {
    let Database { url, .. } = Cluster::shared().create_database();
    let refused = opens(&format!("{url}?sslmode=require")).await.unwrap_err();
    assert!(refused.contains("TLS"), "{refused}");
    opens(&format!("{url}?sslmode=prefer")).await.unwrap();
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let cluster = Cluster::start_with(Tls::Required);
    let Database { url, .. } = cluster.create_database();
    let ca = cluster.ca_file();
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display());
    opens(&verified).await.unwrap();
    opens(&format!("{url}?sslmode=require")).await.unwrap();

    opens(&format!("{url}?sslmode=disable")).await.unwrap_err();
    // No public certificate authority has signed the certificate.
    for public in ["sslmode=verify-full", "sslrootcert=system"] {
        let refused = opens(&format!("{url}?{public}")).await.unwrap_err();
        assert!(refused.contains("invalid peer certificate"), "{refused}");
    }
    // The certificate is not valid for this address.
    is_refused_elsewhere(&cluster, &verified).await;
    opens(&elsewhere(&cluster, &format!("{url}?sslmode=require")).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_mode_protects_from_less_than_libpq_does_under_its_name() {
    let cluster = Cluster::start_with(Tls::Required);
    let Database { url, .. } = cluster.create_database();
    // These modes all connect with TLS.
    opens(&format!("{url}?sslmode=allow")).await.unwrap();
    let root = format!("sslrootcert={}", cluster.ca_file().display());
    for mode in ["verify-ca", "require"] {
        let verified = format!("{url}?sslmode={mode}&{root}");
        opens(&verified).await.unwrap();
        // Anybody can get a certificate from a trusted authority, so the certificate must be valid for this host.
        is_refused_elsewhere(&cluster, &verified).await;
    }
    opens(&format!("{url}?sslmode=verify-ca"))
        .await
        .unwrap_err();
}
