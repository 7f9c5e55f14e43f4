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

// RFC 8628 section 3.4 defines the fields of the request.
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

// RFC 8628 section 3.5 requires status 400. GitHub sends 200. Google sends 428 for `authorization_pending`, and 403 for
// `slow_down` and `access_denied`. Other servers send 401, 404 or 429. Microsoft's code is `authorization_declined`.
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

// GitHub sends the new interval with `slow_down`.
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

// AWS names the errors like exceptions: `AuthorizationPendingException`.
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

// Without an `Accept` header, GitHub sends a form with status 200.
#[tokio::test]
async fn a_step_in_a_form() {
    let form =
        "error=authorization_pending&error_description=The+authorization+request+is+still+pending.";
    let stub = Stub::saying(200, "application/x-www-form-urlencoded", form).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "pending");
}

// Twitch sends the error code in `message`.
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

// Some servers send `error` as an object.
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

// Error codes of RFC 6749 section 5.2 and of GitHub (`incorrect_device_code`). django-allauth sends `invalid_grant` for an
// expired code.
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

// RFC 6749 section 4.1.2.1 defines these temporary errors.
#[tokio::test]
async fn errors_of_the_moment() {
    for code in ["server_error", "temporarily_unavailable"] {
        assert_eq!(redeem(400, json!({"error": code})).await, "unavailable");
    }
}

// A 5xx is a temporary failure, whatever its body says.
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

// The pause may be in `Retry-After` (RFC 9110 section 10.2.3) or in `X-Retry-After`, and a 429 may have no `error`.
#[tokio::test]
async fn when_to_come_back() {
    // This date is 30 seconds ahead of the clock of the test.
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
                // The `Date` of the response agrees with the clock of the test.
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

// The body may be empty, or the response may be about an unknown path or a wrong method.
#[tokio::test]
async fn a_4xx_without_a_word_says_nothing_definite() {
    for (status, content_type, body) in [
        (400, "application/json", ""),
        (400, "application/json", "{}"),
        (401, "text/plain", "Unauthorized"),
        (403, "text/html", "<html>Forbidden</html>"),
        (404, "text/html", "<!doctype html><p>Not Found"),
        // Spring sends the phrase of the status as `error`.
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
