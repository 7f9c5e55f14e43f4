//! Token revocation that deviates from RFC 7009.

use central_oauth_domain::ports::Revoked;
use poem::Response;
use serde_json::{Value, json};

use super::{preset, saying};
use crate::support::{
    ACCESS_TOKEN, REFRESH_TOKEN, Stub, Subject, error_of, json as reply_json, kind, reply,
};

async fn at(name: &str, answer: impl Fn() -> Response + Send + Sync + 'static) -> (Subject, Stub) {
    let stub = Stub::start(move |_, _| answer()).await;
    (Subject::new(preset(name, &stub.base)), stub)
}

// GitHub, "Delete an app authorization": the request is a DELETE with JSON and HTTP Basic, and the response is 204. The
// endpoint accepts only access tokens.
#[tokio::test]
async fn github_s_grants() {
    for name in ["github", "github-app"] {
        let (subject, stub) = at(name, || reply(204, "text/plain", "")).await;
        assert_eq!(subject.revoke().await, Ok(Revoked::Unsupported));
        assert_eq!(stub.count("/revoke"), 0, "a refresh token goes nowhere");
        assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Revoked));
        stub.last(|seen| {
            assert_eq!(seen.method, "DELETE");
            assert!(seen.header("authorization").starts_with("Basic "));
            assert_eq!(seen.header("content-type"), "application/json");
            let body: Value = serde_json::from_str(&seen.body).unwrap();
            assert_eq!(body, json!({"access_token": ACCESS_TOKEN}));
        });
    }
    // GitHub, "Check a token": the status is 404 for an invalid token.
    let (subject, _stub) = saying("github", 404, &json!({"message": "Not Found"})).await;
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Unknown));
    // A 422 means "Validation failed, or the endpoint has been spammed", so the token may still be valid.
    for (status, expected) in [
        (401, "misconfigured"),
        (422, "refused"),
        (503, "unavailable"),
    ] {
        let (subject, _stub) = saying("github", status, &json!({"message": "no"})).await;
        let error = error_of(subject.revoke_access_token().await);
        assert_eq!(kind(&error).0, expected);
    }
}

// The endpoint requires the client secret. Without a secret, no request is sent, and the error names the missing secret.
#[tokio::test]
async fn github_without_a_secret() {
    let stub = Stub::start(|_, _| reply(204, "text/plain", "")).await;
    let mut settings = preset("github", &stub.base);
    settings.client_secret = None;
    settings.token_endpoint_auth_method = None;
    let error = error_of(Subject::new(settings).revoke_access_token().await);
    assert_eq!(kind(&error), ("misconfigured", "client_secret_missing"));
    assert_eq!(stub.count("/revoke"), 0);
}

// Google, "Revoking a token": the request needs only the token. It is in the body, because access logs contain URLs.
#[tokio::test]
async fn the_token_alone() {
    for name in ["google", "salesforce", "zoho"] {
        let (subject, stub) = at(name, || reply_json(200, &json!({}))).await;
        assert_eq!(subject.revoke().await, Ok(Revoked::Revoked), "{name}");
        stub.last(|seen| {
            assert_eq!(seen.form()["token"], REFRESH_TOKEN);
            assert_eq!(seen.header("authorization"), "");
            assert!(!seen.form().contains_key("client_id"), "{name}");
        });
    }
    let (subject, _stub) = saying("google", 400, &json!({"error": "invalid_token"})).await;
    assert_eq!(subject.revoke().await, Ok(Revoked::Unknown));
    // Zoho, "Revoke OAuth tokens", describes the token in the URL and 400 for an invalid token. A server that ignores the
    // body would answer 400 to a valid token too, so the token does not count as revoked.
    for word in ["invalid_code", "invalid_token", "invalid_grant"] {
        for status in [400, 200] {
            let (subject, _stub) = saying("zoho", status, &json!({"error": word})).await;
            let error = error_of(subject.revoke().await);
            assert_eq!(kind(&error), ("refused", word), "{status}");
        }
    }
    let (subject, _stub) = saying("zoho", 200, &json!({"status": "success"})).await;
    assert_eq!(subject.revoke().await, Ok(Revoked::Revoked));
    // Salesforce, "Revoking OAuth Tokens", documents both codes with 400 for an unknown token.
    for word in ["unsupported_token_type", "invalid_token"] {
        let (subject, _stub) = saying("salesforce", 400, &json!({"error": word})).await;
        assert_eq!(subject.revoke().await, Ok(Revoked::Unknown), "{word}");
    }
}

// Slack (auth.revoke) and Dropbox (auth/token/revoke) revoke the token in the `Authorization` header.
#[tokio::test]
async fn tokens_that_revoke_themselves() {
    for (name, answer, expected) in [
        // Slack, "Using token rotation": without token rotation, the grant has only this token, which never expires.
        (
            "slack",
            json!({"ok": true, "revoked": true}),
            Revoked::TokenAlone,
        ),
        ("dropbox", json!(null), Revoked::Revoked),
    ] {
        let (subject, stub) = saying(name, 200, &answer).await;
        assert_eq!(subject.revoke().await, Ok(Revoked::Unsupported));
        assert_eq!(subject.revoke_access_token().await, Ok(expected), "{name}");
        stub.last(|seen| {
            assert_eq!(
                seen.header("authorization"),
                format!("Bearer {ACCESS_TOKEN}")
            );
            assert_eq!(seen.body, "");
        });
    }
    let (subject, _stub) = saying(
        "dropbox",
        401,
        &json!({"error": {".tag": "invalid_access_token"}}),
    )
    .await;
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Unknown));
}

