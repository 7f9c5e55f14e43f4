//! `GET /v1/accounts` and `GET /v1/accounts/{id}`.

use std::time::Duration;

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

// The list, the account and the response to a refresh all contain the warning.
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
            .post(&format!("{path}/refresh"))
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
    let call = world.get(&others).key(&mine);
    call.refused(404, "not_found").await;
    world.get(&others).key(ADMIN).send().await.assert(200);
}
