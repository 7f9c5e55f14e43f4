//! Device flows that deviate from the RFC.

use std::time::Duration;

use central_oauth_domain::ports::{Prompt, Redemption};
use central_oauth_provider_openidconnect::ProviderSettings;
use serde_json::{Value, json};

use super::{SECRET, preset, saying};
use crate::support::{DEVICE_CODE, Stub, Subject, error_of, json as reply_json, kind, plain, step};

fn scopes(all: &[&str]) -> Vec<String> {
    all.iter().map(|scope| (*scope).to_owned()).collect()
}

async fn redeem(name: &str, status: u16, answer: Value) -> String {
    let (subject, _stub) = saying(name, status, &answer).await;
    step(&subject.redeem().await)
}

// The profile can name the error that means "pending". Sources: wso2/product-is issue 21192, and "pending action" in
// Facebook's documentation of its device login.
#[tokio::test]
async fn a_provider_s_own_words_for_a_person_who_has_not_answered() {
    let answer = json!({"error": {"message": "pending", "code": 31, "error_subcode": 1_349_174}});
    let stub = Stub::start(move |_, _| reply_json(400, &answer)).await;
    let mut settings = plain(&stub.base);
    let redeem =
        async |settings: &ProviderSettings| step(&Subject::new(settings.clone()).redeem().await);
    assert_eq!(redeem(&settings).await, "nonsense");
    settings.quirks.errors.pending = vec!["/error/error_subcode=1349174".to_owned()];
    assert_eq!(redeem(&settings).await, "pending");
}

// GitHub, "Authorizing OAuth apps", device flow: errors have status 200, and `slow_down` contains the new interval.
#[tokio::test]
async fn github() {
    for (answer, expected) in [
        (json!({"error": "authorization_pending"}), "pending"),
        (
            json!({"error": "slow_down", "interval": 10}),
            "slow down Some(10s)",
        ),
        (json!({"error": "expired_token"}), "expired"),
        (json!({"error": "token_expired"}), "expired"),
        (json!({"error": "access_denied"}), "denied"),
        (json!({"error": "incorrect_device_code"}), "unavailable"),
        (
            json!({"error": "device_flow_disabled"}),
            "misconfigured device_flow_disabled",
        ),
        (
            json!({"error": "redirect_uri_mismatch"}),
            "misconfigured redirect_uri_mismatch",
        ),
        (
            json!({"access_token": "gho_x", "token_type": "bearer", "scope": "repo,gist"}),
            "granted",
        ),
    ] {
        assert_eq!(
            redeem("github", 200, answer.clone()).await,
            expected,
            "{answer}"
        );
    }
    let (subject, _stub) = saying("github", 200, &json!({"error": "device_flow_disabled"})).await;
    let words = error_of(subject.begin().await).to_string();
    assert!(words.contains("Enable Device Flow"), "{words}");
}

// Google sends the statuses 428 and 403 (seen in logs of clients), `verification_url`, and an exceeded quota in
// `error_code`.
#[tokio::test]
async fn google() {
    for (status, answer, expected) in [
        (
            428,
            json!({"error": "authorization_pending", "error_description": "Precondition Required"}),
            "pending",
        ),
        (
            403,
            json!({"error": "slow_down", "error_description": "Forbidden"}),
            "slow down None",
        ),
        (
            403,
            json!({"error": "access_denied", "error_description": "Forbidden"}),
            "denied",
        ),
        (
            403,
            json!({"error_code": "rate_limit_exceeded"}),
            "unavailable",
        ),
    ] {
        assert_eq!(
            redeem("google", status, answer.clone()).await,
            expected,
            "{answer}"
        );
    }
    let answer =
        json!({"error": "invalid_scope", "error_description": "Invalid device flow scope: x"});
    let (subject, _stub) = saying("google", 400, &answer).await;
    let words = error_of(subject.begin().await).to_string();
    assert!(
        words.contains("Set flow = \"authorization_code\""),
        "{words}"
    );
}

