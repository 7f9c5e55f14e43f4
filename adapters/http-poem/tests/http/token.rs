//! `GET /v1/token`.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use serde_json::json;

use crate::support::{ADMIN, World};

#[tokio::test]
async fn a_key_gets_its_token() {
    let world = World::new().await;
    let key = world.link(7).await;
    world.clock.advance(Duration::from_millis(1500));
    let answer = world.get("/v1/token").key(&key).send().await;
    answer.assert(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expires_at = answer.text_at("expires_at");
    assert!(
        expires_at.ends_with('Z') && expires_at.len() == 20,
        "{expires_at}"
    );
    let expected = json!({
        "access_token": "token-of-7",
        "token_type": "Bearer",
        "expires_at": expires_at,
        "expires_in": 3598,
        "scopes": ["read", "write"],
        "extra": {"instance_url": "https://one.example.com"},
        "account": {
            "id": answer.body["account"]["id"],
            "provider": "scripted",
            "account_id": "person-7",
            "display_name": "Person 7",
            "status": "active",
        },
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn a_token_without_an_expiry_has_none() {
    let world = World::new().await;
    *world.provider.lifetime.lock().unwrap() = None;
    let key = world.link(1).await;
    let answer = world.get("/v1/token?min_ttl=100").key(&key).send().await;
    answer.assert(200);
    for field in ["expires_at", "expires_in", "warning"] {
        assert!(answer.body.get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn a_token_that_is_too_short_comes_with_a_warning() {
    let world = World::new().await;
    let key = world.link(1).await;
    for (min_ttl, warned) in [("0", false), ("3600", false), ("3601", true)] {
        let path = format!("/v1/token?min_ttl={min_ttl}");
        let answer = world.get(&path).key(&key).send().await;
        answer.assert(200);
        let warning = answer.body.get("warning");
        assert_eq!(warning.is_some(), warned, "{min_ttl}");
        assert!(warning.is_none_or(|w| w["code"] == "min_ttl_unmet"));
    }
}

#[tokio::test]
async fn min_ttl_is_a_number_of_seconds() {
    let world = World::new().await;
    let key = world.link(1).await;
    for wrong in [
        "-1",
        "1.5",
        "soon",
        "",
        "2147483648",
        "99999999999999999999",
    ] {
        let path = format!("/v1/token?min_ttl={wrong}");
        let answer = world.get(&path).key(&key).send().await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(detail.contains("min_ttl"), "{detail}");
    }
    let most = "/v1/token?min_ttl=2147483647";
    world.get(most).key(&key).send().await.assert(200);
}

#[tokio::test]
async fn an_expired_token_is_not_handed_out() {
    let world = World::new().await;
    let key = world.link(1).await;
    *world.provider.trouble.lock().unwrap() = Some(ProviderError::refused("invalid_grant", "no"));
    world.clock.advance(Duration::from_secs(3600));
    let call = world.get("/v1/token").key(&key);
    call.refused(409, "relink_required").await;
}

#[tokio::test]
async fn without_a_good_key_there_is_no_token() {
    let world = World::new().await;
    let answer = world.get("/v1/token").send().await;
    answer.assert_problem(401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));

    for header in ["Bearer coak_guessed", "bearer x", "Bearer", "Bearer a b"] {
        let call = world.get("/v1/token").header("authorization", header);
        let answer = call.send().await;
        answer.assert_problem(401, "unauthorized");
        let challenge = Some("Bearer error=\"invalid_token\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{header}");
    }
    let call = world.get("/v1/token").header("authorization", "Basic eDp5");
    let answer = call.send().await;
    answer.assert_problem(401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));

    let call = world.get("/v1/token").key(ADMIN);
    call.refused(403, "forbidden").await;
    let (_, key) = world.start_link().await;
    let call = world.get("/v1/token").key(&key);
    call.refused(409, "link_pending").await;
    world.clock.advance(Duration::from_secs(601));
    let call = world.get("/v1/token").key(&key);
    call.refused(401, "unauthorized").await;
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case() {
    let world = World::new().await;
    let key = world.link(1).await;
    for scheme in ["bearer", "BEARER"] {
        let header = format!("{scheme} {key}");
        let call = world.get("/v1/token").header("authorization", &header);
        call.send().await.assert(200);
    }
}

#[tokio::test]
async fn extra_comes_with_the_token_of_the_same_answer() {
    let world = World::new().await;
    let key = world.link(7).await;
    world.clock.advance(Duration::from_secs(3601));
    let answer = world.get("/v1/token").key(&key).send().await;
    answer.assert(200);
    assert_eq!(answer.text_at("access_token"), "refreshed-token");
    let extra = json!({"instance_url": "https://two.example.com"});
    assert_eq!(answer.body["extra"], extra);
}
