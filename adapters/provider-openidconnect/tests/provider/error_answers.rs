//! Errors in responses whose status or other members look like a success, and errors in unusual places.

use std::time::Duration;

use central_oauth_domain::ports::{ProviderError, Redemption, Revoked};
use central_oauth_provider_openidconnect::ProviderSettings;
use serde_json::{Value, json};

use crate::authorization_code::{CALLBACK, code_flow, round_trip};
use crate::support::{
    REFRESH_TOKEN, Stub, Subject, changed, error_of, json as reply_json, kind, plain, step,
};

fn tokens() -> Value {
    json!({"access_token": "at", "refresh_token": "rt-2", "token_type": "Bearer", "expires_in": 60})
}

async fn saying(status: u16, answer: &Value) -> (Subject, Stub) {
    let answer = answer.clone();
    let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
    (Subject::plain(&stub.base), stub)
}

async fn refreshed(status: u16, answer: &Value) -> Result<(), (String, bool)> {
    let (subject, _stub) = saying(status, answer).await;
    match subject.refresh().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let (kind, code) = kind(&error.cause);
            Err((
                format!("{kind} {code}").trim().to_owned(),
                error.may_have_acted,
            ))
        }
    }
}

async fn verdict(status: u16, answer: Value) -> String {
    refreshed(status, &answer).await.expect_err("an error").0
}

// casdoor/casdoor issues 662 and 835: the response has status 200, all members of a success, and a sentence in `error`.
#[tokio::test]
async fn a_success_with_an_error_in_it_is_an_error() {
    let sentence = "error: the refresh token is invalid, expired or revoked";
    for (error, expected) in [
        (json!(sentence), "refused unnamed_error"),
        (json!("Größenfehler"), "refused unnamed_error"),
        (json!("x".repeat(500)), "refused unnamed_error"),
        (json!(7), "refused unnamed_error"),
        (json!(true), "refused unnamed_error"),
        (json!({"message": "no"}), "refused unnamed_error"),
        (json!(["no such grant"]), "refused unnamed_error"),
        (json!({"code": "token_gone"}), "refused token_gone"),
        (json!(["token_gone"]), "refused token_gone"),
        (json!("invalid_client"), "misconfigured invalid_client"),
        (json!("server_error"), "unavailable"),
        (json!("invalid_grant: gone"), "refused invalid_grant"),
    ] {
        for status in [200, 201] {
            let answer = changed(tokens(), json!({"error": error}));
            let outcome = refreshed(status, &answer).await;
            // The refresh token in this error response is not stored, but it shows that a rotation may have happened.
            assert_eq!(outcome, Err((expected.to_owned(), true)), "{answer}");
        }
        for same in [json!(REFRESH_TOKEN), json!(""), json!(null)] {
            let answer = changed(tokens(), json!({"error": error, "refresh_token": same}));
            let outcome = refreshed(200, &answer).await;
            assert_eq!(outcome, Err((expected.to_owned(), false)), "{answer}");
        }
    }
}

// Cline, in diegosouzapw/OmniRoute pull request 13466: the error code is at the end of a sentence.
#[tokio::test]
async fn a_code_at_the_end_of_a_sentence() {
    let cline =
        json!({"data": "", "error": "failed to refresh token: invalid_grant", "success": false});
    assert_eq!(verdict(400, cline).await, "refused invalid_grant");
    let other = json!({"error": "not about invalid_grant: the disk is full"});
    assert_eq!(verdict(400, other).await, "refused http_400");
}

// Successful responses may contain an empty `error`: null (Keycloak), an empty text, `false` or 0.
#[tokio::test]
async fn an_empty_error_is_none() {
    for empty in [
        json!(null),
        json!(""),
        json!(" "),
        json!(false),
        json!(0),
        json!([]),
        json!({}),
    ] {
        let answer = changed(
            tokens(),
            json!({"error": empty, "error_description": empty}),
        );
        assert_eq!(refreshed(200, &answer).await, Ok(()), "{answer}");
        let (subject, _stub) = saying(200, &answer).await;
        assert_eq!(step(&subject.redeem().await), "granted", "{answer}");
    }
    // In a response with tokens, only the member `error` can be an error.
    let answer = changed(
        tokens(),
        json!({"status": "expired_token", "errors": ["x_y"], "code": "invalid_grant"}),
    );
    assert_eq!(refreshed(200, &answer).await, Ok(()));
}

