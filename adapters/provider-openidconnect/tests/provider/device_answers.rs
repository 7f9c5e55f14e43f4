//! Responses of the device authorization endpoint.

use std::time::Duration;

use central_oauth_domain::ports::{Consent, ConsentHandle, Prompt};
use serde_json::{Value, json};

use crate::support::{Stub, Subject, changed, error_of, json as reply_json, kind};

/// The example of RFC 8628 section 3.2.
fn example() -> Value {
    json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://example.com/device",
        "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
        "interval": 5,
    })
}

fn example_with(changes: Value) -> Value {
    changed(example(), changes)
}

async fn begin(answer: Value) -> Result<Consent, central_oauth_domain::ports::ProviderError> {
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    Subject::plain(&stub.base).begin().await
}

fn prompt(consent: &Consent) -> (&str, &str, Option<&str>) {
    let Prompt::UserCode {
        user_code,
        verification_uri,
        verification_uri_complete,
    } = &consent.prompt
    else {
        panic!("a user code");
    };
    let complete = verification_uri_complete.as_ref();
    (
        user_code.expose(),
        verification_uri,
        complete.map(|uri| uri.expose()),
    )
}

#[tokio::test]
async fn the_example_of_the_rfc() {
    let consent = begin(example()).await.ok().unwrap();
    let ConsentHandle::DeviceCode(device_code) = &consent.handle else {
        panic!("no device code");
    };
    let expected = "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS";
    assert_eq!(device_code.expose(), expected);
    let complete = Some("https://example.com/device?user_code=WDJB-MJHT");
    assert_eq!(
        prompt(&consent),
        ("WDJB-MJHT", "https://example.com/device", complete)
    );
    assert_eq!(consent.expires_in, Duration::from_secs(1800));
    assert_eq!(consent.interval, Some(Duration::from_secs(5)));
}

// RFC 8628 section 3.1: the request contains the client id and the scopes, separated by spaces.
#[tokio::test]
async fn asks_for_the_scopes() {
    let stub = Stub::start(|_, _| reply_json(200, &example())).await;
    assert!(Subject::plain(&stub.base).begin().await.is_ok());
    stub.last(|seen| {
        assert_eq!(seen.path, "/device");
        assert_eq!(seen.form()["scope"], "openid repo");
        assert_eq!(seen.form()["client_id"], "client-1");
        assert_eq!(seen.header("accept"), "application/json");
        assert_eq!(
            seen.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        assert!(seen.header("user-agent").starts_with("central-oauth/"));
    });
}

// Google, "OAuth 2.0 for TV and limited-input device applications": the URL is in `verification_url`.
#[tokio::test]
async fn google_says_url() {
    let consent = begin(json!({
        "device_code": "d", "user_code": "GQVQ-JKEC", "expires_in": 1800, "interval": 5,
        "verification_url": "https://www.google.com/device",
    }))
    .await
    .ok()
    .unwrap();
    assert_eq!(
        prompt(&consent),
        ("GQVQ-JKEC", "https://www.google.com/device", None)
    );
}

// GitHub, "Authorizing OAuth apps", device flow: the response is form-urlencoded unless `Accept` asks for JSON. Proxies
// may drop this header.
#[tokio::test]
async fn github_answers_with_a_form() {
    let form = "device_code=3584d83530557fdd1f46af8289938c8ef79f9dc5&expires_in=900&interval=5&user_code=WDJB-MJHT&\
                verification_uri=https%3A%2F%2Fgithub.com%2Flogin%2Fdevice";
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    let stub = Stub::saying(200, content_type, form).await;
    let consent = Subject::plain(&stub.base).begin().await.ok().unwrap();
    assert_eq!(
        prompt(&consent),
        ("WDJB-MJHT", "https://github.com/login/device", None)
    );
    assert_eq!(consent.expires_in, Duration::from_secs(900));
    assert_eq!(consent.interval, Some(Duration::from_secs(5)));
}

// Numbers may be strings and have fractions. oidc-provider 9 sends no interval.
#[tokio::test]
async fn numbers_come_in_every_form() {
    for (given, seconds) in [
        (json!("1800"), 1800.0),
        (json!(1800.5), 1800.5),
        (json!("1800.5"), 1800.5),
        // RFC 8628 requires `expires_in`. If it is missing, zero or negative, the lifetime is 900 s.
        (json!(0), 900.0),
        (json!(-1), 900.0),
        (Value::Null, 900.0),
    ] {
        let answer = example_with(json!({"expires_in": given, "interval": null}));
        let consent = begin(answer).await.ok().unwrap();
        assert_eq!(consent.expires_in, Duration::from_secs_f64(seconds));
        assert_eq!(consent.interval, None);
    }
}

#[tokio::test]
async fn codes_of_digits_may_be_numbers() {
    let answer = example_with(json!({"device_code": 90_071_992_547_u64, "user_code": 4711}));
    let consent = begin(answer).await.ok().unwrap();
    assert_eq!(prompt(&consent).0, "4711");
    let ConsentHandle::DeviceCode(device_code) = &consent.handle else {
        panic!("no device code");
    };
    assert_eq!(device_code.expose(), "90071992547");
}

#[tokio::test]
async fn the_complete_address_suffices() {
    let complete = "https://example.com/device?user_code=WDJB-MJHT";
    for nothing in [Value::Null, json!("")] {
        let answer = example_with(json!({"verification_uri": nothing}));
        let consent = begin(answer).await.ok().unwrap();
        assert_eq!(prompt(&consent), ("WDJB-MJHT", complete, Some(complete)));
    }
}

// RFC 8628 section 3.3: the person's browser opens `verification_uri`, so it must be a web page.
#[tokio::test]
async fn only_web_addresses_are_shown() {
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "device",
        "www.example.com/device",
        "not an address",
    ] {
        let answer = example_with(json!({"verification_uri": bad}));
        let error = error_of(begin(answer).await);
        assert_eq!(kind(&error), ("nonsense", ""), "{bad}");
        // `verification_uri_complete` is optional, so an unusable one is ignored.
        let answer = example_with(json!({"verification_uri_complete": bad}));
        let consent = begin(answer).await.ok().unwrap();
        let expected = ("WDJB-MJHT", "https://example.com/device", None);
        assert_eq!(prompt(&consent), expected, "{bad}");
    }
}

