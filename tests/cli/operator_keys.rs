//! Keys of operators in a file.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::http;
use crate::support::process::eventually;
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(20);
const ALICE: &str = "the-key-of-alice";
const BOB: &str = "the-key-of-bobby";

fn admin(name: &str, key: &str) -> String {
    format!("[[operator]]\nname = {name:?}\nrole = \"admin\"\nkey = {key:?}\n")
}

async fn is_admin(service: &Service, key: &str) -> bool {
    let list = http::client().get(service.url("/v1/accounts"));
    http::send(list.bearer_auth(key)).await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_without_a_restart() {
    let mut service = Service::prepare(&[("ADMIN_KEY", Service::ADMIN_KEY)]);
    let file = service.file("operators.toml");
    std::fs::write(&file, admin("alice", ALICE)).unwrap();
    service.set("OPERATOR_KEYS_FILE", file.to_str().unwrap());
    service.run().await;
    assert!(is_admin(&service, ALICE).await);
    assert!(is_admin(&service, Service::ADMIN_KEY).await);
    assert!(!is_admin(&service, BOB).await);

    std::fs::write(&file, admin("bob", BOB)).unwrap();
    service.signal(Signal::HUP);
    eventually(TIMEOUT, "the new key", async || {
        is_admin(&service, BOB).await
    })
    .await;
    assert!(!is_admin(&service, ALICE).await);
    assert!(is_admin(&service, Service::ADMIN_KEY).await);
    eventually(TIMEOUT, "an entry of the audit log", async || {
        let path = "/v1/audit?kind=operators.reloaded";
        let list = http::client().get(service.url(path));
        let list = http::send(list.bearer_auth(BOB)).await.expect(200);
        list.json["items"][0]["detail"]["operator_keys"] == "2"
    })
    .await;

    // An unreadable file changes nothing, and is reported.
    std::fs::write(&file, admin("alice", ALICE) + "key = ").unwrap();
    service.signal(Signal::HUP);
    eventually(TIMEOUT, "a complaint", async || {
        service
            .logs()
            .contains("the keys of operators were not read again")
    })
    .await;
    assert!(is_admin(&service, BOB).await && !is_admin(&service, ALICE).await);
    let logs = service.logs();
    assert!(
        logs.contains("CENTRAL_OAUTH_OPERATOR_KEYS: line 5"),
        "{logs}"
    );
    for key in [ALICE, BOB] {
        assert!(!logs.contains(key), "{logs}");
    }
    assert!(service.stop().await.success());
}

async fn may_enrol(service: &Service, key: &str) -> bool {
    let ask = http::client().post(service.url("/v1/link-code"));
    http::send(ask.bearer_auth(key)).await.status == 201
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_enrolment_key_asks_for_nothing_after_a_signal() {
    let enroll = |name, key| admin(name, key).replace("admin", "enroll");
    let mut service = Service::prepare(&[
        ("ADMIN_KEY", Service::ADMIN_KEY),
        ("PROVIDER_CLIENT_ID", "client"),
        (
            "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
            "http://127.0.0.1:1/device",
        ),
        ("PROVIDER_TOKEN_ENDPOINT", "http://127.0.0.1:1/token"),
    ]);
    let file = service.file("operators.toml");
    std::fs::write(&file, enroll("alice", ALICE) + &enroll("bob", BOB)).unwrap();
    service.set("OPERATOR_KEYS_FILE", file.to_str().unwrap());
    service.run().await;
    assert!(may_enrol(&service, ALICE).await && may_enrol(&service, BOB).await);
    std::fs::write(&file, enroll("bob", BOB)).unwrap();
    service.signal(Signal::HUP);
    eventually(TIMEOUT, "the removal", async || {
        !may_enrol(&service, ALICE).await
    })
    .await;
    let ask = http::client().post(service.url("/v1/link-code"));
    let refused = http::send(ask.bearer_auth(ALICE)).await.expect(401);
    assert_eq!(refused.str("code"), "unauthorized");
    assert!(may_enrol(&service, BOB).await);
    assert!(service.stop().await.success());
}