#[tokio::test]
async fn errors_inside_successes_of_every_endpoint() {
    let answer = changed(tokens(), json!({"error": "Something went wrong"}));
    let (subject, _stub) = saying(200, &answer).await;
    assert_eq!(step(&subject.redeem().await), "refused unnamed_error");
    let device = json!({"device_code": "d", "user_code": "u", "verification_uri": "https://example.com",
        "error": "Something went wrong"});
    let (subject, _stub) = saying(200, &device).await;
    let error = error_of(subject.begin().await);
    assert_eq!(kind(&error), ("refused", "unnamed_error"));
    assert!(
        error.to_string().contains("Something went wrong"),
        "{error}"
    );
    for (error, expected) in [
        (
            json!("Something went wrong"),
            Err(("refused", "unnamed_error")),
        ),
        (json!("temporarily_unavailable"), Err(("unavailable", ""))),
        (json!("invalid_token"), Ok(Revoked::Unknown)),
        (json!(null), Ok(Revoked::Revoked)),
        (json!(""), Ok(Revoked::Revoked)),
    ] {
        let (subject, _stub) = saying(200, &json!({"error": error})).await;
        let outcome = subject.revoke().await;
        let outcome = outcome.as_ref().map_err(kind);
        assert_eq!(outcome.copied(), expected, "{error}");
    }
}

// TikTok sends `error` even in successful userinfo responses. If the id that the profile names is present, the response
// is a success.
#[tokio::test]
async fn userinfo_follows_its_profile() {
    let answer = json!({"data": {"user": {"open_id": "u7", "display_name": "Ada"}},
        "error": {"code": "ok", "message": ""}});
    let (subject, stub) = saying(200, &answer).await;
    assert_eq!(
        kind(&error_of(subject.identify(None).await)),
        ("refused", "ok")
    );
    let mut settings = plain(&stub.base);
    settings.quirks.identity.id = vec!["/data/user/open_id".to_owned()];
    let person = Subject::new(settings).identify(None).await;
    assert!(person.is_ok(), "{person:?}");
}

const DEAD: &str = "refused invalid_grant";

