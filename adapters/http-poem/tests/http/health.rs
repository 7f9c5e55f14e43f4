//! What anybody may ask about the service.

use serde_json::json;

use crate::support::World;

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
    let answer = world.get("/v1/readyz").send().await;
    answer.assert_problem(503, "not_ready");
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
