//! Requests that deviate from the RFCs.

use central_oauth_domain::ports::{Prompt, Redemption};
use serde_json::{Value, json};
use url::Url;

use super::{by_code, preset};
use crate::support::{
    REFRESH_TOKEN, Stub, Subject, changed, error_of, json as reply_json, kind, step,
};

async fn granting() -> Stub {
    Stub::start(|_, _| reply_json(200, &json!({"access_token": "at"}))).await
}

async fn address(subject: &Subject) -> Url {
    match subject.begin().await.ok().unwrap().prompt {
        Prompt::Visit { uri } => Url::parse(uri.expose()).unwrap(),
        Prompt::UserCode { .. } => panic!("an address"),
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

// Notion, "Authorization": requests with codes and refresh tokens are JSON with HTTP Basic.
#[tokio::test]
async fn json_bodies() {
    let stub = granting().await;
    let subject = Subject::new(preset("notion", &stub.base));
    assert_eq!(
        parameter(&address(&subject).await, "owner").as_deref(),
        Some("user")
    );
    assert!(subject.refresh().await.is_ok());
    stub.last(|seen| {
        assert_eq!(seen.header("content-type"), "application/json");
        assert!(seen.header("authorization").starts_with("Basic "));
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        let expected = json!({"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN});
        assert_eq!(body, expected);
    });
    let consent = subject.begin().await.ok().unwrap();
    let outcome = subject.come_back(&consent.handle, "code=c").await;
    assert_eq!(step(&outcome), "granted");
    stub.last(|seen| {
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["code"], "c");
        assert!(body["code_verifier"].is_string());
    });
}

// Google returns no refresh token without `access_type` and `prompt`. Dropbox needs `token_access_type`. Slack separates
// scopes by commas.
#[tokio::test]
async fn parameters_of_authorization_requests() {
    for (name, key, value) in [
        ("google", "access_type", "offline"),
        ("google", "prompt", "consent"),
        ("dropbox", "token_access_type", "offline"),
        ("atlassian", "audience", "api.atlassian.com"),
        ("zoho", "access_type", "offline"),
        ("atlassian", "scope", "read:me offline_access"),
    ] {
        let subject = Subject::new(by_code(preset(name, "http://127.0.0.1:9")));
        let sent = parameter(&address(&subject).await, key);
        assert_eq!(sent.as_deref(), Some(value), "{name}");
        let method = parameter(&address(&subject).await, "code_challenge_method");
        assert_eq!(method.as_deref(), Some("S256"), "{name}");
    }
    let mut slack = preset("slack", "http://127.0.0.1:9");
    slack.scopes = vec!["channels:read".to_owned(), "chat:write".to_owned()];
    let sent = parameter(&address(&Subject::new(slack)).await, "scope");
    assert_eq!(sent.as_deref(), Some("channels:read,chat:write"));
}

// LinkedIn rejects a `code_verifier` with `invalid_client` (UsefulSoftwareCo/executor issue 2087, teamhanko/hanko pull
// request 2405). Its ID tokens have no nonce, even if the request has one (python-social-auth/social-core pull request 833,
// authlib issue 763).
#[tokio::test]
async fn a_provider_that_refuses_pkce() {
    let answer = json!({"access_token": "at", "id_token": "e30.eyJzdWIiOiJhIn0.c2ln"});
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    let subject = Subject::new(preset("linkedin", &stub.base));
    let consent = subject.begin().await.ok().unwrap();
    let url = address(&subject).await;
    assert_eq!(parameter(&url, "code_challenge"), None);
    assert_eq!(parameter(&url, "nonce"), None);
    assert!(parameter(&url, "state").is_some());
    let outcome = subject.come_back(&consent.handle, "code=c").await;
    assert_eq!(step(&outcome), "granted");
    stub.last(|seen| assert!(!seen.form().contains_key("code_verifier")));
}

// LinkedIn, "Authorization Code Flow", step 2, defines its own codes for a person who declines. Salesforce, "OAuth 2.0
// Authorization Errors", writes a code of RFC 6749 with a hyphen.
#[tokio::test]
async fn words_of_their_own_for_a_no() {
    for (name, word, expected) in [
        ("linkedin", "user_cancelled_login", "denied"),
        ("linkedin", "user_cancelled_authorize", "denied"),
        (
            "linkedin",
            "unauthorized_scope_error",
            "refused unauthorized_scope_error",
        ),
        ("salesforce", "access-denied", "denied"),
    ] {
        let subject = Subject::new(by_code(preset(name, "http://127.0.0.1:9")));
        let consent = subject.begin().await.ok().unwrap();
        let query = format!("error={word}&error_description=The+user+cancelled&state=x");
        let outcome = subject.come_back(&consent.handle, query).await;
        assert_eq!(step(&outcome), expected, "{word}");
    }
}

// Slack, "Using PKCE": an app with PKCE is a public client. PKCE together with a secret gets `internal_error`
// (paradigmxyz/centaur pull requests 1100 and 1101), but either of them alone works.
#[tokio::test]
async fn a_provider_that_takes_pkce_of_public_clients() {
    let stub = granting().await;
    for has_secret in [true, false] {
        let mut settings = preset("slack", &stub.base);
        if !has_secret {
            settings.client_secret = None;
            settings.token_endpoint_auth_method = None;
        }
        let subject = Subject::new(settings);
        let consent = subject.begin().await.ok().unwrap();
        let sent = parameter(&address(&subject).await, "code_challenge");
        assert_eq!(sent.is_some(), !has_secret);
        let outcome = subject.come_back(&consent.handle, "code=c").await;
        assert_eq!(step(&outcome), "granted");
        stub.last(|seen| {
            assert_eq!(seen.form().contains_key("code_verifier"), !has_secret);
            let is_basic = seen.header("authorization").starts_with("Basic ");
            assert_eq!(is_basic, has_secret);
        });
    }
}

// GitHub, "Discovery endpoints for GitHub Apps": callbacks contain `iss`, although the preset uses no discovery.
#[tokio::test]
async fn an_issuer_without_metadata() {
    let stub = granting().await;
    for (callback, expected) in [
        (
            "code=c&iss=https%3A%2F%2Fgithub.com%2Flogin%2Foauth",
            "granted",
        ),
        ("code=c", "granted"),
        (
            "code=c&iss=https%3A%2F%2Fgithub.com",
            "refused issuer_mismatch",
        ),
    ] {
        let subject = Subject::new(by_code(preset("github", &stub.base)));
        let consent = subject.begin().await.ok().unwrap();
        let outcome = subject.come_back(&consent.handle, callback).await;
        assert_eq!(step(&outcome), expected);
    }
}

// Strava, "Authentication", and aspnet-contrib/AspNet.Security.OAuth.Providers#444: people can deselect scopes. Only the
// callback contains the granted scopes, not the token response.
#[tokio::test]
async fn scopes_in_the_callback() {
    let all = vec!["read".to_owned(), "activity:read".to_owned()];
    for (is_on, callback, answer, expected) in [
        (true, "code=c&scope=read", json!({}), &all[..1]),
        (true, "code=c&scope=read,activity:read", json!({}), &all[..]),
        (true, "code=c&scope=read,admin", json!({}), &all[..1]),
        (true, "code=c", json!({}), &all[..]),
        (
            true,
            "code=c&scope=read",
            json!({"scope": "read activity:read"}),
            &all[..],
        ),
        (false, "code=c&scope=read", json!({}), &all[..]),
    ] {
        let answer = changed(json!({"access_token": "at"}), answer);
        let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
        let mut settings = preset("strava", &stub.base);
        settings.scopes.clone_from(&all);
        settings.quirks.scopes.in_callback &= is_on;
        let subject = Subject::new(settings);
        let consent = subject.begin().await.ok().unwrap();
        match subject.come_back(&consent.handle, callback).await {
            Ok(Redemption::Granted(grant)) => assert_eq!(grant.scopes, expected, "{callback}"),
            other => panic!("{}", step(&other)),
        }
    }
    // Both scopes are configured as one text.
    let stub = Stub::start(|_, _| reply_json(200, &json!({"access_token": "at"}))).await;
    let mut settings = preset("strava", &stub.base);
    settings.scopes = vec![all.join(",")];
    let subject = Subject::new(settings);
    let consent = subject.begin().await.ok().unwrap();
    let callback = "code=c&scope=read,activity:read,admin";
    match subject.come_back(&consent.handle, callback).await {
        Ok(Redemption::Granted(grant)) => assert_eq!(grant.scopes, all),
        other => panic!("{}", step(&other)),
    }
}

// A preset with `client_secret_post` also works for a public client without a secret.
#[tokio::test]
async fn public_clients_of_presets() {
    let stub = Stub::start(|_, _| reply_json(400, &json!({"error": "invalid_request"}))).await;
    let mut settings = preset("github", &stub.base);
    settings.client_secret = None;
    settings.token_endpoint_auth_method = None;
    let error = error_of(Subject::new(settings).redeem().await);
    assert_eq!(kind(&error), ("refused", "invalid_request"));
    stub.last(|seen| {
        assert_eq!(seen.form()["client_id"], "client-1");
        assert!(!seen.form().contains_key("client_secret"));
    });
}

// Some servers need additional parameters, such as `resource` (RFC 8707), `audience`, or `redirect_uri` in refreshes:
// openai/codex issue 33403, n8n-io/n8n issue 30924, athenahealth/apiserver-athenaFlex issue 55, NangoHQ/nango issue 430.
#[tokio::test]
async fn parameters_of_every_kind_of_request() {
    let stub = granting().await;
    let mut settings = crate::support::plain(&stub.base);
    let table = |kind: &str| {
        let redirect = ("redirect_uri".to_owned(), "https://x.example".to_owned());
        let kind = ("kind".to_owned(), kind.to_owned());
        std::collections::BTreeMap::from([redirect, kind])
    };
    settings.quirks.device.parameters = table("device");
    settings.quirks.token.parameters = [("kind".to_owned(), "token".to_owned())].into();
    settings.quirks.refresh.parameters = table("refresh");
    settings.quirks.revocation.parameters = table("revocation");
    let subject = Subject::new(settings.clone());
    let kind = || stub.last(|seen| seen.form().remove("kind"));
    assert!(subject.begin().await.is_err());
    assert_eq!(kind().as_deref(), Some("device"));
    assert_eq!(step(&subject.redeem().await), "granted");
    assert_eq!(kind().as_deref(), Some("token"));
    assert!(subject.refresh().await.is_ok());
    assert_eq!(kind().as_deref(), Some("refresh"));
    stub.last(|seen| assert_eq!(seen.form()["redirect_uri"], "https://x.example"));
    assert!(subject.revoke().await.is_ok());
    assert_eq!(kind().as_deref(), Some("revocation"));

    settings.authorization_endpoint =
        Some(Url::parse(&format!("{}/authorize", stub.base)).unwrap());
    settings.authorization_parameters = vec![("kind".to_owned(), "authorize".to_owned())];
    let subject = Subject::new(by_code(settings));
    let sent = parameter(&address(&subject).await, "kind");
    assert_eq!(sent.as_deref(), Some("authorize"));
    let consent = subject.begin().await.ok().unwrap();
    let redeemed = subject.come_back(&consent.handle, "code=c");
    let _ = redeemed.await;
    assert_eq!(kind().as_deref(), Some("token"));
}
