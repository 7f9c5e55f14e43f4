//! Changing the secret key: the real binary, under load and while tokens are refreshed, killed at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use central_oauth_test_sandbox::Sandbox;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::support::accounts::refresh;
use crate::support::http;
use crate::support::linking::link;
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::has_run_out;

const NEW_KEY: &str = "ffeeddccbbaa99887766554433221100f0e0d0c0b0a090807060504030201000";
const ACCOUNTS: usize = 12;
const LIFETIME: Duration = Duration::from_secs(4);

/// Starts a sandbox where each link is another person, who consents automatically.
async fn sandbox() -> Sandbox {
    sandbox::of_many(LIFETIME).await
}

async fn linked(service: &Service) -> Vec<String> {
    join_all((0..ACCOUNTS).map(|_| link(service))).await
}

/// Requests the token of every account in turn, continuously; returns responses without a token.
async fn ask(
    token: String,
    hello: String,
    keys: Vec<String>,
    over: Arc<AtomicBool>,
) -> Vec<String> {
    let (client, mut bad) = (http::client(), Vec::new());
    for key in keys.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        let answer = http::send(client.get(&token).bearer_auth(key)).await;
        if answer.status != 200 {
            bad.push(format!("{} {}", answer.status, answer.text));
            continue;
        }
        let used = client.get(&hello).bearer_auth(answer.str("access_token"));
        let used = http::send(used).await;
        if used.status != 200 && !has_run_out(asked, &answer) {
            bad.push(format!("{} {}", used.status, used.text));
        }
    }
    bad
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_while_clients_ask() {
    let sandbox = sandbox().await;
    let mut service = Service::start_for(&sandbox).await;
    let keys = linked(&service).await;
    service.set("SECRET_KEY", NEW_KEY);
    assert!(!service_starts(&mut service).await, "the old key is needed");
    service.set("PREVIOUS_SECRET_KEYS", Service::SECRET_KEY);
    service.run().await;

    let over = Arc::new(AtomicBool::new(false));
    let hello = sandbox.endpoints().hello.clone();
    let asking = ask(
        service.url("/v1/token"),
        hello,
        keys.clone(),
        Arc::clone(&over),
    );
    let asking = tokio::spawn(asking);
    for delay in 0..8_u64 {
        let mut killed = service
            .command(&["rekey"])
            .spawn()
            .expect("rekey does not run");
        sleep(Duration::from_millis(10 + 15 * delay)).await;
        killed.kill().await.expect("cannot kill rekey");
    }
    let output = service.output(&["rekey"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert!(
        said.contains("Running services, which need the current key"),
        "{said}"
    );
    sleep(2 * LIFETIME).await;
    over.store(true, Ordering::Relaxed);
    assert_eq!(asking.await.expect("no asking"), Vec::<String>::new());

    assert!(service.stop().await.success());
    service.set("PREVIOUS_SECRET_KEYS", "");
    service.run().await;
    let client = http::client();
    for key in &keys {
        let refreshed = refresh(&client, &service, key).await.expect(200);
        assert_eq!(refreshed.str("status"), "active");
    }
    assert!(service.stop().await.success());
}

/// Restarts the service with its present settings. Returns whether it starts.
async fn service_starts(service: &mut Service) -> bool {
    assert!(service.stop().await.success());
    service.run_to_the_end().await.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_still_needed_is_asked_for() {
    let sandbox = sandbox().await;
    let mut service = Service::start_for(&sandbox).await;
    let key = link(&service).await;
    service.stop().await;
    service.set("SECRET_KEY", NEW_KEY);
    service.set("PREVIOUS_SECRET_KEYS", Service::SECRET_KEY);
    // A start alone re-encrypts nothing, so the old key is still needed.
    service.run().await;
    service.stop().await;
    service.set("PREVIOUS_SECRET_KEYS", "");
    assert!(!service.run_to_the_end().await.success());
    let logs = service.logs();
    assert!(
        logs.contains("CENTRAL_OAUTH_SECRET_KEY: does not open this database"),
        "{logs}"
    );

    service.set("PREVIOUS_SECRET_KEYS", Service::SECRET_KEY);
    assert!(service.output(&["rekey"]).await.status.success());
    service.set("PREVIOUS_SECRET_KEYS", "");
    service.run().await;
    let client = http::client();
    let token = client.get(service.url("/v1/token")).bearer_auth(&key);
    http::send(token).await.expect(200);
}
