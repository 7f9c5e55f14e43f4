//! Refreshes: errors of dead refresh tokens, other errors, and lifetimes.

use std::time::Duration;

use central_oauth_domain::grant::TokenGrant;
use central_oauth_domain::ports::{Redemption, RefreshAnswer, RefreshError};
use serde_json::{Value, json};

use super::saying;
use crate::support::kind;

async fn refresh(name: &str, status: u16, answer: Value) -> Result<TokenGrant, RefreshError> {
    let (subject, _stub) = saying(name, status, &answer).await;
    subject.refresh().await
}

async fn verdict(name: &str, status: u16, answer: Value) -> String {
    let error = refresh(name, status, answer).await.err().expect("an error");
    let (kind, code) = kind(&error.cause);
    format!("{kind} {code}").trim().to_owned()
}

const DEAD: &str = "refused invalid_grant";

// Sources: GitHub's troubleshooting page and interlink-hq/interLink pull request 262, Slack's `oauth.v2.access`,
// twitchdev/issues 1037 and 943, the tests of a Salesforce client, responses of Zoho and Atlassian in public code, Zoom in
// raycast/extensions 10896, bitbucket.org/site/master issue 16249, Keycloak's DeviceGrantType.java.
#[tokio::test]
async fn what_is_dead_and_what_is_not() {
    let error = |code: &str| json!({"error": code});
    let both = |code: &str, words: &str| json!({"error": code, "error_description": words});
    let message = |words: &str| json!({"status": 400, "message": words});
    for (name, status, answer, expected) in [
        ("github-app", 200, error("bad_refresh_token"), DEAD),
        (
            "github-app",
            200,
            error("incorrect_client_credentials"),
            "misconfigured incorrect_client_credentials",
        ),
        // auth0/laravel-auth0 issue 42, auth0/express-openid-connect issue 363, auth0/nextjs-auth0 issue 66.
        (
            "auth0",
            401,
            both("access_denied", "Unauthorized"),
            "misconfigured access_denied",
        ),
        (
            "slack",
            200,
            json!({"ok": false, "error": "invalid_refresh_token"}),
            DEAD,
        ),
        (
            "slack",
            200,
            json!({"ok": false, "error": "token_expired"}),
            DEAD,
        ),
        (
            "slack",
            200,
            json!({"ok": false, "error": "ratelimited"}),
            "unavailable",
        ),
        (
            "slack",
            200,
            json!({"ok": false, "error": "bad_client_secret"}),
            "misconfigured bad_client_secret",
        ),
        ("twitch", 400, message("Invalid refresh token"), DEAD),
        ("twitch", 401, message("Invalid refresh token"), DEAD),
        (
            "twitch",
            400,
            message("missing client secret"),
            "misconfigured missing_client_secret",
        ),
        ("twitch", 400, message("anything else"), "refused http_400"),
        (
            "salesforce",
            400,
            both("invalid_grant", "expired access/refresh token"),
            DEAD,
        ),
        // segmentio/action-destinations pull request 2300: another request with the same token is in progress.
        (
            "salesforce",
            400,
            both("invalid_grant", "Token request is already being processed."),
            "unavailable",
        ),
        // jottley/spring-social-salesforce (ErrorHandler.java), restforce/restforce issue 303.
        (
            "salesforce",
            400,
            both("invalid_grant", "ip restricted or invalid login hours"),
            "unavailable",
        ),
        (
            "salesforce",
            400,
            both("invalid_grant", "inactive user"),
            "unavailable",
        ),
        // An administrator may enable the account again. Salesforce's list of codes (`sdk-codes` in the profile) does not
        // contain this code.
        (
            "salesforce",
            400,
            error("inactive_user"),
            "refused inactive_user",
        ),
        (
            "salesforce",
            400,
            error("rate_limit_exceeded"),
            "unavailable",
        ),
        ("zoho", 200, error("invalid_code"), DEAD),
        (
            "zoho",
            400,
            both(
                "Access Denied",
                "You have made too many requests continuously.",
            ),
            "unavailable",
        ),
        (
            "atlassian",
            403,
            both("unauthorized_client", "refresh_token is invalid"),
            DEAD,
        ),
        (
            "atlassian",
            403,
            both("unauthorized_client", "other"),
            "misconfigured unauthorized_client",
        ),
        (
            "atlassian",
            403,
            both("invalid_grant", "Unknown or invalid refresh token."),
            DEAD,
        ),
        // jsarafajr/passport-atlassian-oauth2 issue 1.
        (
            "atlassian",
            401,
            both("access_denied", "Unauthorized"),
            "misconfigured access_denied",
        ),
        (
            "bitbucket",
            400,
            both("invalid_grant", "Unsupported grant type"),
            "misconfigured invalid_grant",
        ),
        ("bitbucket", 400, error("invalid_grant"), DEAD),
        // readthedocs/readthedocs.org issue 2992.
        (
            "bitbucket",
            400,
            both("invalid_request", "Invalid refresh_token"),
            DEAD,
        ),
        (
            "bitbucket",
            400,
            both("invalid_request", "Missing refresh_token"),
            "refused invalid_request",
        ),
        (
            "zoom",
            400,
            json!({"reason": "Invalid Token!", "error": "invalid_grant"}),
            DEAD,
        ),
        (
            "google",
            400,
            both("invalid_grant", "Token has been expired or revoked."),
            DEAD,
        ),
        // kubeguard/guard issue 346, openpubkey/opkssh issue 617.
        (
            "google",
            401,
            both("deleted_client", "The OAuth client was deleted."),
            "misconfigured deleted_client",
        ),
        (
            "google",
            401,
            both("disabled_client", "The OAuth client was disabled."),
            "misconfigured disabled_client",
        ),
        ("gitlab", 400, error("invalid_grant"), DEAD),
        // keycloak/keycloak issues 20392, 23397 and 50721: this error may be temporary, so a single one is not final.
        (
            "keycloak",
            400,
            both("invalid_grant", "Session doesn't have required client"),
            "refused doubtful_invalid_grant",
        ),
        // keycloak/keycloak issue 50926: the session survives.
        (
            "keycloak",
            400,
            both("invalid_grant", "User disabled"),
            "unavailable",
        ),
        (
            "keycloak",
            400,
            both("invalid_grant", "Token is not active"),
            DEAD,
        ),
        // dreeveapp/dreeve issues 1449 and 372.
        (
            "strava",
            400,
            json!({"message": "Bad Request", "errors": [
                {"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}]}),
            DEAD,
        ),
        (
            "strava",
            400,
            json!({"message": "Bad Request", "errors": [
                {"resource": "Application", "field": "client_id", "code": "invalid"}]}),
            "misconfigured invalid",
        ),
        // metabrainz/listenbrainz-server pull request 1921: this error may be temporary, so a single one is not final.
        (
            "spotify",
            400,
            error("invalid_grant"),
            "refused doubtful_invalid_grant",
        ),
    ] {
        assert_eq!(
            verdict(name, status, answer.clone()).await,
            expected,
            "{name} {answer}"
        );
    }
}

// The error contains the description and the advice of the profile.
#[tokio::test]
async fn what_a_person_can_act_on() {
    let words = async |name, answer| {
        let error = refresh(name, 400, answer).await.err().expect("an error");
        error.to_string()
    };
    let answer = json!({"reason": "Invalid Token!", "error": "invalid_grant"});
    assert!(words("zoom", answer).await.contains("Invalid Token!"));
    let answer = json!({"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)"});
    assert!(words("google", answer).await.contains("new sign-in"));
    let answer = json!({"status": 400, "message": "missing client secret"});
    assert!(
        words("twitch", answer)
            .await
            .contains("Set its client secret")
    );
    let answer = json!({"error": "access_denied", "error_description": "Unauthorized"});
    assert!(
        words("atlassian", answer)
            .await
            .contains("does not accept this client")
    );
}

// Slack, `oauth.v2.access`: after these errors, "part of the operation may have happened".
#[tokio::test]
async fn failures_that_leave_it_open() {
    for (code, may_have_acted) in [
        ("internal_error", true),
        ("fatal_error", true),
        ("ratelimited", false),
    ] {
        let outcome = refresh("slack", 200, json!({"ok": false, "error": code})).await;
        assert_eq!(
            outcome.err().unwrap().may_have_acted,
            may_have_acted,
            "{code}"
        );
    }
}

// Slack, `oauth.v2.user.access`: the token type is `user`, and the scopes are in `authed_user`. Bitbucket sends `scopes`.
#[tokio::test]
async fn token_answers_of_their_own() {
    let answer = json!({"ok": true, "access_token": "xoxe.xoxp-1", "token_type": "user", "expires_in": 43200,
        "refresh_token": "xoxe-1-a", "authed_user": {"id": "U1", "scope": "channels:read,chat:write"}});
    let grant = refresh("slack", 200, answer).await.ok().unwrap();
    assert_eq!(grant.scopes, ["channels:read", "chat:write"]);
    let answer = json!({"access_token": "x", "token_type": "user"});
    let (twitch, _stub) = saying("twitch", 200, &answer).await;
    let refreshed = twitch.refresh_answer().await;
    assert!(matches!(refreshed, Ok(RefreshAnswer::Unusable { .. })));
    let answer = json!({"access_token": "x", "scopes": "account repository:write"});
    let grant = refresh("bitbucket", 200, answer).await.ok().unwrap();
    assert_eq!(grant.scopes, ["account", "repository:write"]);
}

// Salesforce sends no `expires_in`. GitHub sends the lifetime of the refresh token. Microsoft, "Refresh tokens": each
// refresh token is valid for 90 days. Spotify, 18 June 2026: the grant ends six months after the consent. In a response of
// Keycloak, 0 means unlimited.
#[tokio::test]
async fn how_long_tokens_last() {
    let lasts = async |name: &str, answer: Value| {
        let (subject, _stub) = saying(name, 200, &answer).await;
        let refreshed = subject.refresh().await.ok().unwrap();
        let redeemed = subject.redeem().await;
        let Ok(Redemption::Granted(granted)) = redeemed else {
            panic!("tokens");
        };
        [
            granted.refresh_token_expires_in,
            refreshed.refresh_token_expires_in,
        ]
    };
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let plain = json!({"access_token": "a", "refresh_token": "r"});
    let said =
        json!({"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 15_811_200});
    let never = json!({"access_token": "a", "refresh_token": "r", "refresh_expires_in": 0});
    assert_eq!(lasts("github-app", said).await, [days(183), days(183)]);
    assert_eq!(lasts("entra", plain.clone()).await, [days(90), days(90)]);
    assert_eq!(lasts("spotify", plain.clone()).await, [days(183), None]);
    assert_eq!(lasts("keycloak", never).await, [None, None]);
    assert_eq!(lasts("github", plain).await, [None, None]);
    let grant = refresh("salesforce", 200, json!({"access_token": "a"})).await;
    assert_eq!(
        grant.ok().unwrap().assumed_expires_in,
        Some(Duration::from_secs(7200))
    );
}

// Atlassian's developer community, topic 60806: the grant ends after 90 days without use, and 365 days after the consent.
#[tokio::test]
async fn a_grant_may_have_an_end_that_no_use_moves() {
    let answer = json!({"access_token": "a", "refresh_token": "r"});
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    for (name, ends_after) in [("okta", days(90)), ("spotify", days(183)), ("entra", None)] {
        let (subject, _stub) = saying(name, 200, &answer).await;
        let Ok(Redemption::Granted(granted)) = subject.redeem().await else {
            panic!("tokens");
        };
        assert_eq!(granted.grant_expires_in, ends_after, "{name}");
    }
    let (subject, _stub) = saying("atlassian", 200, &answer).await;
    let Ok(Redemption::Granted(granted)) = subject.redeem().await else {
        panic!("tokens");
    };
    assert_eq!(granted.grant_expires_in, days(365));
    assert_eq!(granted.refresh_token_expires_in, days(90));
    let refreshed = subject.refresh().await.ok().unwrap();
    assert_eq!(refreshed.grant_expires_in, None, "no consent");
    assert_eq!(refreshed.refresh_token_expires_in, days(90));
}
