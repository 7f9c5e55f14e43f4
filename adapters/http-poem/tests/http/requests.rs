//! Requests that fit no operation.

use poem::http::Method;

use crate::support::{ADMIN, World};

#[tokio::test]
async fn an_unknown_address_is_not_found() {
    let world = World::new().await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/tokens",
        "/v1/token/",
        "/v1/poll",
        "/v1/poll/",
        "/v1/accounts/",
        "/v1/accounts/1/",
        "/v1/accounts/1/keys/",
        "/v1/accounts/1/keys/1/x",
        "/v1/revocations/1",
        "/v2/token",
        "/docs/elsewhere.js",
        "/openapi.toml",
        "//v1/token",
        "/metrics",
    ] {
        for method in [Method::GET, Method::POST] {
            world.call(method, path).refused(404, "not_found").await;
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new().await;
    for (method, path, allowed) in [
        (Method::GET, "/v1/link-code", "POST"),
        (Method::HEAD, "/v1/link-code", "POST"),
        (Method::PUT, "/v1/link-code", "POST"),
        (Method::POST, "/v1/poll/12345678", "GET, HEAD"),
        (Method::POST, "/v1/token", "GET, HEAD"),
        (Method::OPTIONS, "/v1/token", "GET, HEAD"),
        (Method::DELETE, "/v1/accounts", "GET, HEAD"),
        (Method::PATCH, "/v1/accounts/1", "GET, DELETE, HEAD"),
        (Method::OPTIONS, "/v1/accounts/1", "GET, DELETE, HEAD"),
        (Method::GET, "/v1/accounts/1/refresh", "POST"),
        (Method::GET, "/v1/accounts/1/relink", "POST"),
        (Method::DELETE, "/v1/accounts/1/keys", "GET, POST, HEAD"),
        (Method::OPTIONS, "/v1/accounts/1/keys", "GET, POST, HEAD"),
        (Method::GET, "/v1/accounts/1/keys/1", "DELETE"),
        (Method::HEAD, "/v1/accounts/1/keys/1", "DELETE"),
        (Method::OPTIONS, "/v1/accounts/1/keys/1", "DELETE"),
        (Method::POST, "/v1/revocations", "GET, HEAD"),
        (Method::POST, "/v1/providers", "GET, HEAD"),
        (Method::TRACE, "/v1/healthz", "GET, HEAD"),
        (Method::POST, "/v1/readyz", "GET, HEAD"),
        (Method::POST, "/openapi.json", "GET, HEAD"),
        (Method::DELETE, "/docs", "GET, HEAD"),
        (Method::DELETE, "/device", "GET, POST, HEAD"),
        (Method::DELETE, "/device/relink/1", "GET, POST, HEAD"),
    ] {
        let is_head = method == Method::HEAD;
        let answer = world.call(method, path).send().await;
        answer.assert(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
        if !is_head {
            answer.assert_problem(405, "method_not_allowed");
        }
    }
}

/// If a parameter were repeated, the sender and the service could read different values.
#[tokio::test]
async fn nothing_may_come_twice() {
    let world = World::new().await;
    let key = world.link(1).await;
    for (method, path, name) in [
        (Method::GET, "/v1/accounts?limit=1&limit=2", "limit"),
        (
            Method::GET,
            "/v1/accounts?status=active&label=a:b&status=degraded",
            "status",
        ),
        (Method::GET, "/v1/accounts?limit=1&l%69mit=2", "limit"),
        (Method::GET, "/v1/token?min_ttl=1&x=1&min_ttl=1", "min_ttl"),
        (
            Method::DELETE,
            "/v1/accounts/1/keys/1?descendants=true&descendants=false",
            "descendants",
        ),
    ] {
        let answer = world.call(method, path).key(&key).send().await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(
            detail.contains(&format!("{name} is invalid: it comes twice")),
            "{detail}"
        );
    }
    let unknown = world.get("/v1/token?x=1&x=2").key(&key);
    unknown.send().await.assert(200);
    for (body, name) in [
        (r#"{"client_name":"a","client_name":"b"}"#, "client_name"),
        (r#"{"labels":{"team":"a","te\u0061m":"b"}}"#, "team"),
        (r#"{"x":[{"y":1,"y":1}]}"#, "y"),
    ] {
        let answer = world
            .post("/v1/link-code")
            .body("application/json", body)
            .send()
            .await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(
            detail.contains(&format!(
                "the body is ambiguous: the member \"{name}\" comes twice"
            )),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    for path in ["/v1/healthz", "/openapi.json", "/docs"] {
        let answer = world.call(Method::HEAD, path).send().await;
        answer.assert(200);
        assert_eq!(answer.text, "");
    }
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let world = World::new().await;
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    let send = |body: String| {
        let call = world.post("/v1/link-code");
        call.body("application/json", &body).send()
    };
    send(padded(64 * 1024)).await.assert(201);
    let answer = send(padded(64 * 1024 + 1)).await;
    answer.assert_problem(413, "payload_too_large");
    // The rest of the request is not read, so the connection cannot be reused.
    assert_eq!(answer.header("connection"), Some("close"));

    let call = world.post("/v1/link-code");
    call.header("content-length", "1000000000000")
        .refused(413, "payload_too_large")
        .await;
    let call = world.get("/v1/healthz").bare_body(&padded(70_000));
    call.refused(413, "payload_too_large").await;
}

#[tokio::test]
async fn a_wrong_parameter_is_told_in_words() {
    let world = World::new().await;
    let number = "it must be a whole number";
    let time = "it must be an RFC 3339 time such as 2026-12-31T23:59:59Z (write + as %2B)";
    for (method, path, words) in [
        (
            Method::GET,
            "/v1/accounts?status=Active",
            "it must be active, degraded or relink_required",
        ),
        (Method::GET, "/v1/accounts?limit=x", number),
        (Method::GET, "/v1/accounts/1/keys?limit=", number),
        (
            Method::DELETE,
            "/v1/accounts/1/keys/1?descendants=yes",
            "it must be true or false",
        ),
        (Method::GET, "/v1/audit?after=2026-12-31", time),
    ] {
        let answer = world.call(method, path).key(ADMIN).send().await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(
            detail.ends_with(&format!(" is invalid: {words}")),
            "{detail}"
        );
    }
}
