//! The operator, in a browser at the page `/admin`.

use std::time::Duration;

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};

use super::PHONE;
use super::person::Person;
use crate::support::browser::{Browser, BrowserOptions};
use crate::support::linking::link;
use crate::support::service::Service;

#[tokio::test]
async fn an_operator_at_a_desk_by_day() {
    act(BrowserOptions::default(), "admin-desk").await;
}

#[tokio::test]
async fn an_operator_with_a_phone_at_night() {
    let phone = BrowserOptions {
        window: (390, 844),
        dark: true,
        ..BrowserOptions::default()
    };
    act(phone, "admin-phone").await;
}

#[tokio::test]
async fn an_operator_without_javascript() {
    let plain = BrowserOptions {
        javascript: false,
        window: PHONE,
        ..BrowserOptions::default()
    };
    act(plain, "admin-plain").await;
}

/// Looks at everything that the page shows, and uses all its actions.
async fn act(options: BrowserOptions, name: &'static str) {
    let options_of_sandbox = SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        interval: Duration::from_secs(1),
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options_of_sandbox).await.unwrap();
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    link(&service).await;
    let operator = Operator(Person::new(Browser::open(options).await, name));
    let browser = &operator.0.browser;

    browser.goto(&service.url("/admin")).await;
    operator
        .look("login", "for the operators of this service")
        .await;
    browser.fill("#key", "a-wrong-key-of-nobody").await;
    browser.click("main button.main").await;
    operator
        .look("wrong", "This key is not an operator's")
        .await;
    browser.fill("#key", Service::ADMIN_KEY).await;
    browser.click("main button.main").await;
    operator.look("accounts", "active").await;
    browser.click("tbody th a").await;
    operator.look("account", "Keys").await;

    operator
        .go("a[href$='/refresh']", "refresh", "Refresh this account?")
        .await;
    browser.click("main button.main").await;
    operator.look("refreshed", "has a new access token").await;
    operator
        .go("a[href$='/relink']", "relink", "consent again?")
        .await;
    browser.click("main button.main").await;
    operator.look("relinking", "let them scan the code").await;
    browser.click("p.centred a").await;
    operator
        .go("a[href$='/relink-link']", "relink-link", "nobody access")
        .await;
    browser.click("main button.main").await;
    operator
        .look("relink-link-made", "seven days at most")
        .await;
    browser.click("p.centred a").await;
    operator
        .go("a[href$='/keys/new']", "new-key", "Which program")
        .await;
    browser.fill("#name", "nightly report").await;
    browser.click("main button.main").await;
    operator.look("key", "not shown again").await;
    browser.click("p.centred a").await;
    browser.wait_for_text("nightly report").await;
    browser.click("tr:last-child td a").await;
    operator.look("delete-key", "gets no more tokens").await;
    browser.click("main button.main").await;
    operator
        .look("key-deleted", "does not exist any more")
        .await;

    operator
        .go("a[href$='/revoke']", "revoke", "cannot be undone")
        .await;
    browser.fill("#key", Service::ADMIN_KEY).await;
    browser.click("main button.main").await;
    operator.look("revoked", "The account is deleted").await;
    operator
        .go("nav a[href$='/service']", "service", "Replicas")
        .await;
    operator
        .go("nav a[href$='/admin']", "no-accounts", "No accounts")
        .await;
    browser.click("nav button").await;
    operator
        .look("logged-out", "for the operators of this service")
        .await;
    operator.0.browser.close().await;
    sandbox.stop().await.unwrap();
}

struct Operator(Person);

impl Operator {
    /// Waits for a page, checks it and takes a picture.
    async fn look(&self, page: &str, words: &str) {
        let browser = &self.0.browser;
        browser.wait_for_text(words).await;
        if browser.javascript {
            browser.expect_accessible().await;
        }
        self.0.picture(page).await;
    }

    /// Follows a link of the page, and checks the target.
    async fn go(&self, link: &str, page: &str, words: &str) {
        self.0.browser.click(link).await;
        self.look(page, words).await;
    }
}
