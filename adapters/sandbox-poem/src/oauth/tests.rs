use std::time::Duration;

use poem::Endpoint;
use poem::http::StatusCode;
use serde_json::Value;

use crate::options::SandboxOptions;
use crate::testing::{BASIC, Bench, SECRET, bench, json, options, text};

/// Starts a sandbox in which Alice consents at once. Returns the sandbox and her tokens.
async fn linked() -> (Bench<impl Endpoint>, Value) {
    let bench = bench(SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        ..options()
    });
    let (device_code, _) = bench.start().await;
    let (status, tokens) = bench.poll(&device_code).await;
    assert_eq!(status, 200, "{tokens}");
    (bench, tokens)
}

fn error((status, body): (u16, Value)) -> (u16, String) {
    (status, text(&body, "error"))
}

#[tokio::test]
async fn a_flow_starts_with_all_that_rfc_8628_demands() {
    let bench = bench(options());
    let request = bench
        .client
        .post("/device_authorization")
        .header("authorization", BASIC);
    let response = request.form(&[("scope", "profile")]).send().await;
    response.assert_header("cache-control", "no-store");
    let (status, body) = json(response).await;
    assert_eq!(status, 200);
    assert_eq!(body["verification_uri"], "http://sandbox.test/device");
    let complete = format!(
        "http://sandbox.test/device?user_code={}",
        text(&body, "user_code")
    );
    assert_eq!(body["verification_uri_complete"], complete);
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&600.into(), &2.into())
    );
}

