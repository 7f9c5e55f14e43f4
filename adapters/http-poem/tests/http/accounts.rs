//! `GET /v1/accounts` and `GET /v1/accounts/{id}`.

use std::time::Duration;

use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, World};

fn people(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|a| a["account_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_account_tells_its_health_and_no_token() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let account = world
        .get(&format!("/v1/accounts/{id}"))
        .key(&key)
        .send()
        .await;
    account.assert(200);
    assert_eq!(account.body["id"], id);
    assert_eq!(account.body["provider"], "scripted");
    assert_eq!(account.body["account_id"], "person-1");
    assert_eq!(account.body["display_name"], "Person 1");
    assert_eq!(account.body["status"], "active");
    assert_eq!(account.body["scopes"], serde_json::json!(["read", "write"]));
    assert_eq!(account.body["created_at"], account.body["linked_at"]);
    assert!(account.text_at("access_token_expires_at") > account.text_at("linked_at"));
    for unknown in ["last_refreshed_at", "last_error"] {
        assert!(account.body.get(unknown).is_none(), "{unknown}");
    }
    assert!(!account.text.contains("token-of-1"));
}

// In a list, for one account and after a refresh.
#[tokio::test]
async fn a_grant_that_ends_soon_is_reported_ahead() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (lasts, warning) in [
        (None, Value::Null),
        (Some(365 * day), Value::Null),
        (Some(3 * day), json!("grant_expires_soon")),
    ] {
        let world = World::new().await;
        *world.provider.grant_lasts.lock().unwrap() = lasts;
        let key = world.link(1).await;
        let list = world.get("/v1/accounts").key(&key).send().await;
        let listed = list.body["items"][0].clone();
        let path = format!("/v1/accounts/{}", listed["id"].as_str().unwrap());
        let account = world.get(&path).key(&key).send().await;
        assert_eq!(account.body, listed);
        let refreshed = world
            .call(Method::POST, &format!("{path}/refresh"))
            .key(&key)
            .send()
            .await;
        assert_eq!(
            refreshed.body["grant_expires_at"],
            listed["grant_expires_at"]
        );
        assert_eq!(listed.get("grant_expires_at").is_some(), lasts.is_some());
        for answer in [&listed, &refreshed.body] {
            assert_eq!(answer["warning"]["code"], warning, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_key_sees_its_own_account_alone() {
    let world = World::new().await;
    let (mine, other) = (world.link(1).await, world.link(2).await);
    let list = world.get("/v1/accounts").key(&mine).send().await;
    assert_eq!(people(&list.body), ["person-1"]);
    assert!(list.body.get("next_cursor").is_none());

    let others = format!("/v1/accounts/{}", world.account_of(&other).await);
    let answer = world.get(&others).key(&mine).send().await;
    answer.assert_problem(404, "not_found");
    world.get(&others).key(ADMIN).send().await.assert(200);
}

#[tokio::test]
async fn the_admin_turns_pages() {
    let world = World::new().await;
    for person in 1..=5 {
        world.link(person).await;
    }
    let all = world.get("/v1/accounts").key(ADMIN).send().await;
    let everybody = ["person-1", "person-2", "person-3", "person-4", "person-5"];
    assert_eq!(people(&all.body), everybody);

    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    for items in [2, 2, 1] {
        let path = format!("/v1/accounts?{query}");
        let page = world.get(&path).key(ADMIN).send().await;
        page.assert(200);
        assert_eq!(people(&page.body).len(), items);
        seen.extend(people(&page.body).iter().map(|&person| person.to_owned()));
        match page.body.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => query = format!("limit=2&cursor={cursor}"),
            None => assert_eq!(items, 1),
        }
    }
    assert_eq!(seen, everybody);
}

#[tokio::test]
async fn limits_and_cursors_are_checked() {
    let world = World::new().await;
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
    ] {
        let path = format!("/v1/accounts?{query}");
        let answer = world.get(&path).key(ADMIN).send().await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(detail.contains(named), "{detail}");
    }
    for query in ["limit=1", "limit=200"] {
        let path = format!("/v1/accounts?{query}");
        world.get(&path).key(ADMIN).send().await.assert(200);
    }
}

#[tokio::test]
async fn what_is_no_id_is_not_found() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    for wrong in [
        "0",
        "-1",
        "x",
        "%2B1",
        "99999999999999999999",
        &format!("0{id}"),
    ] {
        for key in [ADMIN, &key] {
            let answer = world.get(&format!("/v1/accounts/{wrong}")).key(key).send();
            answer.await.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn accounts_are_not_for_everybody() {
    let world = World::with(|options| options.enroll_key = Some("enroll-me")).await;
    let started = world.call(poem::http::Method::POST, "/v1/link-code");
    let started = started.key("enroll-me").send().await;
    let pending = started.text_at("access_key");
    for path in ["/v1/accounts", "/v1/accounts/1"] {
        let answer = world.get(path).send().await;
        answer.assert_problem(401, "unauthorized");
        let answer = world.get(path).key("coak_guessed").send().await;
        answer.assert_problem(401, "unauthorized");
        let answer = world.get(path).key("enroll-me").send().await;
        answer.assert_problem(403, "forbidden");
        let answer = world.get(path).key(&pending).send().await;
        answer.assert_problem(409, "link_pending");
    }
    world.clock.advance(Duration::from_secs(601));
    let answer = world.get("/v1/accounts").key(&pending).send().await;
    answer.assert_problem(401, "unauthorized");
}
