//! The identity of the person from userinfo (OpenID Connect Core section 5.3), or from the corresponding endpoint of a
//! plain OAuth 2.0 server.

use std::time::Duration;

use central_oauth_domain::grant::Identity;
use central_oauth_domain::ports::ProviderError;
use central_oauth_provider_openidconnect::ProviderSettings;
use serde_json::{Value, json};

use crate::support::{
    ACCESS_TOKEN, Stub, Subject, error_of, json as reply_json, kind, known, plain, reply,
};

async fn identify(status: u16, body: Value) -> Result<Identity, ProviderError> {
    let stub = Stub::start(move |_, _| reply_json(status, &body)).await;
    Subject::plain(&stub.base).identify(None).await
}

// RFC 6750 section 2.1: the request sends the access token in the `Authorization` header.
#[tokio::test]
async fn shows_the_access_token() {
    let stub = Stub::saying(200, "application/json", r#"{"sub":"person-1"}"#).await;
    let person = Subject::plain(&stub.base).identify(None).await;
    assert_eq!(person, Ok(known("person-1", None)));
    stub.last(|seen| {
        assert_eq!(seen.path, "/userinfo");
        assert_eq!(
            seen.header("authorization"),
            format!("Bearer {ACCESS_TOKEN}")
        );
        assert_eq!(seen.header("accept"), "application/json");
        assert_eq!(seen.body, "");
    });
}

// GitHub's `GET /user` sends a number as `id`, a `login`, and a `name` that may be null. Other servers send only texts.
#[tokio::test]
async fn people_come_in_every_form() {
    for (body, id, name) in [
        (
            json!({"id": 583_231, "login": "octocat", "name": null}),
            "583231",
            Some("octocat"),
        ),
        (
            json!({"id": 583_231, "login": "octocat", "name": "Mona"}),
            "583231",
            Some("Mona"),
        ),
        (json!({"id": u64::MAX}), "18446744073709551615", None),
        (
            json!({"id": "wizzler", "display_name": "JM Wizzler"}),
            "wizzler",
            Some("JM Wizzler"),
        ),
        (
            json!({"sub": "s", "id": "other", "preferred_username": "ada"}),
            "s",
            Some("ada"),
        ),
        (
            json!({"sub": "", "id": 7, "nickname": "n", "email": "e@x.y"}),
            "7",
            Some("n"),
        ),
        (json!({"sub": "s", "email": "e@x.y"}), "s", Some("e@x.y")),
    ] {
        assert_eq!(identify(200, body).await, Ok(known(id, name)));
    }
    let long = json!({"sub": "s", "name": "x".repeat(5000)});
    assert_eq!(
        identify(200, long).await,
        Ok(known("s", Some(&"x".repeat(200))))
    );
}

#[tokio::test]
async fn nobody_at_all() {
    for body in [
        json!({"sub": "  "}),
        json!({}),
        json!({"name": "Ada"}),
        json!({"id": 1.5}),
        json!({"id": null}),
        json!({"id": {"value": 1}}),
        json!({"sub": "x".repeat(256)}),
        json!({"sub": "a\nb"}),
    ] {
        let error = error_of(identify(200, body.clone()).await);
        assert_eq!(kind(&error), ("nonsense", ""), "{body}");
    }
}

#[tokio::test]
async fn no_userinfo_endpoint() {
    let subject = Subject::new(ProviderSettings {
        userinfo_endpoint: None,
        ..plain("http://127.0.0.1:9")
    });
    assert_eq!(subject.identify(None).await, Ok(Identity::Unknown));
}

// RFC 9110 section 8.6: a POST without a body states its length.
#[tokio::test]
async fn a_post_without_a_body_states_its_length() {
    let stub = Stub::saying(200, "application/json", r#"{"sub": "ada"}"#).await;
    let mut settings = plain(&stub.base);
    settings.quirks.identity.post = true;
    Subject::new(settings).identify(None).await.unwrap();
    stub.last(|seen| assert_eq!(seen.header("content-length"), "0"));
}

// RFC 6750 section 3.1 requires the code `invalid_token`. GitHub sends `{"message": "Bad credentials"}`.
#[tokio::test]
async fn a_token_that_is_not_accepted() {
    for status in [401, 403] {
        for (body, code) in [
            (
                json!({"error": "invalid_token", "error_description": "expired"}),
                "invalid_token",
            ),
            (
                json!({"error": "insufficient_scope"}),
                match status {
                    401 => "invalid_token",
                    _ => "insufficient_scope",
                },
            ),
            (json!({"message": "Bad credentials"}), "invalid_token"),
        ] {
            let error = error_of(identify(status, body).await);
            assert_eq!(kind(&error), ("refused", code));
        }
        let stub = Stub::saying(status, "text/html", "<html>").await;
        let error = error_of(Subject::plain(&stub.base).identify(None).await);
        let expected = match status {
            401 => ("refused", "invalid_token"),
            // The page of a firewall.
            _ => ("unavailable", ""),
        };
        assert_eq!(kind(&error), expected);
    }
}

// GitHub, "Rate limits for the REST API": the status is 403 or 429, with `Retry-After`.
#[tokio::test]
async fn a_limit_is_no_refusal() {
    for status in [403, 429] {
        let stub = Stub::start(move |_, _| {
            let mut response = reply_json(status, &json!({"message": "API rate limit exceeded"}));
            let headers = response.headers_mut();
            headers.insert("retry-after", "60".parse().unwrap());
            response
        })
        .await;
        let error = error_of(Subject::plain(&stub.base).identify(None).await);
        assert_eq!(kind(&error), ("unavailable", ""));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    }
}

// GitHub, "Rate limits for the REST API": a 403 without `Retry-After` is a rate limit if `x-ratelimit-remaining` is 0.
#[tokio::test]
async fn a_limit_that_shows_in_the_remaining_count() {
    for (remaining, expected) in [("0", "unavailable"), ("17", "refused")] {
        let stub = Stub::start(move |_, _| {
            let mut response = reply_json(403, &json!({"message": "API rate limit exceeded"}));
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-remaining", remaining.parse().unwrap());
            response
        })
        .await;
        let error = error_of(Subject::plain(&stub.base).identify(None).await);
        assert_eq!(kind(&error).0, expected, "{remaining}");
    }
}

// OpenID Connect Core section 5.3.2: the registration of a client may request signed userinfo.
#[tokio::test]
async fn a_signed_answer_is_refused_clearly() {
    let stub = Stub::start(|_, _| reply(200, "application/jwt", "e30.e30.x")).await;
    let error = error_of(Subject::plain(&stub.base).identify(None).await);
    assert_eq!(kind(&error), ("misconfigured", "signed_userinfo"));
    assert!(error.to_string().contains("JWT"), "{error}");
}
