//! Rate limits. The adapter respects `Retry-After` in every failed response (RFC 9110 section 10.2.3).

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use poem::Response;

use crate::support::{Stub, Subject, WithHeader, error_of, kind, plain, reply, step};

const NINETY: Option<Duration> = Some(Duration::from_secs(90));

async fn limiting(status: u16, body: &'static str) -> (Subject, Stub) {
    let stub = Stub::start(move |_, _| {
        reply(status, "application/json", body).with_header_value("retry-after", "90")
    })
    .await;
    (Subject::plain(&stub.base), stub)
}

fn pause(error: &ProviderError) -> Option<Duration> {
    assert_eq!(kind(error), ("unavailable", ""), "{error}");
    error.retry_after()
}

// coder/coder issue 24334, home-assistant/core issue 175381: some servers report a rate limit with 403, a sentence and
// `Retry-After`.
#[tokio::test]
async fn a_pause_counts_at_every_endpoint() {
    for (status, body) in [
        (
            403,
            r#"{"message":"You have exceeded a secondary rate limit"}"#,
        ),
        (403, "<html>slow down"),
        (400, ""),
        (401, r#"{"error":"Too many requests"}"#),
        (400, r#"{"error":"invalid_request"}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (403, r#"{"error":"access_denied"}"#),
        (404, "not here"),
        (200, r#"{"error":"rate limit exceeded"}"#),
        (200, "<html>please wait"),
        (302, ""),
        (429, "{}"),
        (503, ""),
    ] {
        let (subject, _stub) = limiting(status, body).await;
        let refresh = subject.refresh().await.err().unwrap();
        assert_eq!(pause(&refresh.cause), NINETY, "{status} {body}");
        let client_error = (400..500).contains(&status);
        assert!(!(client_error && refresh.may_have_acted), "{status} {body}");
        for error in [
            error_of(subject.redeem().await),
            error_of(subject.begin().await),
            error_of(subject.identify(None).await),
        ] {
            assert_eq!(pause(&error), NINETY, "{status} {body}");
        }
        let error = error_of(subject.revoke().await);
        assert_eq!(pause(&error), NINETY, "{status} {body}");
    }
}

// Discord ("Rate Limits") and Cloudflare ("Error 1xxx") send the pause in the body.
#[tokio::test]
async fn a_pause_may_be_in_the_body() {
    for (status, body) in [
        (
            429,
            r#"{"message":"You are being rate limited.","retry_after":90.0,"global":false}"#,
        ),
        (
            403,
            r#"{"error_code":1015,"retryable":true,"retry_after":90}"#,
        ),
        (400, r#"{"error":"slow_down","retry_after":"90"}"#),
        (200, r#"{"error":"rate limit exceeded","retry_after":90}"#),
    ] {
        let stub = Stub::start(move |_, _| reply(status, "application/json", body)).await;
        let refresh = Subject::plain(&stub.base).refresh().await.err().unwrap();
        assert_eq!(pause(&refresh.cause), NINETY, "{status} {body}");
        let odd = body.replace("90", "-1");
        let stub = Stub::start(move |_, _| reply(status, "application/json", odd.clone())).await;
        let refresh = Subject::plain(&stub.base).refresh().await.err().unwrap();
        assert_eq!(refresh.cause.retry_after(), None, "{status} {body}");
    }
    let (subject, _stub) = limiting(429, r#"{"retry_after":30}"#).await;
    let refresh = subject.refresh().await.err().unwrap();
    assert_eq!(pause(&refresh.cause), NINETY, "the header counts");
}

#[tokio::test]
async fn a_success_without_what_was_asked_for_may_ask_for_a_pause() {
    let (subject, _stub) = limiting(202, r#"{"status":"processing"}"#).await;
    let refresh = subject.refresh().await.err().unwrap();
    assert_eq!(pause(&refresh.cause), NINETY);
    assert!(refresh.may_have_acted);
    for error in [
        error_of(subject.redeem().await),
        error_of(subject.begin().await),
        error_of(subject.identify(None).await),
    ] {
        assert_eq!(pause(&error), NINETY);
    }
}

// RFC 9110 section 10.2.3 allows any number of digits in `Retry-After`.
#[tokio::test]
async fn a_huge_pause_is_a_long_one() {
    for header in ["99999999999999999999999", "86400, 86400", "86400s"] {
        let stub = Stub::start(move |_, _| {
            reply(429, "application/json", "{}").with_header_value("retry-after", header)
        })
        .await;
        let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(pause(&error.cause), day, "{header}");
    }
}

#[tokio::test]
async fn a_dead_token_stays_dead() {
    let (subject, stub) = limiting(400, r#"{"error":"invalid_grant"}"#).await;
    let error = subject.refresh().await.err().unwrap();
    assert_eq!(kind(&error.cause), ("refused", "invalid_grant"));
    // If the profile marks `invalid_grant` as doubtful, the error may be a rate limit, so `Retry-After` applies.
    let mut settings = plain(&stub.base);
    settings.quirks.refresh.dead_is_doubtful = true;
    let error = Subject::new(settings).refresh().await.err().unwrap();
    assert_eq!(pause(&error.cause), NINETY);
}

#[tokio::test]
async fn steps_of_the_device_flow_go_on() {
    for (body, expected) in [
        (r#"{"error":"authorization_pending"}"#, "pending Some(90s)"),
        (r#"{"error":"slow_down"}"#, "slow down Some(90s)"),
        (r#"{"error":"expired_token"}"#, "expired"),
    ] {
        let (subject, _stub) = limiting(400, body).await;
        assert_eq!(step(&subject.redeem().await), expected);
    }
}

#[tokio::test]
async fn other_headers_and_no_pause_at_all() {
    let refused = |name: &'static str, value: &'static str| {
        move || -> Response {
            let answer = reply(403, "application/json", "{}");
            answer
                .with_header_value(name, value)
                .with_header_value("ratelimit-remaining", "0")
        }
    };
    for (name, value, expected) in [
        ("x-retry-after", "90", "unavailable"),
        ("ratelimit-reset", "90", "unavailable"),
        // A zero or unreadable `Retry-After` does not make a rejection a rate limit. Some gateways send it with every
        // response.
        ("retry-after", "0", "refused http_403"),
        ("retry-after", "soon", "refused http_403"),
    ] {
        let answer = refused(name, value);
        let stub = Stub::start(move |_, _| answer()).await;
        let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
        let (kind, code) = kind(&error.cause);
        assert_eq!(format!("{kind} {code}").trim(), expected, "{name}: {value}");
    }
}

// A challenge of a firewall must not count as a rejection, because a rejected account loses its grant within a day.
// Sources: KickEngineering/KickDevDocs issue 148 (a token endpoint behind Cloudflare), missuo/tokens issue 36, and
// "CAPTCHA and Challenge" in the guide of AWS WAF.
#[tokio::test]
async fn a_firewall_s_challenge_says_nothing() {
    for (status, header, value) in [
        (403, "cf-mitigated", "challenge"),
        (202, "x-amzn-waf-action", "challenge"),
        (405, "x-amzn-waf-action", "captcha"),
    ] {
        let stub = Stub::start(move |_, _| {
            reply(status, "text/html", "").with_header_value(header, value)
        })
        .await;
        let subject = Subject::plain(&stub.base);
        let error = subject.refresh().await.err().unwrap().cause;
        assert_eq!(kind(&error), ("unavailable", ""), "{status}");
        assert!(error.to_string().contains("firewall"), "{error}");
        let error = error_of(subject.revoke().await);
        assert_eq!(kind(&error), ("unavailable", ""), "{status}");
        assert_eq!(kind(&error_of(subject.redeem().await)), ("unavailable", ""));
    }
}