// Slack reports errors with status 200 and `ok: false`. The member `revoked` says whether the token was revoked.
#[tokio::test]
async fn a_200_that_is_no_success() {
    for (answer, expected) in [
        (json!({"ok": false, "error": "token_revoked"}), None),
        (json!({"ok": false, "error": "invalid_auth"}), None),
        (
            json!({"ok": false, "error": "ratelimited"}),
            Some(("unavailable", "")),
        ),
        (
            json!({"ok": false, "error": "not_allowed"}),
            Some(("refused", "not_allowed")),
        ),
        (json!({"ok": false}), Some(("nonsense", ""))),
        (
            json!({"ok": true, "revoked": false}),
            Some(("nonsense", "")),
        ),
        (json!({}), Some(("nonsense", ""))),
    ] {
        let (subject, _stub) = saying("slack", 200, &answer).await;
        let outcome = subject.revoke_access_token().await;
        match expected {
            None => assert_eq!(outcome, Ok(Revoked::Unknown), "{answer}"),
            Some(expected) => assert_eq!(kind(&error_of(outcome)), expected, "{answer}"),
        }
    }
}

// Notion answers 200 even to a token that a refresh has replaced, although the grant stays valid. Therefore the adapter
// first checks the token at userinfo. Source: r28ai/charter, docs/auth/providers/notion.mdx.
#[tokio::test]
async fn a_success_that_says_nothing() {
    let me = json!({"id": "bot-1", "bot": {"owner": {"user": {"id": "p-1"}}}});
    for (status, expected, asked) in [
        (200, Ok(Revoked::Revoked), 1),
        (401, Ok(Revoked::Unknown), 0),
        (503, Err("unavailable"), 0),
        (429, Err("unavailable"), 0),
    ] {
        let me = me.clone();
        let stub = Stub::start(move |seen, _| match seen.path.as_str() {
            "/userinfo" => reply_json(status, &me),
            _ => reply_json(200, &json!({"request_id": "x"})),
        })
        .await;
        let subject = Subject::new(preset("notion", &stub.base));
        let outcome = subject.revoke_access_token().await;
        assert_eq!(
            outcome.map_err(|error| kind(&error).0),
            expected,
            "{status}"
        );
        assert_eq!(stub.count("/revoke"), asked, "{status}");
    }
}

// Notion needs the valid access token in JSON, with HTTP Basic. Twitch needs the client id without the secret. Auth0
// accepts only refresh tokens.
#[tokio::test]
async fn forms_of_their_own() {
    let (subject, stub) = at("notion", || reply_json(200, &json!({}))).await;
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Revoked));
    stub.last(|seen| {
        assert_eq!(seen.method, "POST");
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body, json!({"token": ACCESS_TOKEN}));
    });
    let (subject, stub) = at("twitch", || reply(200, "text/plain", "")).await;
    let outcome = subject.revoke_access_token().await;
    assert_eq!(
        outcome,
        Ok(Revoked::TokenAlone),
        "the refresh token lives on"
    );
    stub.last(|seen| {
        assert_eq!(seen.form()["client_id"], "client-1");
        assert!(!seen.form().contains_key("client_secret"));
    });
    // Twitch, "Revoking access tokens", documents these errors.
    let unknown = json!({"status": 400, "message": "Invalid token"});
    let (subject, _stub) = saying("twitch", 400, &unknown).await;
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Unknown));
    let nobody = json!({"status": 404, "message": "client does not exist"});
    let (subject, _stub) = saying("twitch", 404, &nobody).await;
    let error = error_of(subject.revoke_access_token().await);
    assert_eq!(kind(&error).0, "misconfigured");
    // A developer advocate of Zoom in its forum, topic 18432: revoking a token uninstalls the app for the person.
    let (subject, stub) = at("zoom", || reply_json(200, &json!({"status": "success"}))).await;
    assert_eq!(subject.revoke().await, Ok(Revoked::Unsupported));
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Revoked));
    stub.last(|seen| assert!(seen.header("authorization").starts_with("Basic ")));
    // stravalib/stravalib issue 738: Strava needs HTTP Basic and accepts access tokens and refresh tokens.
    let (subject, stub) = at("strava", || reply(200, "text/plain", "")).await;
    assert_eq!(subject.revoke().await, Ok(Revoked::Revoked));
    stub.last(|seen| {
        assert_eq!(seen.form()["token"], REFRESH_TOKEN);
        assert!(seen.header("authorization").starts_with("Basic "));
    });
    let (subject, stub) = at("auth0", || reply(200, "text/plain", "")).await;
    assert_eq!(
        subject.revoke_access_token().await,
        Ok(Revoked::Unsupported)
    );
    assert_eq!(stub.count("/revoke"), 0);
}

// Entra, Spotify, Hugging Face and Bitbucket cannot revoke tokens.
#[tokio::test]
async fn no_way_at_all() {
    for name in ["entra", "spotify", "huggingface", "bitbucket"] {
        let (subject, _stub) = saying(name, 200, &json!({})).await;
        assert_eq!(subject.revoke().await, Ok(Revoked::Unsupported), "{name}");
        assert_eq!(
            subject.revoke_access_token().await,
            Ok(Revoked::Unsupported)
        );
    }
}
