//! Somebody writes to the database of a running service, without its secret key.

use std::time::Duration;

use super::changed_database::execute;
use crate::support::http;
use crate::support::linking::link;
use crate::support::process::within;
use crate::support::sandbox;
use crate::support::service::Service;

const REFUSED: &str = "its row was changed in the database, but not by this service";

async fn statuses(service: &Service, key: &str) -> [u16; 2] {
    let mut statuses = [0; 2];
    for (status, path) in statuses.iter_mut().zip(["/v1/token", "/v1/accounts"]) {
        let request = http::client().get(service.url(path)).bearer_auth(key);
        *status = http::send(request).await.status.as_u16();
    }
    statuses
}

async fn migrate(service: &Service, direction: &[&str]) -> String {
    let mut command = service.command(&[&["migrate"], direction].concat());
    let output = within(Duration::from_secs(60), "a migration", command.output());
    let output = output.await.expect("it does not run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_no_other_account_whatever_the_database_says() {
    let sandbox = sandbox::of_many(Duration::from_secs(300)).await;
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    let (ada, eve) = (link(&service).await, link(&service).await);
    for key in [&ada, &eve] {
        assert_eq!(statuses(&service, key).await, [200, 200]);
    }
    let to_ada = "UPDATE access_keys SET account_id = 1 WHERE account_id = 2";
    execute(&service, to_ada).await;
    assert_eq!(statuses(&service, &eve).await, [401, 401]);
    assert_eq!(statuses(&service, &ada).await, [200, 200]);
    assert!(service.logs().contains(REFUSED), "{}", service.logs());
    // Neither a restart nor deleting the MAC helps.
    execute(&service, "UPDATE access_keys SET mac = NULL").await;
    service.restart().await;
    for key in [&ada, &eve] {
        assert_eq!(statuses(&service, key).await, [401, 401]);
    }

    // The downgrade deletes all MACs. The first start after the upgrade trusts the rows as they are, and gives them
    // MACs.
    assert!(service.stop().await.success());
    while !migrate(&service, &["down", "--delete-data"])
        .await
        .contains("m0012_key_macs")
    {}
    migrate(&service, &["up"]).await;
    execute(
        &service,
        "UPDATE access_keys SET account_id = 2 WHERE id = 2",
    )
    .await;
    service.run().await;
    for key in [&ada, &eve] {
        assert_eq!(statuses(&service, key).await, [200, 200]);
    }
    execute(&service, to_ada).await;
    assert_eq!(statuses(&service, &eve).await, [401, 401]);
    assert!(service.stop().await.success());
}
