//! Properties of every response.

use crate::support::World;

const ANY: [&str; 6] = [
    "/v1/healthz",
    "/v1/token",
    "/v1/elsewhere",
    "/openapi.json",
    "/docs",
    "/device",
];

#[tokio::test]
async fn the_request_id_of_the_caller_is_kept() {
    let world = World::new().await;
    for path in ANY {
        let call = world.get(path).header("x-request-id", "trace-7.of:9");
        let answer = call.send().await;
        assert_eq!(
            answer.header("x-request-id"),
            Some("trace-7.of:9"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_request_id_that_could_spoil_a_log_is_replaced() {
    let world = World::new().await;
    let long = "x".repeat(129);
    let mut seen = std::collections::BTreeSet::new();
    for id in ["", "two words", "<b>", long.as_str()] {
        let answer = world.get("/v1/healthz").header("x-request-id", id).send();
        let answer = answer.await;
        let new = answer.header("x-request-id").unwrap();
        assert!(new != id && new.len() == 16, "{new}");
        seen.insert(new.to_owned());
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn no_other_origin_may_read_an_answer() {
    let world = World::new().await;
    for path in ANY {
        let call = world
            .get(path)
            .header("origin", "https://elsewhere.example");
        let answer = call.send().await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
}

#[tokio::test]
async fn nothing_of_the_api_is_kept_by_caches() {
    let world = World::new().await;
    for path in ["/v1/healthz", "/v1/token", "/v1/elsewhere", "/v1/providers"] {
        let answer = world.get(path).send().await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(answer.header("content-security-policy"), Some(policy));
    }
}

/// A caller without a key does not learn what else is wrong with the request.
#[tokio::test]
async fn without_a_key_nothing_else_is_looked_at() {
    let world = World::new().await;
    for path in [
        "/v1/token?min_ttl=x",
        "/v1/accounts?limit=0",
        "/v1/revocations?cursor=%",
    ] {
        let answer = world.get(path).send().await;
        answer.assert_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    for body in ["", "{", r#"{"name":7}"#] {
        let call = world.post("/v1/accounts/1/keys");
        call.bare_body(body).refused(401, "unauthorized").await;
    }
}
