//! `HEAD` responds like `GET`, and changes nothing.

use std::time::Duration;

use poem::http::Method;

use crate::support::{ADMIN, Answer, World};

async fn head(world: &World, path: &str, key: &str) -> Answer {
    let answer = world.call(Method::HEAD, path).key(key).send().await;
    // The body of a problem is not sent for a `HEAD`.
    assert!(answer.text.is_empty() || answer.status >= 400);
    answer
}

#[tokio::test]
async fn it_is_no_poll() {
    let world = World::with(|options| options.poll_interval = Duration::from_secs(3600)).await;
    let (code, key) = world.start_link().await;
    let path = format!("/v1/poll/{code}");
    for _ in 0..10 {
        head(&world, &path, &key).await.assert(200);
    }
    for _ in 0..3 {
        world.get(&path).key(&key).send().await.assert(200);
    }
    let call = world.get(&path).key(&key);
    call.refused(429, "rate_limited").await;
    head(&world, &path, &key).await.assert(200);
}

/// A `HEAD` request is not counted as a guess, so it must not reveal whether a code exists.
#[tokio::test]
async fn it_is_no_guess_and_no_way_to_guess() {
    let world = World::with(|options| options.poll_interval = Duration::ZERO).await;
    let (code, _) = world.start_link().await;
    let (_, other_key) = world.start_link().await;
    let path = format!("/v1/poll/{code}");
    for guess in 0..200 {
        let guess = format!("/v1/poll/{guess:08}");
        let answer = world.call(Method::HEAD, &guess).send().await;
        answer.assert(404);
        head(&world, &guess, &other_key).await.assert(404);
    }
    let right = world.call(Method::HEAD, &path).send().await;
    right.assert(404);
    head(&world, &path, &other_key).await.assert(404);
    head(&world, &path, ADMIN).await.assert(404);
    world.get(&path).send().await.assert(200);
}

#[tokio::test]
async fn it_is_no_use_of_a_key() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let keys = format!("/v1/accounts/{id}/keys");
    let (_, reader) = world.reader(&id, "the build").await;
    for path in ["/v1/token", "/v1/accounts", &format!("/v1/accounts/{id}")] {
        head(&world, path, &reader).await.assert(200);
    }
    head(&world, &keys, &reader).await.assert(403);
    head(&world, "/v1/token", "coak_guessed").await.assert(401);
    let listed = world.get(&keys).key(ADMIN).send().await;
    assert_eq!(listed.body["items"][1]["name"], "the build");
    assert!(listed.body["items"][1].get("last_used_at").is_none());
}

#[tokio::test]
async fn it_refreshes_nothing() {
    let world = World::new().await;
    let key = world.link(1).await;
    world.clock.advance(Duration::from_secs(3000));
    let soon = "/v1/token?min_ttl=1200";
    head(&world, soon, &key).await.assert(200);
    head(&world, soon, ADMIN).await.assert(403);
    let token = world.get("/v1/token").key(&key).send().await;
    assert_eq!(token.body["access_token"], "token-of-1");
    world.clock.advance(Duration::from_secs(600));
    head(&world, soon, &key).await.assert(503);
    let token = world.get(soon).key(&key).send().await;
    assert_eq!(token.body["access_token"], "refreshed-token");
    head(&world, soon, &key).await.assert(200);
}
