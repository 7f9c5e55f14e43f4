//! An account whose grant has ended: the operator starts a relink, and a person opens the address of a relink.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;

use super::client::Program;
use super::person::Person;
use super::service_with;
use crate::support::browser::Browser;
use crate::support::http::{self, Answer};
use crate::support::oidc::{OidcOptions, OidcProvider};
use crate::support::process::{eventually, free_port};
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The operator, with the admin key.
struct Operator<'a> {
    service: &'a Service,
    account: String,
}

impl Operator<'_> {
    async fn send(&self, method: Method, path: &str) -> Answer {
        let request = http::client().request(method, self.service.url(path));
        http::send(request.bearer_auth(Service::ADMIN_KEY)).await
    }

    async fn account(&self, more: &str, method: Method) -> Answer {
        let path = format!("/v1/accounts/{}{more}", self.account);
        self.send(method, &path).await
    }

    async fn status(&self) -> String {
        let account = self.account("", Method::GET).await.expect(200);
        account.str("status").to_owned()
    }

    /// Returns how many relinks of the account were started.
    async fn relinks(&self) -> usize {
        let path = format!("/v1/audit?account={}&kind=link.started", self.account);
        let log = self.send(Method::GET, &path).await.expect(200);
        log.json["items"].as_array().unwrap().len()
    }

    /// Polls a link until it has ended; returns the last answer.
    async fn wait_for(&self, started: &Answer, status: &str) -> Value {
        let path = format!("/v1/poll/{}", started.str("link_code"));
        let mut last = Value::Null;
        eventually(TIMEOUT, status, async || {
            sleep(Duration::from_secs(started.number("interval"))).await;
            last = self.send(Method::GET, &path).await.expect(200).json;
            last["status"] == status
        })
        .await;
        last
    }

    /// Copies a relink link from the operators' page.
    async fn relink_url(&self) -> String {
        let browser = Browser::without_javascript().await;
        browser.goto(&self.service.url("/admin")).await;
        browser.fill("#key", Service::ADMIN_KEY).await;
        browser.click("main button.main").await;
        browser.wait_for_text("Log out").await;
        let page = format!("/admin/accounts/{}", self.account);
        browser.goto(&self.service.url(&page)).await;
        browser.click("a[href$='/relink-link']").await;
        browser.wait_for_text("gives nobody access").await;
        browser.click("main button.main").await;
        browser.wait_for_text("not shown again").await;
        let url = browser.text_of(".user-code code").await;
        browser.close().await;
        url
    }
}

/// Continues from the page that says who asks, and consents as this person, in a browser that the provider does not know.
async fn consent(person: &Person, name: &str, result: &str) {
    person.confirm().await;
    person.consent_in_the_new_tab(name).await;
    person.browser.wait_for_text(result).await;
}

async fn link_at(page: &str, name: &str) {
    let person = Person::new(Browser::with_javascript().await, "relinking");
    person.browser.goto(page).await;
    person.browser.click("button[value=look_up]").await;
    consent(&person, name, "can now use this account").await;
    person.browser.close().await;
}

/// Opens the address of a relink and continues to the page that says who asks.
async fn follow(url: &str) -> Person {
    let person = Person::new(Browser::with_javascript().await, "relink-link");
    person.browser.goto(url).await;
    person
        .browser
        .wait_for_text("Link your account again")
        .await;
    person.picture("open").await;
    person.browser.expect_accessible().await;
    person.browser.click("main button.main").await;
    person
        .browser
        .wait_for_text("Do you know this program?")
        .await;
    person.picture("who").await;
    person
}

#[tokio::test]
async fn a_grant_that_has_ended_is_linked_again() {
    let options = OidcOptions {
        port: Some(free_port()),
        ..OidcOptions::default()
    };
    let provider = OidcProvider::start(options.clone()).await;
    let service = service_with(&provider, &[("ADMIN_KEY", Service::ADMIN_KEY)]).await;
    let program = Program::ask(&service, "nightly backup").await;
    link_at(program.verification_url_complete(), "alice").await;
    let account = program.wait_until_linked().await;
    let operator = Operator {
        service: &service,
        account: account["id"].as_str().unwrap().to_owned(),
    };

    // The provider forgets all grants.
    provider.stop().await;
    let provider = OidcProvider::start(options).await;
    let refreshed = operator.account("/refresh", Method::POST).await;
    assert_eq!(refreshed.expect(409).str("code"), "relink_required");
    assert_eq!(operator.status().await, "relink_required");

    let started = operator.account("/relink", Method::POST).await.expect(201);
    assert!(started.json.get("access_key").is_none());
    link_at(started.str("verification_url_complete"), "alice").await;
    let linked = operator.wait_for(&started, "linked").await;
    assert_eq!(linked["account"]["id"], operator.account);
    assert_eq!(operator.status().await, "active");
    let token = program.token().await;
    let (issuer, name) = (&provider.issuer, "alice");
    program.expect_accepted_by(issuer, &token, name).await;

    let url = operator.relink_url().await;
    let opened = http::send(http::client().get(&url)).await.expect(200);
    assert!(opened.text.contains("nightly backup"), "{}", opened.text);
    assert_eq!(operator.relinks().await, 1, "looking starts nothing");

    let mallory = follow(&url).await;
    assert_eq!(operator.relinks().await, 2);
    consent(&mallory, "mallory", "different account").await;
    mallory.browser.close().await;
    let account = operator.account("", Method::GET).await.expect(200);
    assert_eq!(account.str("account_id"), "alice");

    let alice = follow(&url).await;
    consent(&alice, "alice", "can now use this account").await;
    alice.browser.goto(&url).await;
    alice.browser.wait_for_text("Already done").await;
    alice.picture("done").await;
    alice.browser.close().await;
    http::send(http::client().get(&url)).await.expect(410);
    assert_eq!(operator.relinks().await, 3);
    assert_eq!(operator.status().await, "active");
    let (_, value) = url.rsplit_once('/').unwrap();
    let (_, mac) = value.rsplit_once('.').unwrap();
    let token = program.token().await;
    program.expect_nothing_in_the_clear(&[&token, mac]).await;
}
