//! Responses of the token endpoint without tokens.

use std::time::Duration;

use poem::Response;
use serde_json::{Value, json};

use crate::support::{DEVICE_CODE, Stub, Subject, error_of, json as reply_json, kind, reply, step};

async fn redeem(status: u16, body: Value) -> String {
    let stub = Stub::start(move |_, _| reply_json(status, &body)).await;
    step(&Subject::plain(&stub.base).redeem().await)
}

fn with_header(mut response: Response, name: &'static str, value: &'static str) -> Response {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

// RFC 8628 section 3.4.
#[tokio::test]
async fn asks_as_the_rfc_says() {
    let stub = Stub::saying(400, "application/json", r#"{"error":"expired_token"}"#).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "expired");
    stub.last(|seen| {
        let form = seen.form();
        assert_eq!(seen.path, "/token");
        assert_eq!(
            form["grant_type"],
            "urn:ietf:params:oauth:grant-type:device_code"
        );
        assert_eq!(form["device_code"], DEVICE_CODE);
        assert_eq!(form["client_id"], "client-1");
        assert_eq!(form.len(), 3);
    });
}

// RFC 8628 section 3.5 (400); GitHub (200); Google (428 for pending, 403 for slow_down and access_denied); Microsoft
// (authorization_declined); seen elsewhere: 401, 404 and 429.
#[tokio::test]
async fn a_step_is_a_step_with_any_status() {
    for status in [200, 400, 401, 403, 404, 428, 429] {
        for (code, expected) in [
            ("authorization_pending", "pending"),
            ("slow_down", "slow down None"),
            ("access_denied", "denied"),
            ("authorization_declined", "denied"),
            ("expired_token", "expired"),
            ("token_expired", "expired"),
        ] {
            let step = redeem(status, json!({"error": code})).await;
            assert_eq!(step, expected, "{status} {code}");
        }
    }
}

// GitHub: slow_down states the new interval.
#[tokio::test]
async fn slow_down_may_name_the_interval() {
    for interval in [json!(10), json!("10"), json!(10.0)] {
        let body = json!({"error": "slow_down", "interval": interval});
        assert_eq!(redeem(200, body).await, "slow down Some(10s)");
    }
    let busy = |_: &_, _: &_| {
        let response = reply_json(429, &json!({"error": "slow_down"}));
        with_header(response, "retry-after", "15")
    };
    let stub = Stub::start(busy).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "slow down Some(15s)");
}

#[tokio::test]
async fn a_pending_consent_may_ask_for_a_pause() {
    for status in [400, 429] {
        let waiting = move |_: &_, _: &_| {
            let response = reply_json(status, &json!({"error": "authorization_pending"}));
            with_header(response, "retry-after", "6")
        };
        let stub = Stub::start(waiting).await;
        let outcome = Subject::plain(&stub.base).redeem().await;
        assert_eq!(step(&outcome), "pending Some(6s)", "{status}");
    }
}

// AWS: `AuthorizationPendingException`.
#[tokio::test]
async fn steps_are_spelled_in_many_ways() {
    for (code, expected) in [
        ("authorization-pending", "pending"),
        ("AuthorizationPendingException", "pending"),
        ("authorizationPending", "pending"),
        ("authorization pending", "pending"),
        ("SlowDown", "slow down None"),
        ("access-denied", "denied"),
        ("AccessDenied", "denied"),
        ("ExpiredToken", "expired"),
        ("expired-token", "expired"),
        ("code_expired", "expired"),
    ] {
        let step = redeem(400, json!({"error": code})).await;
        assert_eq!(step, expected, "{code}");
    }
    let firewall = json!({"status": 403, "message": "Access Denied"});
    assert_eq!(redeem(403, firewall).await, "nonsense");
}

// GitHub without Accept: a form, with 200.
#[tokio::test]
async fn a_step_in_a_form() {
    let form =
        "error=authorization_pending&error_description=The+authorization+request+is+still+pending.";
    let stub = Stub::saying(200, "application/x-www-form-urlencoded", form).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "pending");
}

// Twitch: the code is in `message`.
#[tokio::test]
async fn a_step_in_the_message() {
    let twitch = json!({"status": 400, "message": "authorization_pending"});
    assert_eq!(redeem(400, twitch).await, "pending");
    let with_phrase =
        json!({"error": "Bad Request", "status": 400, "message": "authorization_pending"});
    assert_eq!(redeem(400, with_phrase).await, "pending");
    let other = json!({"status": 400, "message": "invalid device code"});
    assert_eq!(redeem(400, other).await, "nonsense");
}

