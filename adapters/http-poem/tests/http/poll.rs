//! `GET /v1/poll/{link_code}`.

use std::time::Duration;

use serde_json::json;

use crate::support::{Person, World};

/// Returns a world without a poll limit, for tests about something else.
async fn unhurried() -> World {
    World::with(|options| options.poll_interval = Duration::ZERO).await
}

#[tokio::test]
async fn a_link_is_followed_to_its_account() {
    let world = unhurried().await;
    let (code, key) = world.start_link().await;
    let path = format!("/v1/poll/{code}");
    let poll = || world.get(&path).key(&key).send();

    let pending = poll().await;
    pending.assert(200);
    let expected = json!({"status": "pending", "expires_in": 600, "interval": 0});
    assert_eq!(pending.body, expected);
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(poll().await.body["expires_in"], 598);

    world.confirm(&code).await;
    let authorizing = poll().await;
    assert_eq!(authorizing.body["status"], "authorizing");
    assert_eq!(authorizing.body["expires_in"], 900);

    world
        .consent(&world.start_link().await.0, Person::Agrees(1))
        .await;
    let linked = poll().await;
    assert_eq!(linked.body["status"], "linked");
    assert_eq!(linked.body["expires_in"], 0);
    let account = json!({
        "id": world.account_of(&key).await,
        "provider": "scripted",
        "account_id": "person-1",
        "display_name": "Person 1",
        "status": "active",
    });
    assert_eq!(linked.body["account"], account);

    let (_, other) = world.start_link().await;
    let expected = json!({"status": "linked", "expires_in": 0, "interval": 0});
    for seen_by_others in [world.get(&path), world.get(&path).key(&other)] {
        assert_eq!(seen_by_others.send().await.body, expected);
    }
}

#[tokio::test]
async fn a_link_may_end_without_an_account() {
    let world = unhurried().await;
    let (denied, key) = world.start_link().await;
    world.consent(&denied, Person::Denies).await;
    let path = format!("/v1/poll/{denied}");
    let answer = world.get(&path).send().await;
    assert_eq!(answer.body["status"], "denied");
    assert!(answer.body["error"].is_null());
    let own = world.get(&path).key(&key).send().await.body;
    let why = json!({"code": "access_denied", "detail": "not assigned"});
    assert_eq!((&own["status"], &own["error"]), (&json!("denied"), &why));

    let (expired, key) = world.start_link().await;
    world.clock.advance(Duration::from_secs(601));
    let path = format!("/v1/poll/{expired}");
    let answer = world.get(&path).key(&key).send().await;
    assert_eq!(answer.body["status"], "expired");
}

#[tokio::test]
async fn a_code_may_be_written_as_people_do() {
    let world = unhurried().await;
    let (code, _) = world.start_link().await;
    let (left, right) = code.split_at(4);
    for written in [format!("{left}-{right}"), format!("{left}%20{right}")] {
        let answer = world.get(&format!("/v1/poll/{written}")).send().await;
        answer.assert(200);
    }
}

#[tokio::test]
async fn what_is_no_code_is_not_found() {
    let world = unhurried().await;
    let (code, key) = world.start_link().await;
    let other = format!("{:08}", (code.parse::<u32>().unwrap() + 1) % 100_000_000);
    for path in [
        &other,
        "1234",
        "abcdefgh",
        "%F0%9F%98%80",
        "%FF%FE",
        "a%2Fb",
    ] {
        let answer = world.get(&format!("/v1/poll/{path}")).key(&key).send();
        answer.await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn guessing_is_limited() {
    let world = unhurried().await;
    let mut answer = world.get("/v1/poll/00000000").send().await;
    for guess in 1..=20 {
        answer.assert_problem(404, "not_found");
        answer = world.get(&format!("/v1/poll/{guess:08}")).send().await;
    }
    answer.assert_problem(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=601).contains(&wait), "{wait}");
}

#[tokio::test]
async fn polls_keep_the_pace_each_poller_for_itself() {
    let world = World::with(|options| options.poll_interval = Duration::from_secs(3600)).await;
    let (code, key) = world.start_link().await;
    let path = format!("/v1/poll/{code}");
    for _ in 0..3 {
        world.get(&path).send().await.assert(200);
    }
    let too_soon = world.get(&path).send().await;
    too_soon.assert_problem(429, "rate_limited");
    let wait: u64 = too_soon.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    // Other clients that guess the code do not slow down the link's own client.
    for _ in 0..3 {
        world.get(&path).key(&key).send().await.assert(200);
    }
    let call = world.get(&path).key(&key);
    call.refused(429, "rate_limited").await;
}

#[tokio::test]
async fn a_bad_key_is_refused_even_though_none_is_needed() {
    let world = unhurried().await;
    let (code, _) = world.start_link().await;
    let path = format!("/v1/poll/{code}");
    let call = world.get(&path).key("coak_guessed");
    call.refused(401, "unauthorized").await;
}
