//! Tests from the link code to a working token. They use the real binary, a certified authorization server and a real
//! browser with and without JavaScript. They also test the operators' page.
//!
//! With `CENTRAL_OAUTH_TEST_PICTURES=folder`, a screenshot of every page is saved in this folder.
#![allow(clippy::unwrap_used)]

mod barriers;
pub(crate) mod client;
mod logo;
mod operator;
mod person;
mod relinking;

use crate::support::browser::{Browser, BrowserOptions};
use crate::support::oidc::{OidcOptions, OidcProvider};
use crate::support::service::Service;
use client::Program;
use person::Person;

const SCOPES: &str = "openid profile email offline_access";
const PHONE: (u32, u32) = (500, 900);

async fn provider() -> OidcProvider {
    let options = OidcOptions {
        path: "/realms/work",
        ..OidcOptions::default()
    };
    OidcProvider::start(options).await
}

async fn service(provider: &OidcProvider) -> Service {
    service_with(provider, &[]).await
}

async fn service_with(provider: &OidcProvider, more: &[(&str, &str)]) -> Service {
    let settings = [
        ("PROVIDER_ISSUER", provider.issuer.as_str()),
        ("PROVIDER_CLIENT_ID", OidcProvider::CLIENT_ID),
        ("PROVIDER_CLIENT_SECRET", OidcProvider::CLIENT_SECRET),
        ("PROVIDER_SCOPES", SCOPES),
        ("PROVIDER_DISPLAY_NAME", "Example Work"),
        ("PROVIDER_CONSENT_NAME", "Example Account Link"),
        ("OPERATOR_NAME", "Example Ltd"),
        ("OPERATOR_CONTACT", "mailto:help@example.com"),
        ("LOG", "trace"),
    ];
    Service::start(&[&settings, more].concat()).await
}

#[tokio::test]
async fn a_person_with_javascript_types_the_code_and_the_page_follows_by_itself() {
    let provider = provider().await;
    let service = service(&provider).await;
    let program = Program::ask(&service, "nightly backup").await;
    program.expect_status("pending").await;
    program.expect_no_token("link_pending").await;

    let person = Person::new(Browser::with_javascript().await, "javascript");
    person.browser.goto(&service.url("/device")).await;
    let (left, right) = program.link_code().split_at(4);
    person.enter(&format!("{left} {right}")).await;
    person
        .expect_who_asks("nightly backup", "Example Work")
        .await;
    program.expect_status("pending").await;
    person.confirm().await;
    program.expect_status("authorizing").await;
    // Safari 15 has no `AbortSignal.timeout`.
    let old = "delete AbortSignal.timeout";
    person
        .browser
        .client
        .execute(old, Vec::new())
        .await
        .unwrap();
    person.consent_in_the_new_tab("alice").await;
    // This tab reloads by itself.
    person
        .browser
        .wait_for_text("can now use this account")
        .await;
    person.browser.wait_for_text("Alice").await;
    person.picture("linked").await;

    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], "alice");
    let token = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &token, "alice")
        .await;
    let user_code = person.user_code.borrow().clone();
    person.browser.close().await;
    program
        .expect_nothing_in_the_clear(&[&token, &user_code])
        .await;
}

#[tokio::test]
async fn a_person_without_javascript_and_a_restart_before_the_consent() {
    let provider = provider().await;
    let mut service = service(&provider).await;
    let program = Program::ask(&service, "<b>cron</b>").await;

    let browser = Browser::open(BrowserOptions {
        javascript: false,
        dark: true,
        window: PHONE,
        ..BrowserOptions::default()
    });
    let person = Person::new(browser.await, "plain");
    // The code is prefilled from the address, and still has to be confirmed.
    person
        .browser
        .goto(program.verification_url_complete())
        .await;
    person.submit_prefilled(program.link_code()).await;
    person.expect_who_asks("<b>cron</b>", "Example Work").await;
    person.confirm().await;
    service.kill().await;
    service.run().await;
    // The page without scripts may have reloaded while the service was down: the person opens it again.
    person
        .browser
        .goto(program.verification_url_complete())
        .await;
    person.consent_in_the_new_tab("bob").await;

    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], "bob");
    // The page without scripts reloads every few seconds.
    person
        .browser
        .wait_for_text("can now use this account")
        .await;
    person.picture("linked").await;
    let token = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &token, "bob")
        .await;
    // If a response was lost, the program can request the token again.
    assert_eq!(program.token().await, token);
    person.browser.close().await;
}

#[tokio::test]
async fn a_person_who_says_no_and_codes_that_do_not_serve() {
    let provider = provider().await;
    let mut service = service(&provider).await;
    let person = Person::new(Browser::with_javascript().await, "no");
    person.browser.goto(&service.url("/device")).await;
    person.enter("0000 0000").await;
    person
        .browser
        .wait_for_text("No program is waiting with this code")
        .await;
    person.picture("wrong").await;

    let denied = Program::ask(&service, "denied").await;
    person
        .browser
        .goto(denied.verification_url_complete())
        .await;
    person.submit_prefilled(denied.link_code()).await;
    person.confirm().await;
    person.refuse_in_the_new_tab("carol").await;
    denied.wait_for("denied").await;
    // The page reloads by itself, which may undo a navigation at the same moment.
    let words = "The provider says: End-User aborted interaction";
    person.browser.wait_for_text(words).await;
    denied.expect_no_token("unauthorized").await;

    let cancelled = Program::ask(&service, "cancelled").await;
    person
        .browser
        .goto(cancelled.verification_url_complete())
        .await;
    person.submit_prefilled(cancelled.link_code()).await;
    person.cancel().await;
    cancelled.expect_status("denied").await;

    service.set("LINK_CODE_TTL", "1");
    service.restart().await;
    let expired = Program::ask(&service, "expired").await;
    expired.wait_for("expired").await;
    person
        .browser
        .goto(expired.verification_url_complete())
        .await;
    person.submit_prefilled(expired.link_code()).await;
    person.browser.wait_for_text("It has expired").await;
    person.picture("expired").await;
    person.browser.close().await;
}
