//! `POST /v1/link-code`.

use std::sync::Arc;

use serde_json::json;

use crate::support::{ADMIN, Answer, Person, ScriptedProvider, World};

async fn start(world: &World) -> Answer {
    world.post("/v1/link-code").send().await
}

#[tokio::test]
async fn a_client_needs_no_body_and_no_content_type() {
    let world = World::new().await;
    let started = start(&world).await;
    started.assert(201);
    let code = started.text_at("link_code");
    assert!(code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit()));
    assert!(started.text_at("access_key").starts_with("coak_"));
    assert_eq!(
        started.body["verification_url"],
        "https://auth.example/device"
    );
    assert_eq!(
        started.body["verification_url_complete"],
        format!("https://auth.example/device?code={code}")
    );
    // The remaining time is rounded down.
    assert_eq!(started.body["expires_in"], 600);
    assert_eq!(started.body["interval"], 2);
    assert_eq!(started.body["provider"], "scripted");
    assert_eq!(started.header("cache-control"), Some("no-store"));
    assert_eq!(
        started.header("content-type"),
        Some("application/json; charset=utf-8")
    );
}

#[tokio::test]
async fn an_empty_body_may_have_any_content_type() {
    let world = World::new().await;
    for content_type in ["application/json", "text/plain"] {
        let call = world.post("/v1/link-code");
        call.header("content-type", content_type)
            .send()
            .await
            .assert(201);
    }
}

#[tokio::test]
async fn a_body_may_name_provider_and_client() {
    let world = World::new().await;
    for body in [
        json!({}),
        json!({"provider": "scripted", "client_name": "the night shift"}),
        json!({"provider": null, "client_name": null}),
    ] {
        let call = world.post("/v1/link-code");
        call.json(&body).send().await.assert(201);
    }
    for (content_type, body) in [
        ("Application/JSON; charset=utf-8", "{}"),
        // Generated clients send `null` for an absent body.
        ("application/json", "null"),
    ] {
        let call = world.post("/v1/link-code");
        call.body(content_type, body).send().await.assert(201);
    }
}

#[tokio::test]
async fn a_wrong_body_is_told_what_is_wrong() {
    let world = World::new().await;
    let json = "application/json";
    for (content_type, body, status, code, detail) in [
        (json, "{", 400, "invalid_request", "not JSON"),
        (json, "nonsense", 400, "invalid_request", "not JSON"),
        (
            json,
            "{\"provider\": 1,",
            400,
            "invalid_request",
            "not JSON",
        ),
        (json, "[]", 422, "unprocessable", "object"),
        (
            json,
            "[\"scripted\", \"x\"]",
            422,
            "unprocessable",
            "object",
        ),
        (json, "{\"provider\": 1}", 422, "unprocessable", "provider:"),
        (
            json,
            "{\"client_name\": []}",
            422,
            "unprocessable",
            "client_name:",
        ),
        (json, "{\"scopes\": []}", 422, "unprocessable", "scopes"),
        (
            json,
            "{\"provider\": \"x\"}",
            422,
            "unprocessable",
            "scripted",
        ),
        (
            json,
            "{\"client_name\": \"a\\nb\"}",
            422,
            "unprocessable",
            "client_name",
        ),
        (
            "text/plain",
            "{}",
            415,
            "unsupported_media_type",
            "application/json",
        ),
        ("", "{}", 415, "unsupported_media_type", "application/json"),
    ] {
        let call = world.post("/v1/link-code");
        let answer = call.body(content_type, body).send().await;
        let said = answer.assert_problem(status, code);
        assert!(said.contains(detail), "{body}: {said}");
    }
    let call = world.post("/v1/link-code");
    call.bare_body("{}")
        .refused(415, "unsupported_media_type")
        .await;
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_such() {
    let world = World::new().await;
    let call = |encoding| {
        let call = world.post("/v1/link-code").json(&json!({}));
        call.header("content-encoding", encoding)
    };
    let answer = call("gzip").send().await;
    let said = answer.assert_problem(415, "unsupported_media_type");
    assert!(said.contains("not compressed"), "{said}");
    call("identity").send().await.assert(201);
}

#[tokio::test]
async fn a_service_below_a_path_says_so() {
    let world = World::with(|options| options.public_url = "https://shared.example/auth/").await;
    let started = start(&world).await;
    let page = "https://shared.example/auth/device";
    assert_eq!(started.body["verification_url"], page);
}

#[tokio::test]
async fn an_enrolment_key_is_needed_where_one_is_set() {
    let world = World::with(|options| options.enroll_key = Some("enroll me")).await;
    let refused = start(&world).await;
    refused.assert_problem(401, "enroll_key_required");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let world = World::with(|options| options.enroll_key = Some("enroll-me")).await;
    for key in ["enroll-me", ADMIN] {
        let call = world.post("/v1/link-code");
        call.key(key).send().await.assert(201);
    }
    let call = world.post("/v1/link-code");
    let refused = call.key("coak_guessed").send().await;
    refused.assert_problem(401, "unauthorized");
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn an_access_key_links_its_account_again() {
    let world = World::new().await;
    let key = world.link(1).await;
    let relink = || world.post("/v1/link-code").key(&key).send();
    let started = relink().await;
    started.assert(201);
    assert!(started.body.get("access_key").is_none());

    let code = started.text_at("link_code");
    world.consent(&code, Person::Agrees(1)).await;
    let poll = world.get(&format!("/v1/poll/{code}")).key(&key).send();
    assert_eq!(poll.await.body["status"], "linked");

    let code = relink().await.text_at("link_code");
    world.consent(&code, Person::Agrees(2)).await;
    let poll = world.get(&format!("/v1/poll/{code}")).key(&key).send();
    let poll = poll.await;
    assert_eq!(poll.body["status"], "failed");
    assert_eq!(poll.body["error"]["code"], "account_mismatch");
}

#[tokio::test]
async fn a_key_without_an_account_cannot_link_it_again() {
    let world = World::new().await;
    let (_, key) = world.start_link().await;
    let call = world.post("/v1/link-code").key(&key);
    call.refused(409, "link_pending").await;
}

#[tokio::test]
async fn with_no_provider_nothing_can_be_linked() {
    let world = World::with(|options| options.providers.clear()).await;
    let answer = start(&world).await;
    answer.assert_problem(503, "provider_not_configured");
}

#[tokio::test]
async fn among_several_providers_one_is_named() {
    let world = World::with(|options| {
        let second = Arc::new(ScriptedProvider::new("second"));
        options.providers.push(second);
    })
    .await;
    let detail = start(&world).await;
    let detail = detail.assert_problem(422, "unprocessable");
    assert!(detail.contains("scripted, second"), "{detail}");
    let call = world.post("/v1/link-code");
    let started = call.json(&json!({"provider": "second"})).send().await;
    assert_eq!(started.body["provider"], "second");
}
