//! The store keeps the contract of its port.

mod common;

use common::OnDisk;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_sqlite() {
    central_oauth_contract::token_store::run(OnDisk::new).await;
}
