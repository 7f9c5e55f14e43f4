//! Token revocation: RFC 7009, and the deviations of real servers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use central_oauth_domain::ports::{OAuthProvider, ProviderError, Revoked};
use central_oauth_provider_openidconnect::ProviderSettings;
use poem::Response;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::support::{
    ACCESS_TOKEN, Nobody, REFRESH_TOKEN, Stub, Subject, WithHeader, changed, error_of, issuer,
    json as reply_json, kind, metadata, plain, raw, reply,
};

const OIDC: &str = "/.well-known/openid-configuration";

async fn answered(
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> Result<Revoked, ProviderError> {
    let stub = Stub::start(move |_, _| answer()).await;
    Subject::plain(&stub.base).revoke().await
}

async fn said(status: u16, answer: Value) -> Result<Revoked, ProviderError> {
    answered(move || reply_json(status, &answer)).await
}

/// Starts an issuer with changed metadata and a revocation endpoint.
async fn issuer_with(changes: Value) -> Stub {
    Stub::start(move |seen, base| match seen.path.as_str() {
        OIDC => reply_json(200, &changed(metadata(base), changes.clone())),
        "/token" => reply_json(200, &json!({"access_token": "at"})),
        _ => reply(200, "text/plain", ""),
    })
    .await
}

// RFC 7009 section 2.1.
#[tokio::test]
async fn the_token_goes_out_with_its_type_and_nothing_else() {
    let stub = Stub::saying(200, "text/plain", "").await;
    let subject = Subject::plain(&stub.base);
    let check = |token: &str, hint: &str| {
        stub.last(|seen| {
            assert_eq!(seen.path, "/revoke");
            let form_type = "application/x-www-form-urlencoded";
            assert_eq!(seen.header("content-type"), form_type);
            let form = seen.form();
            assert_eq!(form["token"], token);
            assert_eq!(form["token_type_hint"], hint);
            assert_eq!(form["client_id"], "client-1");
            assert_eq!(form.len(), 3, "{form:?}");
        });
    };
    assert_eq!(subject.revoke().await, Ok(Revoked::Revoked));
    check(REFRESH_TOKEN, "refresh_token");
    assert_eq!(subject.revoke_access_token().await, Ok(Revoked::Revoked));
    check(ACCESS_TOKEN, "access_token");
    assert_eq!(stub.count("/revoke"), 2);
}

// RFC 7009 section 2.2: the body is ignored. However, a body with the member `error` is not a success.
#[tokio::test]
async fn every_2xx_is_a_success() {
    for (status, content_type, body) in [
        (200, "text/plain", ""),
        (200, "application/json", "{}"),
        (200, "text/html", "bye"),
        (200, "application/json", r#"{"error":null}"#),
        (202, "application/json", r#"{"revo"#),
        (204, "text/plain", ""),
    ] {
        let outcome = answered(move || reply(status, content_type, body)).await;
        assert_eq!(outcome, Ok(Revoked::Revoked), "{status} {body}");
    }
}

// Google, oauthlib and others send 400 for an unknown token. RFC 7009 section 2.2 requires 200.
#[tokio::test]
async fn a_token_that_is_not_known_is_worth_nothing() {
    for body in [
        json!({"error": "invalid_token", "error_description": "Token expired or revoked"}),
        json!({"error": "Invalid_Grant"}),
        json!({"error": {"code": "invalid_token", "message": "unknown"}}),
    ] {
        let outcome = said(400, body.clone()).await;
        assert_eq!(outcome, Ok(Revoked::Unknown), "{body}");
    }
}

// RFC 7009 section 2.2.1 defines this error code. Its status is 400 (RFC 6749 section 5.2), but servers use others.
#[tokio::test]
async fn a_type_that_cannot_be_revoked() {
    for status in [400, 401, 403, 501] {
        let outcome = said(status, json!({"error": "unsupported_token_type"})).await;
        match status {
            501 => assert_eq!(kind(&error_of(outcome)), ("unavailable", "")),
            _ => assert_eq!(outcome, Ok(Revoked::Unsupported), "{status}"),
        }
    }
}

// RFC 6749 section 5.2: a 401 means that client authentication failed. A server that wrongly requires a bearer token at
// this endpoint sends `invalid_token` (RFC 6750 section 3.1).
#[tokio::test]
async fn the_operator_s_mistakes_are_no_revocations() {
    for (status, code) in [
        (401, "invalid_client"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
        (401, "invalid_token"),
        (401, "token_gone"),
    ] {
        let error = error_of(said(status, json!({"error": code})).await);
        assert_eq!(kind(&error), ("misconfigured", code), "{status}");
    }
    let error = error_of(answered(|| reply(401, "text/html", "<html>")).await);
    assert_eq!(kind(&error), ("misconfigured", "http_page_401"));
}

// Some servers answer 400 with an empty body to an unknown token. Other failures may look the same, so the token does not
// count as revoked.
#[tokio::test]
async fn refusals_that_say_too_little() {
    for (status, body, code) in [
        (400, "", "http_400"),
        (400, "{}", "http_400"),
        (400, r#"{"message":"no"}"#, "http_400"),
        (400, r#"{"error":"invalid_request"}"#, "invalid_request"),
        (403, r#"{"error":"invalid_token"}"#, "invalid_token"),
        (403, r#"{"message":"Invalid token"}"#, "http_403"),
        (404, "<html>", "http_page_404"),
        (405, "", "http_405"),
    ] {
        let outcome = answered(move || reply(status, "application/json", body)).await;
        assert_eq!(kind(&error_of(outcome)), ("refused", code), "{body}");
    }
}

// RFC 7009 section 2.2.1: after a 503, the client must assume that the token still exists, and may retry after the delay
// in `Retry-After`.
#[tokio::test]
async fn a_server_that_cannot_now() {
    for (status, body) in [
        (429, "slow down"),
        (429, r#"{"error":"invalid_token"}"#),
        (429, r#"{"error":"slow_down"}"#),
        (500, ""),
        (502, "<html>"),
        (503, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
    ] {
        for header in ["retry-after", "x-retry-after"] {
            let answer = move || {
                let answer = reply(status, "application/json", body);
                answer.with_header_value(header, "30")
            };
            let error = error_of(answered(answer).await);
            assert_eq!(kind(&error), ("unavailable", ""), "{status} {body}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        }
    }
    let error = error_of(answered(|| reply(408, "text/plain", "")).await);
    assert_eq!(kind(&error), ("unavailable", ""));
}

#[tokio::test]
async fn answers_that_do_not_come() {
    let closes = raw(|socket| async { drop(socket) }).await;
    let stops = raw(|mut socket| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{";
        socket.write_all(head).await.unwrap();
    })
    .await;
    let nobody = Nobody::listens();
    for base in [&closes, &stops, &nobody.base] {
        let error = error_of(Subject::plain(base).revoke().await);
        assert_eq!(kind(&error), ("unavailable", ""));
    }
    let silent = raw(|socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let error = error_of(
        Subject::new(ProviderSettings {
            timeout: Duration::from_millis(300),
            ..plain(&silent)
        })
        .revoke()
        .await,
    );
    assert_eq!(kind(&error), ("unavailable", ""));
}

// Bodies are limited to 2 MiB. The revocation is retried, which is harmless.
#[tokio::test]
async fn more_than_anybody_reads() {
    for status in [200, 400] {
        let outcome = answered(move || reply(status, "text/plain", "x".repeat(3 << 20))).await;
        assert_eq!(kind(&error_of(outcome)), ("nonsense", ""));
    }
}

// RFC 8414 section 2: `revocation_endpoint` is optional.
#[tokio::test]
async fn without_an_endpoint_the_token_goes_nowhere() {
    let stub = Stub::saying(200, "text/plain", "").await;
    let subject = Subject::new(ProviderSettings {
        revocation_endpoint: None,
        ..plain(&stub.base)
    });
    for outcome in [subject.revoke().await, subject.revoke_access_token().await] {
        assert_eq!(outcome, Ok(Revoked::Unsupported));
    }
    for path in ["/revoke", "/token"] {
        assert_eq!(stub.count(path), 0);
    }
    let stub = issuer_with(json!({"revocation_endpoint": null})).await;
    let outcome = Subject::new(issuer(&stub.base)).revoke().await;
    assert_eq!(outcome, Ok(Revoked::Unsupported));
    // The only request was for the metadata.
    stub.last(|seen| assert_eq!(seen.path, OIDC));
    assert_eq!(stub.count(OIDC), 1);
}

#[tokio::test]
async fn the_endpoint_that_is_given_wins() {
    let stub = issuer_with(json!({})).await;
    let outcome = Subject::new(issuer(&stub.base)).revoke().await;
    assert_eq!(outcome, Ok(Revoked::Revoked));
    assert_eq!(stub.count("/revoke"), 1);
    for discovered in [
        json!(format!("{}/revoke", stub.base)),
        json!(null),
        // The operator overrides this endpoint, so its URL need not be valid.
        json!("http://id.example.com/revoke"),
    ] {
        let stub = issuer_with(json!({"revocation_endpoint": discovered})).await;
        let own = Url::parse(&format!("{}/own", stub.base)).unwrap();
        let subject = Subject::new(ProviderSettings {
            revocation_endpoint: Some(own),
            ..issuer(&stub.base)
        });
        assert_eq!(subject.revoke().await, Ok(Revoked::Revoked));
        assert_eq!((stub.count("/own"), stub.count("/revoke")), (1, 0));
    }
}

// Refreshes must continue, because a missed refresh can end a grant.
#[tokio::test]
async fn a_bad_endpoint_stops_revocations_alone() {
    for bad in [
        "http://id.example.com/revoke",
        "https://me:pw@id.example.com/x",
        "/x",
    ] {
        let stub = issuer_with(json!({"revocation_endpoint": bad})).await;
        let subject = Subject::new(issuer(&stub.base));
        let error = error_of(subject.revoke().await);
        assert_eq!(kind(&error), ("misconfigured", "endpoint_refused"));
        assert!(error.to_string().contains("revocation_endpoint"), "{error}");
        assert!(subject.refresh().await.is_ok());
    }
}

// A failed discovery does not mean that the issuer has no revocation endpoint.
#[tokio::test]
async fn an_issuer_that_cannot_be_discovered_has_not_said_no() {
    let stub = Stub::saying(503, "text/plain", "").await;
    let error = error_of(Subject::new(issuer(&stub.base)).revoke().await);
    assert_eq!(kind(&error), ("unavailable", ""));
}

// The metadata is fetched again and contains the new URL of the endpoint.
#[tokio::test]
async fn an_endpoint_that_has_moved_is_found_at_once() {
    for status in [301, 404, 405, 410] {
        let fetched = AtomicUsize::new(0);
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            OIDC if fetched.fetch_add(1, Ordering::Relaxed) == 0 => {
                reply_json(200, &metadata(base))
            }
            OIDC => {
                let moved = json!({"revocation_endpoint": format!("{base}/v2/revoke")});
                reply_json(200, &changed(metadata(base), moved))
            }
            "/v2/revoke" => reply(200, "text/plain", ""),
            _ => reply(status, "text/plain", ""),
        })
        .await;
        let subject = Subject::new(issuer(&stub.base));
        subject.provider.origin().await.unwrap();
        subject.clock.advance(Duration::from_secs(10));
        let revoked = subject.revoke().await;
        assert_eq!(revoked.ok(), Some(Revoked::Revoked), "{status}");
        assert_eq!(stub.count("/v2/revoke"), 1, "{status}");
    }
}