#[tokio::test]
async fn polling_tells_what_happens() {
    let bench = bench(options());
    let (device_code, _) = bench.start().await;
    let pending = error(bench.poll(&device_code).await);
    assert_eq!(pending, (400, "authorization_pending".to_owned()));
    let hasty = error(bench.poll(&device_code).await);
    assert_eq!(hasty, (400, "slow_down".to_owned()));
    bench.wait(600);
    let expired = error(bench.poll(&device_code).await);
    assert_eq!(expired, (400, "expired_token".to_owned()));
    let unknown = error(bench.poll("never-issued").await);
    assert_eq!(unknown, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn tokens_open_userinfo_and_the_api_until_they_expire() {
    let (bench, tokens) = linked().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "profile hello");
    let access_token = text(&tokens, "access_token");
    let (_, person) = bench.get_as("/userinfo", &access_token).await;
    assert_eq!(person["sub"], "sandbox-alice");
    assert_eq!(person["name"], "Alice");
    assert_eq!(person["preferred_username"], "alice");
    let (_, hello) = bench.get_as("/api/hello", &access_token).await;
    assert!(text(&hello, "message").contains("Alice"));

    bench.wait(300);
    let (status, _) = bench.get_as("/api/hello", &access_token).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_device_code_is_redeemed_once() {
    let bench = bench(SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        ..options()
    });
    let (device_code, _) = bench.start().await;
    let (_, tokens) = bench.poll(&device_code).await;
    let again = error(bench.poll(&device_code).await);
    assert_eq!(again, (400, "invalid_grant".to_owned()));
    let access_token = text(&tokens, "access_token");
    assert_eq!(bench.get_as("/userinfo", &access_token).await.0, 401);
}

#[tokio::test]
async fn a_refresh_rotates_and_a_reused_token_ends_everything() {
    let (bench, first) = linked().await;
    let (status, second) = bench.refresh(&text(&first, "refresh_token")).await;
    assert_eq!(status, 200);
    let latest = text(&second, "refresh_token");
    assert_ne!(text(&first, "refresh_token"), latest);

    let reused = error(bench.refresh(&text(&first, "refresh_token")).await);
    assert_eq!(reused, (400, "invalid_grant".to_owned()));
    let ended = error(bench.refresh(&latest).await);
    assert_eq!(ended, (400, "invalid_grant".to_owned()));
    let access_token = text(&second, "access_token");
    assert_eq!(bench.get_as("/userinfo", &access_token).await.0, 401);
}

#[tokio::test]
async fn revocation_ends_a_grant_and_does_not_mind_unknown_tokens() {
    let (bench, tokens) = linked().await;
    let refresh_token = text(&tokens, "refresh_token");
    for token in ["never-issued", &refresh_token, &refresh_token] {
        assert_eq!(bench.post("/revoke", &[("token", token)]).await.0, 200);
    }
    assert_eq!(bench.refresh(&refresh_token).await.0, 400);
    let missing = error(bench.post("/revoke", &[]).await);
    assert_eq!(missing, (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn resources_say_what_is_wrong_with_a_token() {
    let bench = bench(options());
    let wrong = bench.client.get("/userinfo");
    let wrong = wrong.header("authorization", "Bearer wrong").send().await;
    wrong.assert_status(StatusCode::UNAUTHORIZED);
    let challenge = wrong.0.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(
        challenge.contains(r#"error="invalid_token""#),
        "{challenge}"
    );

    let none = bench.client.get("/api/hello").send().await;
    none.assert_status(StatusCode::UNAUTHORIZED);
    none.assert_header("www-authenticate", r#"Bearer realm="sandbox""#);
}

#[tokio::test]
async fn the_client_may_put_its_secret_into_the_body_instead() {
    let bench = bench(options());
    let post = |form: &[(&str, &str)]| {
        bench
            .client
            .post("/device_authorization")
            .form(&form)
            .send()
    };
    let good = post(&[("client_id", "sandbox"), ("client_secret", SECRET)]).await;
    good.assert_status_is_ok();
    let wrong = post(&[("client_id", "sandbox"), ("client_secret", "guess")]).await;
    wrong.assert_status(StatusCode::UNAUTHORIZED);
    wrong.assert_header_exist("www-authenticate");
    wrong.assert_header("cache-control", "no-store");
    assert_eq!(error(json(wrong).await).1, "invalid_client");
    let missing = post(&[("client_id", "sandbox")]).await;
    missing.assert_status(StatusCode::UNAUTHORIZED);
    let nobody = json(post(&[("scope", "profile")]).await).await;
    assert_eq!(error(nobody), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn two_ways_to_authenticate_are_one_too_many() {
    let bench = bench(options());
    let both = bench.post("/token", &[("client_secret", SECRET)]).await;
    assert_eq!(error(both), (400, "invalid_request".to_owned()));
    let same_id = bench
        .post("/device_authorization", &[("client_id", "sandbox")])
        .await;
    assert_eq!(same_id.0, 200);
}

#[tokio::test]
async fn a_public_client_has_no_secret() {
    let bench = bench(SandboxOptions {
        client_secret: None,
        ..options()
    });
    let post = |form: &[(&str, &str)]| {
        bench
            .client
            .post("/device_authorization")
            .form(&form)
            .send()
    };
    post(&[("client_id", "sandbox")])
        .await
        .assert_status_is_ok();
    let other = post(&[("client_id", "other")]).await;
    other.assert_status(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn malformed_requests_are_told_what_is_wrong() {
    let bench = bench(options());
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (
            &[("grant_type", "a"), ("grant_type", "a")],
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", "x"),
                ("scope", "a\"b"),
            ],
            "invalid_scope",
        ),
    ];
    for (form, expected) in cases {
        let answer = error(bench.post("/token", form).await);
        assert_eq!(answer, (400, expected.to_owned()), "{form:?}");
    }
}

#[tokio::test]
async fn bodies_are_forms_of_modest_size() {
    let bench = bench(options());
    let post = || bench.client.post("/token").header("authorization", BASIC);
    let other = post().content_type("application/json").body("{}").send();
    assert_eq!(error(json(other.await).await).1, "invalid_request");
    let large = post()
        .content_type("application/x-www-form-urlencoded")
        .body("x".repeat(17 * 1024));
    large
        .send()
        .await
        .assert_status(StatusCode::PAYLOAD_TOO_LARGE);
    let wrong_method = bench.client.get("/token").send().await;
    wrong_method.assert_status(StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn metadata_names_every_endpoint() {
    let bench = bench(options());
    let path = "/.well-known/oauth-authorization-server";
    let (status, metadata) = json(bench.client.get(path).send().await).await;
    assert_eq!(status, 200);
    assert_eq!(metadata["issuer"], "http://sandbox.test");
    for (name, path) in [
        ("device_authorization_endpoint", "/device_authorization"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/userinfo"),
        ("revocation_endpoint", "/revoke"),
    ] {
        assert_eq!(text(&metadata, name), format!("http://sandbox.test{path}"));
    }
}
