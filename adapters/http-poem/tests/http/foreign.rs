//! Requests that a foreign web page makes a browser send.

use poem::http::Method;
use url::Host;

use crate::oauth::{ACCESS_TOKEN, EXCHANGE, FORM};
use crate::support::{ADMIN, Answer, World};

async fn at_auth_example() -> World {
    World::with(|options| {
        let host = Host::parse("auth.example").unwrap();
        options.allowed_hosts = Some(vec![host]);
    })
    .await
}

#[tokio::test]
async fn a_foreign_host_gets_no_page_and_no_link_code() {
    let world = at_auth_example().await;
    let send = async |method: Method, path: &str, host: &str| -> Answer {
        world.call(method, path).header("host", host).send().await
    };
    for (method, path) in [
        (Method::POST, "/v1/link-code"),
        (Method::GET, "/device"),
        (Method::POST, "/device"),
        (Method::GET, "/device/status?code=12345678"),
        (Method::GET, "/device/relink/1"),
        (Method::POST, "/device/relink/1"),
        (Method::GET, "/callback/scripted?code=x&state=y"),
    ] {
        let refused = send(method.clone(), path, "rebound.evil.example").await;
        refused.assert_problem(400, "invalid_request");
        let detail = refused.text_at("detail");
        for variable in ["CENTRAL_OAUTH_PUBLIC_URL", "CENTRAL_OAUTH_ALLOWED_HOSTS"] {
            assert!(detail.contains(variable), "{detail}");
        }
        assert!(detail.contains("https://auth.example;"), "{detail}");
        let known = send(method, path, "auth.example:443").await;
        assert_ne!(known.body["detail"], refused.body["detail"], "{path}");
    }
}

#[tokio::test]
async fn probes_and_programs_with_a_key_may_use_any_host() {
    let world = at_auth_example().await;
    for path in [
        "/v1/healthz",
        "/v1/readyz",
        "/v1/providers",
        "/openapi.json",
    ] {
        let call = world.get(path).header("host", "10.42.0.7:8080");
        call.send().await.assert(200);
    }
    let call = world.post("/v1/link-code").key(ADMIN);
    let call = call.header("host", "central-oauth.default.svc");
    let started = call.send().await;
    started.assert(201);
    // A token exchange is not anonymous, because its form contains the key.
    let key = started.text_at("access_key");
    let form =
        format!("grant_type={EXCHANGE}&subject_token={key}&subject_token_type={ACCESS_TOKEN}");
    let call = world.post("/oauth/token").body(FORM, &form);
    let call = call.header("host", "central-oauth.default.svc");
    call.send().await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_foreign_web_page_gets_no_link_code() {
    let world = World::new().await;
    let ask = async |headers: &[(&str, &str)]| -> Answer {
        let mut call = world.post("/v1/link-code");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[
            ("origin", "https://auth.example"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        ask(headers).await.assert_problem(403, "forbidden");
    }
    for headers in [
        &[][..],
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://auth.example"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://auth.example")],
    ] {
        ask(headers).await.assert(201);
    }
}
