//! Rejections in the authorization code flow: errors in the callback, and codes that are rejected.

use central_oauth_domain::ports::OAuthProvider as _;
use central_oauth_domain::secret::CallbackQuery;
use serde_json::json;

use crate::authorization_code::{CALLBACK, code_flow, granting, round_trip};
use crate::quirks::{by_code, preset};
use crate::support::{Stub, Subject, error_of, json as reply_json, kind, step, words_of};

// RFC 6749 section 4.1.2.1: `access_denied` means that the person has declined.
#[tokio::test]
async fn the_person_says_no() {
    let stub = granting().await;
    for callback in [
        "error=access_denied&state=x",
        "error=access_denied&error_description=The+user+said+no",
        "error=authorization_declined",
    ] {
        let outcome = round_trip(code_flow(&stub.base), callback).await;
        assert_eq!(step(&outcome), "denied", "{callback}");
    }
    assert_eq!(stub.count("/token"), 0);
}

// Okta, tailscale/tailscale#3334: if `access_denied` has a description, the provider may have declined for this reason.
// Without a description, the person has declined.
#[tokio::test]
async fn the_provider_says_no_and_why() {
    let why = "User is not assigned to the client application.";
    for (callback, words) in [
        (
            "error=access_denied&error_description=User+is+not+assigned+to+the+client+application.",
            Some(why),
        ),
        ("error=access_denied&error_description=a%0Ab", Some("a b")),
        ("error=access_denied&error_description=+", None),
        ("error=access_denied", None),
    ] {
        let outcome = round_trip(code_flow("http://127.0.0.1:9"), callback).await;
        assert_eq!(words_of(&outcome), words, "{callback}");
    }
    let answer = json!({"error": "access_denied", "error_description": why});
    let stub = Stub::start(move |_, _| reply_json(403, &answer)).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(words_of(&outcome), Some(why));
}

// A callback with an error is stored unless `passing_error` reports a temporary error. A stored error always ends the
// link.
#[tokio::test]
async fn other_errors_end_the_link() {
    for (callback, code) in [
        ("error=server_error", "server_error"),
        ("error=temporarily_unavailable", "temporarily_unavailable"),
        ("error=invalid_scope&error_description=x", "invalid_scope"),
        ("error=unauthorized_client", "unauthorized_client"),
        ("error=slow_down", "slow_down"),
        ("error=authorization_pending", "authorization_pending"),
        ("error=access_denied&error=server_error", "server_error"),
        ("error=", "invalid_callback"),
        ("error=two+words", "invalid_callback"),
        ("", "invalid_callback"),
        ("code=", "invalid_callback"),
        ("state=x&id_token=y", "invalid_callback"),
    ] {
        let stub = granting().await;
        let error = error_of(round_trip(code_flow(&stub.base), callback).await);
        assert_eq!(kind(&error), ("refused", code), "{callback}");
        assert!(!error.is_temporary());
        assert_eq!(stub.count("/token"), 0, "{callback}");
    }
}

// RFC 6749 section 4.1.2.1, and ory/hydra#2820: older versions of Hydra send the reason as `error_hint`. Amazon Cognito sends
// `server_error` for permanent failures (aws-samples/cloudfront-authorization-at-edge#153). Zoho's `Access Denied` is a limit.
#[test]
fn some_errors_ask_to_try_again() {
    let mut settings = code_flow("http://127.0.0.1:9");
    let passing = ["try_later", "Access Denied", "IP restricted*"];
    settings.quirks.errors.passing = passing.map(str::to_owned).to_vec();
    let provider = Subject::new(settings).provider;
    for (callback, asks) in [
        ("error=temporarily_unavailable&state=x", true),
        ("error=try_later", true),
        ("error=server_error", false),
        ("error=server_error&error_description=try_later", false),
        ("error=access_denied&error_description=Access+Denied", false),
        (
            "error=access_denied&error_description=IP+restricted+x",
            false,
        ),
        ("error=Access+Denied", false),
        (
            "error=request_unauthorized&error_description=Not+authorized.+The+login+request+has+expired.+Please+try+again.",
            true,
        ),
        (
            "error=request_unauthorized&error_hint=The+consent+request+has+expired%2C+please+try+again.",
            true,
        ),
        ("error=request_unauthorized&error_description=no", false),
        ("error=request_unauthorized", false),
        ("error=access_denied&error_description=expired", false),
        ("error=&code=server_error", false),
        (CALLBACK, false),
    ] {
        let query = CallbackQuery::new(callback);
        let error = provider.passing_error(&query);
        assert_eq!(error.is_some(), asks, "{callback}");
    }
    let query = "error=temporarily_unavailable&error_description=authentication%0Aexpired";
    let error = provider.passing_error(&CallbackQuery::new(query));
    let text = "temporarily_unavailable: authentication expired";
    assert_eq!(error.as_deref(), Some(text));
}

