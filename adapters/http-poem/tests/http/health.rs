//! Requests about the service that need no key.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{World, written};

#[tokio::test]
async fn the_service_lives_and_is_ready() {
    let world = World::new().await;
    let alive = world.get("/v1/healthz").send().await;
    alive.assert(200);
    assert_eq!(alive.body, json!({"status": "ok"}));
    let ready = world.get("/v1/readyz").send().await;
    ready.assert(200);
    assert_eq!(ready.body, json!({"status": "ready"}));
}

#[tokio::test]
async fn a_service_whose_store_is_not_its_own_is_not_ready() {
    let world = World::with(|options| options.forgetful = true).await;
    world.get("/v1/healthz").send().await.assert(200);
    world.get("/v1/readyz").refused(503, "not_ready").await;
}

#[tokio::test]
async fn a_store_that_hangs_is_logged_once_though_its_clients_go_away() {
    let world = World::with(|options| options.silent = true).await;
    for _ in 0..2 {
        let impatient = timeout(Duration::from_millis(50), world.get("/v1/readyz").send());
        assert!(impatient.await.is_err());
    }
    // The check has completed and its result is cached, so this request does not wait.
    sleep(Duration::from_millis(3300)).await;
    let answer = timeout(Duration::from_secs(1), world.get("/v1/readyz").send());
    answer.await.unwrap().assert_problem(503, "not_ready");
    let log = written();
    assert_eq!(log.matches("not ready").count(), 1, "{log}");
    assert!(log.contains("WARN"), "{log}");
}

#[tokio::test]
async fn providers_are_listed_by_name() {
    let world = World::new().await;
    let answer = world.get("/v1/providers").send().await;
    answer.assert(200);
    let scripted = json!({"name": "scripted", "display_name": "The Scripted Provider"});
    assert_eq!(answer.body, json!({"items": [scripted]}));
    let world = World::with(|options| options.providers.clear()).await;
    let answer = world.get("/v1/providers").send().await;
    assert_eq!(answer.body, json!({"items": []}));
}

#[tokio::test]
async fn a_key_that_nobody_asked_for_is_not_looked_at() {
    let world = World::new().await;
    for path in ["/v1/healthz", "/v1/readyz", "/v1/providers"] {
        world.get(path).key("coak_guessed").send().await.assert(200);
    }
}
