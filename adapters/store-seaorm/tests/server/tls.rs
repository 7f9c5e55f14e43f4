//! Who may read along, as libpq names it.

use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::{Cluster, Database, Tls};

use crate::common::POOL;

async fn opens(url: &str) -> Result<(), String> {
    let store = SeaOrmStore::open(&url.parse().unwrap(), POOL).await;
    let store = store.map_err(|error| error.to_string())?;
    store.migrate_up().await.map_err(|error| error.to_string())
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
    // Nobody whom everybody trusts has signed it.
    opens(&format!("{url}?sslmode=verify-full"))
        .await
        .unwrap_err();
    // It is the certificate of another host.
    let elsewhere = verified.replace("127.0.0.1", "127.0.0.2");
    opens(&elsewhere).await.unwrap_err();
}
