//! Runs the contract tests of the store's port on each database.

use crate::common::{OnDisk, OnServer};
use central_oauth_test_postgres::{Cluster, PgBouncer};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_sqlite() {
    central_oauth_contract::token_store::run(OnDisk::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_postgresql() {
    let server = OnServer::new().await;
    central_oauth_contract::token_store::run(async || server.emptied()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_a_pooler_in_transaction_mode() {
    let cluster = Cluster::shared();
    let pooler = PgBouncer::start(cluster);
    let database = cluster.create_database();
    let url = format!("{}?statement-cache-capacity=0", pooler.url(&database.name));
    let server = OnServer::at(&url, database.name).await;
    central_oauth_contract::token_store::run(async || server.emptied()).await;
}