// Auth0, "Call your API using the device authorization flow": the status is 403 or 429, and the body contains the error
// code.
#[tokio::test]
async fn auth0() {
    for (status, error, expected) in [
        (403, "authorization_pending", "pending"),
        (429, "slow_down", "slow down None"),
        (403, "expired_token", "expired"),
        (403, "access_denied", "denied"),
        (403, "invalid_grant", "refused invalid_grant"),
    ] {
        assert_eq!(
            redeem("auth0", status, json!({"error": error})).await,
            expected
        );
    }
    // auth0/laravel-auth0 issue 42, auth0/nextjs-auth0 issue 66: a wrong client id or secret does not count as a person
    // who declined.
    let client = json!({"error": "access_denied", "error_description": "Unauthorized"});
    assert_eq!(
        redeem("auth0", 401, client).await,
        "misconfigured access_denied"
    );
}

// twitchdev/issues 1037 and 943: the request has `scopes`, errors are `{status, message}`, and `verification_uri` contains
// the user code.
#[tokio::test]
async fn twitch() {
    let answer = json!({"device_code": "dc", "expires_in": 1800, "interval": 5, "user_code": "JLLKTXWJ",
        "verification_uri": "https://www.twitch.tv/activate?device-code=JLLKTXWJ"});
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    let settings = ProviderSettings {
        scopes: scopes(&["chat:read", "chat:edit"]),
        ..preset("twitch", &stub.base)
    };
    let subject = Subject::new(settings);
    let consent = subject.begin().await.ok().unwrap();
    stub.last(|seen| {
        assert_eq!(seen.form()["scopes"], "chat:read chat:edit");
        assert!(!seen.form().contains_key("scope"));
    });
    let Prompt::UserCode {
        verification_uri_complete: Some(uri),
        ..
    } = &consent.prompt
    else {
        panic!("a complete address");
    };
    assert_eq!(
        uri.expose(),
        "https://www.twitch.tv/activate?device-code=JLLKTXWJ"
    );
    assert!(subject.redeem().await.is_err());
    stub.last(|seen| assert_eq!(seen.form()["scopes"], "chat:read chat:edit"));
    for (message, expected) in [
        ("authorization_pending", "pending"),
        ("Invalid Device Code", "expired"),
        (
            "missing client secret",
            "misconfigured missing_client_secret",
        ),
        ("something else", "nonsense"),
    ] {
        let answer = json!({"status": 400, "message": message});
        assert_eq!(redeem("twitch", 400, answer).await, expected, "{message}");
    }
    let answer = json!({"access_token": "x", "expires_in": 14542, "refresh_token": "y",
        "scope": ["chat:read"], "token_type": "bearer"});
    let (subject, _stub) = saying("twitch", 200, &answer).await;
    let Ok(Redemption::Granted(grant)) = subject.redeem().await else {
        panic!("tokens");
    };
    assert_eq!(grant.scopes, ["chat:read"]);
}

// forcedotcom/sfdx-core, deviceOauthService.ts: both requests go to the token endpoint, the fields have other names, and
// there is no `expires_in`.
#[tokio::test]
async fn salesforce() {
    let answer = json!({"device_code": "dc", "user_code": "ABCD1234", "interval": 5,
        "verification_uri": "https://login.salesforce.com/setup/connect"});
    let (subject, stub) = saying("salesforce", 200, &answer).await;
    let consent = subject.begin().await.ok().unwrap();
    assert!(consent.expires_in >= Duration::from_secs(600));
    stub.last(|seen| {
        assert_eq!(seen.form()["response_type"], "device_code");
        assert_eq!(seen.form()["scope"], "openid refresh_token");
    });
    assert!(subject.redeem().await.is_err());
    stub.last(|seen| {
        let form = seen.form();
        assert_eq!(form["grant_type"], "device");
        assert_eq!(form["code"], DEVICE_CODE);
        assert!(!form.contains_key("device_code"));
    });
    for (error, expected) in [
        ("authorization_pending", "pending"),
        ("slow_down", "slow down None"),
        ("invalid_grant", "refused invalid_grant"),
        ("rate_limit_exceeded", "unavailable"),
        ("oauth_flow_disabled", "misconfigured oauth_flow_disabled"),
    ] {
        assert_eq!(
            redeem("salesforce", 400, json!({"error": error})).await,
            expected
        );
    }
    let answer = json!({"access_token": "00D", "refresh_token": "5Aep", "scope": "refresh_token api",
        "instance_url": "https://x.my.salesforce.com", "token_type": "Bearer", "issued_at": "1700000000000"});
    let (subject, _stub) = saying("salesforce", 200, &answer).await;
    let Ok(Redemption::Granted(grant)) = subject.redeem().await else {
        panic!("tokens");
    };
    assert_eq!(grant.assumed_expires_in, Some(Duration::from_secs(7200)));
}