// `error` as an object.
#[tokio::test]
async fn the_error_may_be_an_object() {
    let nested = |code: &str| json!({"error": {"code": code, "message": "no"}});
    assert_eq!(
        redeem(400, nested("authorization_pending")).await,
        "pending"
    );
    assert_eq!(
        redeem(400, nested("invalid_grant")).await,
        "refused invalid_grant"
    );
    let google = json!({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}});
    assert_eq!(redeem(403, google).await, "refused permission_denied");
    let wordless = json!({"error": {"code": 400, "message": "no"}});
    assert_eq!(redeem(400, wordless).await, "nonsense");
}

// RFC 6749 section 5.2; GitHub's incorrect_device_code; django-allauth says invalid_grant for an expired code.
#[tokio::test]
async fn whose_fault_it_is() {
    for (code, expected) in [
        ("invalid_grant", "refused"),
        ("invalid_request", "refused"),
        ("incorrect_device_code", "refused"),
        ("something_new", "refused"),
        ("INVALID_GRANT", "refused"),
        ("invalid_client", "misconfigured"),
        ("unauthorized_client", "misconfigured"),
        ("invalid_scope", "misconfigured"),
        ("unsupported_grant_type", "misconfigured"),
        ("device_flow_disabled", "misconfigured"),
        ("incorrect_client_credentials", "misconfigured"),
    ] {
        for status in [200, 400, 401] {
            let expected = format!("{expected} {}", code.to_lowercase());
            let step = redeem(status, json!({"error": code})).await;
            assert_eq!(step, expected, "{status}");
        }
    }
}

// RFC 6749 section 4.1.2.1 defines these two; they are temporary.
#[tokio::test]
async fn errors_of_the_moment() {
    for code in ["server_error", "temporarily_unavailable"] {
        assert_eq!(redeem(400, json!({"error": code})).await, "unavailable");
    }
}

// A 5xx is never final, whatever its body says.
#[tokio::test]
async fn a_5xx_says_nothing() {
    for status in [500, 502, 503, 504] {
        for code in ["invalid_grant", "access_denied", "invalid_client"] {
            assert_eq!(redeem(status, json!({"error": code})).await, "unavailable");
        }
        let stub = Stub::saying(status, "text/html", "<html>down</html>").await;
        let outcome = Subject::plain(&stub.base).redeem().await;
        assert_eq!(step(&outcome), "unavailable");
    }
}

// RFC 9110 section 10.2.3; X-Retry-After, and a 429 without `error`.
#[tokio::test]
async fn when_to_come_back() {
    // Thirty seconds after the test's clock.
    let date = "Fri, 15 Jan 2027 08:00:30 GMT";
    for status in [429, 503] {
        for (name, value, seconds) in [
            ("retry-after", "30", Some(30)),
            ("x-retry-after", "30", Some(30)),
            ("retry-after", date, Some(30)),
            ("x-retry-after", date, Some(30)),
            ("retry-after", "soon", None),
        ] {
            let stub = Stub::start(move |_, _| {
                // The date of the response is the test's time, too.
                let busy = reply(status, "text/plain", "busy");
                let busy = with_header(busy, "date", "Fri, 15 Jan 2027 08:00:00 GMT");
                with_header(busy, name, value)
            })
            .await;
            let error = error_of(Subject::plain(&stub.base).redeem().await);
            assert_eq!(kind(&error), ("unavailable", ""));
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(error.retry_after(), expected, "{name}: {value}");
        }
    }
    let limited = json!({"error": "too_many_requests", "error_description": "busy"});
    assert_eq!(redeem(429, limited).await, "unavailable");
}

// A 400 with an empty body; servers that answer an unknown path or a wrong method in their own way.
#[tokio::test]
async fn a_4xx_without_a_word_says_nothing_definite() {
    for (status, content_type, body) in [
        (400, "application/json", ""),
        (400, "application/json", "{}"),
        (401, "text/plain", "Unauthorized"),
        (403, "text/html", "<html>Forbidden</html>"),
        (404, "text/html", "<!doctype html><p>Not Found"),
        // Spring: `error` is a phrase, not a code.
        (
            404,
            "application/json",
            r#"{"status":404,"error":"Not Found","path":"/token"}"#,
        ),
        (405, "application/json", r#"{"error":""}"#),
        (400, "application/json", r#"{"error":null}"#),
        (400, "application/json", r#"{"error":[]}"#),
    ] {
        let stub = Stub::saying(status, content_type, body).await;
        let outcome = Subject::plain(&stub.base).redeem().await;
        assert_eq!(step(&outcome), "nonsense", "{status} {body}");
    }
}