// Fitbit: home-assistant/core issue 141223, aarondcoleman/Fitbit.NET issue 320. HubSpot: HGData/mk-node-hubspot issue 64.
// Okta and Salesforce send `errorCode`. GraphQL servers send `extensions`.
#[tokio::test]
async fn a_dead_token_in_unusual_places() {
    for answer in [
        json!({"errors": [{"errorType": "invalid_grant", "message": "Refresh token invalid"}], "success": false}),
        json!({"errors": [{"errorType": "validation"}, {"errorType": "INVALID_GRANT"}]}),
        json!({"errors": ["invalid_grant"]}),
        json!({"errors": {"code": "invalid_grant"}}),
        json!({"errors": [{"message": "no", "extensions": {"code": "invalid_grant"}}]}),
        json!([{"errorCode": "invalid_grant", "message": "expired"}]),
        json!({"error": ["invalid_grant"]}),
        json!({"error": {"type": "invalid_grant", "message": "expired"}}),
        json!({"error": {"error": {"code": "invalid_grant"}}}),
        json!({"error": "invalid_grant: Token has been revoked"}),
        json!({"error": "invalid_grant Token has been revoked"}),
        json!({"error": "Invalid Grant"}),
        json!({"error": "Invalid grant: revoked"}),
        json!({"error": "Bad Request", "error_description": "invalid_grant"}),
        json!({"error": "Bad Request", "message": "invalid_grant: revoked"}),
        json!({"errorCode": "invalid_grant", "errorSummary": "revoked"}),
        json!({"error_code": "invalid_grant"}),
        json!({"code": "invalid_grant", "message": "revoked"}),
        json!({"type": "invalid_grant"}),
        json!({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
    ] {
        for status in [400, 401, 403] {
            assert_eq!(verdict(status, answer.clone()).await, DEAD, "{answer}");
        }
    }
}

#[tokio::test]
async fn what_is_no_dead_token() {
    for (answer, expected) in [
        (
            json!({"errors": [{"errorType": "invalid_client"}]}),
            "misconfigured invalid_client",
        ),
        (
            json!({"errors": [{"errorType": "expired_access"}]}),
            "refused expired_access",
        ),
        (
            json!({"error": "invalid_request", "code": "invalid_grant"}),
            "refused invalid_request",
        ),
        (
            json!({"error": "server_error", "error_description": "invalid_grant"}),
            "unavailable",
        ),
        (
            json!({"error": "Not Found", "status": 400}),
            "refused http_400",
        ),
        (
            json!({"message": "the grant is an invalid_grant"}),
            "refused http_400",
        ),
        (
            json!({"type": "https://example.com/invalid_grant", "title": "No"}),
            "refused http_400",
        ),
    ] {
        assert_eq!(verdict(400, answer.clone()).await, expected, "{answer}");
    }
}

// Spring Boot, NestJS and gateways send the phrase of the status as `error`. This phrase is not an OAuth error code. The
// response may come from a firewall during an outage, so the rejection is not final.
#[tokio::test]
async fn a_status_is_no_error_code() {
    for (status, word) in [
        (403, "Forbidden"),
        (401, "Unauthorized"),
        (404, "NOT_FOUND"),
        (405, "MethodNotAllowed"),
        (410, "gone"),
    ] {
        let answer =
            json!({"timestamp": "2026-01-01", "status": status, "error": word, "path": "/token"});
        let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
        let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
        let (kind, code) = kind(&error.cause);
        assert_eq!((kind, code), ("refused", &*format!("http_{status}")));
        assert!(!error.cause.is_definite());
    }
}

// A gateway may answer 200 with the phrase of another status. The phrase then means the same as that status, and the
// gateway may have passed the request on.
#[tokio::test]
async fn the_phrase_of_a_passing_status_may_pass() {
    for phrase in [
        "service_unavailable",
        "Internal Server Error",
        "Gateway Timeout",
        "BadGateway",
        "Request Timeout",
        "Too Many Requests",
    ] {
        let answer = json!({"error": phrase});
        let outcome = refreshed(200, &answer).await;
        assert_eq!(outcome, Err(("unavailable".to_owned(), true)), "{phrase}");
        let (subject, stub) = saying(200, &answer).await;
        let error = error_of(subject.redeem().await);
        assert_eq!(kind(&error), ("unavailable", ""), "{phrase}");
        assert!(error.to_string().contains(phrase), "{error}");
        let outcome = round_trip(code_flow(&stub.base), CALLBACK).await;
        assert_eq!(step(&outcome), "unavailable", "{phrase}");
    }
    for phrase in ["Forbidden", "not_found", "Unauthorized"] {
        let outcome = verdict(200, json!({"error": phrase})).await;
        assert_eq!(outcome, "refused unnamed_error", "{phrase}");
    }
}

// Google, Auth0 and gateways report rate limits with statuses other than 429. Apigee uses the members `ErrorCode` and
// `Error`.
#[tokio::test]
async fn limits_and_clients_in_other_words() {
    for (status, answer, expected) in [
        (403, json!({"error": "rate_limit_exceeded"}), "unavailable"),
        (400, json!({"error": "too_many_requests"}), "unavailable"),
        (403, json!({"code": "rate_limited"}), "unavailable"),
        (
            401,
            json!({"ErrorCode": "invalid_client", "Error": "ClientId is Invalid"}),
            "misconfigured invalid_client",
        ),
        (
            400,
            json!({"ErrorCode": "invalid_request", "Error": "Refresh Token expired"}),
            "refused invalid_request",
        ),
    ] {
        assert_eq!(verdict(status, answer.clone()).await, expected, "{answer}");
    }
}

// Strava, Facebook, WeChat, Withings and TikTok describe a dead token with members, numbers and sentences of their own.
#[tokio::test]
async fn a_table_can_say_what_a_dead_token_looks_like() {
    let dead = [
        "/errors/*/resource=RefreshToken",
        "/error/code=190",
        "/errcode=40030",
        "Invalid Params: invalid refresh_token*",
        "login_required",
    ];
    let refresh = async |status, answer: &Value| {
        let answer = answer.clone();
        let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
        let mut settings: ProviderSettings = plain(&stub.base);
        settings.quirks.refresh.dead = dead.map(str::to_owned).to_vec();
        let error = Subject::new(settings)
            .refresh()
            .await
            .err()
            .expect("an error");
        let (kind, code) = kind(&error.cause);
        format!("{kind} {code}").trim().to_owned()
    };
    for (status, answer, expected) in [
        (
            400,
            json!({"message": "Bad Request", "errors": [{"resource": "RefreshToken", "code": "invalid"}]}),
            DEAD,
        ),
        (
            400,
            json!({"message": "Bad Request", "errors": [{"resource": "Application", "code": "invalid"}]}),
            "refused invalid",
        ),
        (
            400,
            json!({"error": {"message": "gone", "type": "OAuthException", "code": 190}}),
            DEAD,
        ),
        (
            400,
            json!({"error": {"message": "busy", "type": "OAuthException", "code": 4}}),
            "refused oauthexception",
        ),
        (
            200,
            json!({"errcode": 40030, "errmsg": "invalid refresh_token"}),
            DEAD,
        ),
        (
            200,
            json!({"status": 503, "error": "Invalid Params: invalid refresh_token, hint: x"}),
            DEAD,
        ),
        (401, json!({"error": "login_required: sign in again"}), DEAD),
        (
            400,
            json!({"error": "consent_required"}),
            "refused consent_required",
        ),
    ] {
        assert_eq!(refresh(status, &answer).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn polls_understand_the_same_places() {
    for (answer, expected) in [
        (
            json!({"errors": [{"errorType": "authorization_pending"}]}),
            "pending",
        ),
        (json!({"error": {"code": "access_denied"}}), "denied"),
        (json!([{"code": "expired_token"}]), "expired"),
    ] {
        let (subject, _stub) = saying(400, &answer).await;
        assert_eq!(step(&subject.redeem().await), expected, "{answer}");
    }
    let (subject, _stub) = saying(400, &json!({"error": ["slow_down"], "interval": 9})).await;
    let slower = subject.redeem().await;
    let nine = Some(Duration::from_secs(9));
    assert!(matches!(slower, Ok(Redemption::SlowDown { interval }) if interval == nine));
    assert!(matches!(
        error_of(saying(400, &json!({})).await.0.redeem().await),
        ProviderError::Nonsense { .. }
    ));
}