// auth0/docs#4767, atinux/nuxt-auth-utils#456: Auth0 sends `unauthorized` if a rule or an action refuses the person.
#[tokio::test]
async fn an_error_without_a_code_is_quoted() {
    for (callback, words) in [
        (
            "error=unauthorized&error_description=user+is+blocked",
            "unauthorized: user is blocked",
        ),
        ("error=unauthorized", "without a code: unauthorized"),
        ("error=two+words", "without a code: two words"),
        ("error=a%0Ab&error_description=c", "a b: c"),
    ] {
        let error = error_of(round_trip(code_flow("http://127.0.0.1:9"), callback).await);
        assert_eq!(kind(&error), ("refused", "invalid_callback"), "{callback}");
        assert!(error.to_string().ends_with(words), "{error}");
    }
    let long = format!("error=unauthorized&error_description={}", "x".repeat(5000));
    let error = error_of(round_trip(code_flow("http://127.0.0.1:9"), &long).await);
    assert!(error.to_string().len() < 500, "{error}");
}

// auth0/docs#4767, atinux/nuxt-auth-utils#456: the code `unauthorized` is about the person. The description
// "Unauthorized" is about the client.
#[tokio::test]
async fn a_refused_person_is_no_refused_client() {
    for name in ["auth0", "atlassian"] {
        for (callback, words) in [
            (
                "error=unauthorized&error_description=user%20is%20blocked",
                "without a code: unauthorized: user is blocked",
            ),
            ("error=unauthorized", "without a code: unauthorized"),
        ] {
            let settings = by_code(preset(name, "http://127.0.0.1:9"));
            let error = error_of(round_trip(settings, callback).await);
            assert_eq!(kind(&error), ("refused", "invalid_callback"), "{name}");
            assert!(error.to_string().ends_with(words), "{name}: {error}");
        }
    }
}

// Some servers send all parameters, with an empty `error` in a success.
#[tokio::test]
async fn an_empty_error_is_none() {
    let stub = granting().await;
    for empty in ["error=&", "error=+&error_description=&"] {
        let outcome = round_trip(code_flow(&stub.base), &format!("{empty}{CALLBACK}")).await;
        assert_eq!(step(&outcome), "granted", "{empty}");
    }
}

// RFC 6749 section 5.2: `invalid_grant` means that the code is used, expired or belongs to another client.
#[tokio::test]
async fn a_code_is_good_for_one_redemption() {
    for (status, error, expected) in [
        (400, "invalid_grant", "refused invalid_grant"),
        // GitHub, "Troubleshooting OAuth app access token request errors".
        (
            200,
            "bad_verification_code",
            "refused bad_verification_code",
        ),
        (401, "invalid_client", "misconfigured invalid_client"),
        (503, "invalid_grant", "unavailable"),
    ] {
        let stub = Stub::start(move |_, _| reply_json(status, &json!({"error": error}))).await;
        let outcome = round_trip(code_flow(&stub.base), CALLBACK).await;
        assert_eq!(step(&outcome), expected, "{error}");
        assert_eq!(stub.count("/token"), 1);
    }
}

// oengusio/oengusio#125: for an invalid or used code, Twitch sends a message but no error code. Rate limits, timeouts and
// server errors are not rejections of the code.
#[tokio::test]
async fn a_code_that_is_refused_without_a_word_of_the_protocol() {
    let twitch = || json!({"status": 400, "message": "Invalid authorization code"});
    for (status, answer, expected) in [
        (400, twitch(), "refused http_400"),
        (400, json!({}), "refused http_400"),
        (404, json!("Not Found"), "refused http_404"),
        (408, json!({}), "unavailable"),
        (429, json!({}), "unavailable"),
        (502, json!({}), "unavailable"),
        (302, json!({}), "nonsense"),
        (200, json!({}), "nonsense"),
    ] {
        let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
        let outcome = round_trip(code_flow(&stub.base), CALLBACK).await;
        assert_eq!(step(&outcome), expected, "{status}");
    }
    let stub = Stub::start(move |_, _| reply_json(400, &twitch())).await;
    let error = error_of(round_trip(code_flow(&stub.base), CALLBACK).await);
    assert!(error.to_string().contains("Invalid authorization code"));
}
