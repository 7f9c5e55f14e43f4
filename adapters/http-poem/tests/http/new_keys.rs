//! `POST /v1/accounts/{id}/keys`: requests and responses.

use serde_json::json;

use crate::support::{ADMIN, World};

#[tokio::test]
async fn a_key_is_shown_once() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let expires_at = world.time_in(3600);
    for key in [ADMIN, &owner] {
        let body = json!({"name": "  the build  ", "expires_at": expires_at});
        let made = world.create_key(&id, key, &body).await;
        made.assert(201);
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let expected = json!({
            "id": made.body["id"],
            "name": "the build",
            "access_key": made.body["access_key"],
            "created_at": world.time_in(0),
            "expires_at": expires_at,
        });
        assert_eq!(made.body, expected);
        let secret = made.text_at("access_key");
        assert!(secret.starts_with("coak_"));
        let list = world.list_keys(&id, key).await;
        assert!(!list.text.contains(&secret));
    }
    for body in [
        json!({"name": "x"}),
        json!({"name": "x", "expires_at": null}),
    ] {
        let made = world.create_key(&id, &owner, &body).await;
        made.assert(201);
        assert!(made.body.get("expires_at").is_none());
    }
}

#[tokio::test]
async fn an_account_has_so_many_keys_at_most() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    // The key of the link counts as one of the 100 keys.
    for _ in 1..100 {
        world.reader(&id, "reader").await;
    }
    let answer = world.create_key(&id, &owner, &json!({"name": "x"})).await;
    let detail = answer.assert_problem(422, "unprocessable");
    assert!(detail.contains("100"), "{detail}");
}

#[tokio::test]
async fn a_wrong_body_is_told_what_is_wrong() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let path = format!("/v1/accounts/{id}/keys");
    let (past, long) = (world.time_in(0), "x".repeat(101));
    let json = "application/json";
    for (content_type, body, status, detail) in [
        (json, String::new(), 400, "body"),
        ("", String::new(), 400, "body"),
        (json, "{".to_owned(), 400, "not JSON"),
        (json, "[]".to_owned(), 422, "object"),
        (json, "null".to_owned(), 422, "object"),
        (json, "{}".to_owned(), 422, "name"),
        (json, json!({"name": null}).to_string(), 422, "name"),
        (json, json!({"name": 7}).to_string(), 422, "name:"),
        (json, json!({"name": ""}).to_string(), 422, "name"),
        (json, json!({"name": "  "}).to_string(), 422, "name"),
        (json, json!({"name": "a\nb"}).to_string(), 422, "name"),
        (json, json!({"name": "a\u{202e}b"}).to_string(), 422, "name"),
        (json, json!({"name": long}).to_string(), 422, "name"),
        (
            json,
            json!({"name": "x", "role": "owner"}).to_string(),
            422,
            "role",
        ),
        (
            json,
            json!({"name": "x", "expires_at": past}).to_string(),
            422,
            "expires_at",
        ),
        (
            json,
            json!({"name": "x", "expires_at": 7}).to_string(),
            422,
            "expires_at:",
        ),
        (
            json,
            json!({"name": "x", "expires_at": "soon"}).to_string(),
            400,
            "expires_at:",
        ),
        (
            json,
            json!({"name": "x", "expires_at": "2999-01-01"}).to_string(),
            400,
            "expires_at:",
        ),
        (
            json,
            json!({"name": "x", "networks": "10.0.0.0/8"}).to_string(),
            422,
            "networks:",
        ),
        (
            json,
            json!({"name": "x", "networks": ["10.0.0.1/8"]}).to_string(),
            422,
            "networks:",
        ),
        (
            json,
            json!({"name": "x", "networks": vec!["10.0.0.1"; 21]}).to_string(),
            422,
            "networks",
        ),
        (
            json,
            json!({"name": "x", "max_uses_per_minute": 0}).to_string(),
            422,
            "max_uses_per_minute",
        ),
        (
            json,
            json!({"name": "x", "max_uses_per_minute": -1}).to_string(),
            422,
            "max_uses_per_minute",
        ),
        (
            "text/plain",
            json!({"name": "x"}).to_string(),
            415,
            "application/json",
        ),
    ] {
        let call = world.post(&path).key(&owner);
        let answer = call.body(content_type, &body).send().await;
        let code = match status {
            400 => "invalid_request",
            415 => "unsupported_media_type",
            _ => "unprocessable",
        };
        let said = answer.assert_problem(status, code);
        assert!(said.contains(detail), "{body}: {said}");
    }
    let call = world.post(&path).key(&owner);
    call.body(json, &"x".repeat(64 * 1024 + 1))
        .refused(413, "payload_too_large")
        .await;
    let list = world.list_keys(&id, &owner).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_and_an_expiry_may_go_as_far_as_they_can() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let exactly = json!({"name": "ü".repeat(100), "expires_at": "9999-12-31T23:59:59-12:00"});
    let made = world.create_key(&id, &owner, &exactly).await;
    made.assert(201);
    assert_eq!(made.body["expires_at"], "9999-12-31T23:59:59Z");
}