// Zoho's device flow, from public code: times are in milliseconds, scopes are separated by commas, the poll goes to its own
// endpoint, and error codes contain spaces. Zoho, "Initiation request": only the first consent returns a refresh token,
// unless the request has `prompt=consent`.
#[tokio::test]
async fn zoho() {
    let answer = json!({"device_code": "dc", "user_code": "A1B2-C3D4", "interval": 5000, "expires_in": 300_000,
        "verification_url": "https://accounts.zoho.com/oauth/v3/device"});
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    let settings = ProviderSettings {
        scopes: scopes(&["A.b.READ", "C.d.ALL"]),
        ..preset("zoho", &stub.base)
    };
    let subject = Subject::new(settings);
    let consent = subject.begin().await.ok().unwrap();
    assert_eq!(consent.expires_in, Duration::from_secs(300));
    assert_eq!(consent.interval, Some(Duration::from_secs(5)));
    stub.last(|seen| {
        let form = seen.form();
        assert_eq!(form["scope"], "A.b.READ,C.d.ALL");
        assert_eq!(form["grant_type"], "device_request");
        assert_eq!(form["access_type"], "offline");
        assert_eq!(form["prompt"], "consent");
    });
    assert!(subject.redeem().await.is_err());
    stub.last(|seen| {
        assert_eq!(seen.path, "/device-token");
        assert_eq!(seen.form()["grant_type"], "device_token");
        assert_eq!(seen.form()["code"], DEVICE_CODE);
        assert_eq!(seen.form()["client_secret"], SECRET);
    });
    for (status, error, expected) in [
        (200, "authorization_pending", "pending"),
        (200, "access_denied", "denied"),
        (200, "expired", "expired"),
        (400, "Access Denied", "unavailable"),
        (200, "invalid_code", "refused invalid_code"),
    ] {
        assert_eq!(
            redeem("zoho", status, json!({"error": error})).await,
            expected,
            "{error}"
        );
    }
    let answer = json!({"access_token": "1000.x", "refresh_token": "1000.y", "expires_in": 3600});
    let (subject, stub) = saying("zoho", 200, &answer).await;
    let Ok(Redemption::Granted(grant)) = subject.redeem().await else {
        panic!("tokens");
    };
    // Refreshes go to the token endpoint, so this endpoint is the origin of the grant.
    assert_eq!(grant.origin.token_endpoint, format!("{}/token", stub.base));
}

// Keycloak, DeviceGrantType.java: if the device flow is disabled for the client, the error is `invalid_grant`.
#[tokio::test]
async fn keycloak() {
    let words = "Client not allowed OAuth 2.0 Device Authorization Grant";
    let answer = json!({"error": "invalid_grant", "error_description": words});
    let expected = "misconfigured invalid_grant";
    assert_eq!(redeem("keycloak", 400, answer.clone()).await, expected);
    let (subject, _stub) = saying("keycloak", 400, &answer).await;
    let told = error_of(subject.begin().await).to_string();
    assert!(told.contains("Enable"), "{told}");
    let (subject, _stub) = saying("keycloak", 400, &answer).await;
    let refused = subject.refresh().await.err().unwrap();
    assert_eq!(kind(&refused.cause), ("misconfigured", "invalid_grant"));
}

// Zoom needs the client id in the body in addition to HTTP Basic. The profile names the source.
#[tokio::test]
async fn zoom() {
    let stub = Stub::start(|_, _| reply_json(400, &json!({"error": "invalid_request"}))).await;
    let settings = ProviderSettings {
        flow: central_oauth_provider_openidconnect::Flow::Device,
        ..preset("zoom", &stub.base)
    };
    let error = error_of(Subject::new(settings).begin().await);
    assert_eq!(kind(&error), ("refused", "invalid_request"));
    stub.last(|seen| {
        assert_eq!(seen.form()["client_id"], "client-1");
        assert!(seen.header("authorization").starts_with("Basic "));
    });
}
