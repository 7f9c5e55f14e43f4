//! The real binary with an authorization server by other authors, django-allauth: it answers `slow_down`, calls an
//! expired device code `invalid_grant`, and rotates refresh tokens. The person has a real browser.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::link_flow::client::Program;
use crate::support::allauth::{self, Allauth, AllauthOptions};
use crate::support::browser::Browser;
use crate::support::linking;
use crate::support::process::{eventually, within};
use crate::support::service::Service;

const SCOPES: &str = "openid profile email";
const SOON: Duration = Duration::from_secs(60);
/// Long enough to use a token, short enough to wait for the next one.
const LIFETIME: Duration = Duration::from_secs(6);
/// The CSS selector of the link from the service's page to the provider.
const WAY_ON: &str = "a.main";
/// Alice's id at allauth.
const ALICE: &str = "1";

/// Starts a service with the device flow.
async fn service(provider: &Allauth) -> Service {
    Service::start(&[
        ("PROVIDER_ISSUER", provider.issuer.as_str()),
        ("PROVIDER_CLIENT_ID", Allauth::DEVICE_CLIENT_ID),
        ("PROVIDER_SCOPES", SCOPES),
    ])
    .await
}

/// Enters the code and confirms it. The page that follows leads to the provider.
async fn confirm(browser: &Browser, program: &Program<'_>) {
    browser.goto(program.verification_url_complete()).await;
    browser.click("button[value=look_up]").await;
    browser.click("button[value=confirm]").await;
}

/// Waits for a token other than this one.
async fn refreshed(program: &Program<'_>, token: &str) -> String {
    eventually(SOON, "a refresh", async || program.token().await != token).await;
    program.token().await
}

#[tokio::test]
async fn an_account_is_linked_refreshed_and_given_back() {
    let provider = Allauth::start(AllauthOptions {
        access_token_ttl: LIFETIME,
        ..AllauthOptions::default()
    })
    .await;
    let service = service(&provider).await;
    let program = Program::ask(&service, "nightly backup").await;
    let browser = Browser::with_javascript().await;
    confirm(&browser, &program).await;
    browser.follow_to_new_tab(WAY_ON).await;
    allauth::answer(&browser, "alice", true).await;
    browser.close_tab().await;
    browser.wait_for_text("can now use this account").await;
    browser.wait_for_text("Alice").await;
    browser.close().await;

    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], ALICE);
    let mut token = program.token().await;
    // The second refresh uses the refresh token of the first one.
    for _ in 0..2 {
        let issuer = &provider.issuer;
        program.expect_accepted_by(issuer, &token, ALICE).await;
        token = refreshed(&program, &token).await;
    }
    let deleted = program.delete(&service, &account).await.expect(200);
    assert_eq!(deleted.str("provider_revocation"), "revoked");
    program.userinfo(&provider.issuer, &token).await.expect(401);
    // The service must revoke both the refresh token and the access token: allauth revokes only the token that a
    // request names.
    let told = provider.told_at("revoke");
    assert_eq!(
        Vec::from_iter(told.iter().map(|told| told.status)),
        [200, 200]
    );
    provider.stop().await;
}