// Better Auth, "Device Authorization": `verification_uri` is `/device` by default. It is resolved against the endpoint.
#[tokio::test]
async fn a_path_is_one_of_the_endpoint() {
    let answer = example_with(json!({
        "verification_uri": "/activate", "verification_uri_complete": "/activate?user_code=A",
    }));
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    let consent = Subject::plain(&stub.base).begin().await.ok().unwrap();
    let (_, uri, complete) = prompt(&consent);
    assert_eq!(uri, format!("{}/activate", stub.base));
    assert_eq!(
        complete,
        Some(&*format!("{}/activate?user_code=A", stub.base))
    );
}

#[tokio::test]
async fn the_response_may_be_wrapped() {
    for answer in [
        json!({"data": example()}),
        json!({"code": 0, "message": "success", "data": example()}),
    ] {
        let consent = begin(answer).await.ok().unwrap();
        assert_eq!(prompt(&consent).1, "https://example.com/device");
        assert_eq!(consent.expires_in, Duration::from_secs(1800));
    }
}

#[tokio::test]
async fn nothing_required_may_be_missing() {
    for member in ["device_code", "user_code", "verification_uri"] {
        for nothing in [Value::Null, json!(""), json!(true)] {
            let missing = json!({ member: nothing, "verification_uri_complete": null });
            let error = error_of(begin(example_with(missing)).await);
            assert_eq!(kind(&error), ("nonsense", ""), "{member}");
            assert!(error.to_string().contains(member), "{error}");
        }
    }
    let long = "A".repeat(1000);
    let error = error_of(begin(example_with(json!({"user_code": long}))).await);
    assert_eq!(kind(&error), ("nonsense", ""));
}

// Error codes of GitHub ("Error codes for the device flow") and of RFC 6749 section 5.2.
#[tokio::test]
async fn what_the_operator_must_mend() {
    for (status, code) in [
        (200, "device_flow_disabled"),
        (200, "incorrect_client_credentials"),
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "invalid_scope"),
    ] {
        let stub = Stub::start(move |_, _| reply_json(status, &json!({"error": code}))).await;
        let error = error_of(Subject::plain(&stub.base).begin().await);
        assert_eq!(kind(&error), ("misconfigured", code));
    }
}

// At the device authorization endpoint, `slow_down` is a rate limit, because nothing is being polled yet.
#[tokio::test]
async fn slow_down_at_the_start_passes() {
    let busy = json!({"error": "slow_down", "interval": 10});
    let stub = Stub::start(move |_, _| reply_json(400, &busy)).await;
    let error = error_of(Subject::plain(&stub.base).begin().await);
    assert_eq!(kind(&error), ("unavailable", ""));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
}