#[tokio::test]
async fn a_service_that_is_told_to_slow_down_does() {
    let (announced, demanded) = (Duration::from_secs(1), Duration::from_secs(5));
    let polled_early = async || {
        loop {
            let provider = Allauth::start(AllauthOptions {
                interval: demanded,
                announced_interval: Some(announced),
                ..AllauthOptions::default()
            })
            .await;
            let service = service(&provider).await;
            let confirmed = linking::ask(&service).await;
            let was_told = async || provider.told_at("token").len() >= 2;
            eventually(SOON, "two answers before the consent", was_told).await;
            let told = provider.told_at("token");
            // On a very busy machine the second poll may be so late that it keeps the longer interval by chance.
            if told[1].at - told[0].at < demanded {
                return (provider, service, confirmed);
            }
        }
    };
    let early = within(5 * SOON, "an early poll", polled_early()).await;
    let (provider, _service, confirmed) = early;
    let browser = Browser::without_javascript().await;
    browser.goto(confirmed.verification_uri()).await;
    allauth::answer(&browser, "alice", true).await;
    browser.close().await;
    confirmed.wait_until_linked().await;

    let told = provider.told_at("token");
    let errors = Vec::from_iter(told.iter().map(|told| told.error.as_str()));
    assert_eq!(errors[..2], ["authorization_pending", "slow_down"]);
    assert_eq!(errors.last(), Some(&""));
    let pauses = Vec::from_iter(told.windows(2).map(|two| two[1].at - two[0].at));
    assert!(pauses[0] >= announced && pauses[0] < demanded, "{told:?}");
    // `slow_down` adds five seconds to the interval of this and all later polls (RFC 8628 section 3.5).
    let longer = announced + Duration::from_secs(5);
    assert!(pauses[1..].iter().all(|pause| *pause >= longer), "{told:?}");
    assert_eq!(
        errors.iter().filter(|error| **error == "slow_down").count(),
        1
    );
}

#[tokio::test]
async fn an_expired_device_code_ends_the_link_as_expired() {
    let provider = Allauth::start(AllauthOptions {
        device_code_ttl: Duration::from_secs(3),
        ..AllauthOptions::default()
    })
    .await;
    let service = service(&provider).await;
    let confirmed = linking::ask(&service).await;
    confirmed.wait_for("expired").await;
    let told = provider.told_at("token");
    assert_eq!(told.last().unwrap().error, "invalid_grant");
}

#[tokio::test]
async fn a_person_who_says_no() {
    let provider = Allauth::start(AllauthOptions::default()).await;
    let service = service(&provider).await;
    let program = Program::ask(&service, "denied").await;
    let browser = Browser::with_javascript().await;
    confirm(&browser, &program).await;
    browser.follow_to_new_tab(WAY_ON).await;
    allauth::answer(&browser, "bob", false).await;
    browser.close().await;
    program.wait_for("denied").await;
    program.expect_no_token("unauthorized").await;
    assert_eq!(
        provider.told_at("token").last().unwrap().error,
        "access_denied"
    );
}

#[tokio::test]
async fn a_person_is_sent_back_with_an_authorization_code() {
    let mut service = Service::prepare(&[
        ("PROVIDER_FLOW", "authorization_code"),
        ("PROVIDER_CLIENT_ID", Allauth::WEB_CLIENT_ID),
        ("PROVIDER_CLIENT_SECRET", Allauth::WEB_CLIENT_SECRET),
        // Allauth does not decode the Basic header, although RFC 6749 section 2.3.1 requires encoding.
        ("PROVIDER_TOKEN_ENDPOINT_AUTH_METHOD", "client_secret_post"),
        ("PROVIDER_SCOPES", SCOPES),
    ]);
    let provider = Allauth::start(AllauthOptions {
        access_token_ttl: LIFETIME,
        redirect_uri: Some(service.url("/callback/default")),
        ..AllauthOptions::default()
    })
    .await;
    service.set("PROVIDER_ISSUER", &provider.issuer);
    service.run().await;

    let browser = Browser::with_javascript().await;
    let linked = Program::ask(&service, "linked").await;
    confirm(&browser, &linked).await;
    browser.click(WAY_ON).await;
    allauth::sign_in(&browser, "alice").await;
    browser.click("button[value=grant]").await;
    browser.wait_for_text("can now use this account").await;
    let account = linked.wait_until_linked().await;
    assert_eq!(account["account_id"], ALICE);
    let token = refreshed(&linked, &linked.token().await).await;
    linked
        .expect_accepted_by(&provider.issuer, &token, ALICE)
        .await;

    let denied = Program::ask(&service, "denied").await;
    confirm(&browser, &denied).await;
    browser.click(WAY_ON).await;
    browser.click("button[value=cancel]").await;
    browser
        .wait_for_text("You declined at default. Nothing was linked.")
        .await;
    denied.wait_for("denied").await;
    browser.close().await;
}
