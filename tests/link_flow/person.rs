//! The person, in a browser.

use std::cell::RefCell;
use std::path::Path;

use fantoccini::Locator;

use crate::support::browser::Browser;

/// A person with a browser.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    /// What the page showed as the provider's code.
    pub(crate) user_code: RefCell<String>,
    name: &'static str,
}

impl Person {
    pub(crate) fn new(browser: Browser, name: &'static str) -> Self {
        Self {
            browser,
            user_code: RefCell::default(),
            name,
        }
    }

    /// Types a code and sends it.
    pub(crate) async fn enter(&self, code: &str) {
        self.picture("enter").await;
        self.browser.fill("input[name=code]", code).await;
        self.browser.click("button[value=look_up]").await;
    }

    /// Sends a code that the page had filled in.
    pub(crate) async fn submit_prefilled(&self, code: &str) {
        let field = self.browser.find("input[name=code]").await;
        let filled = field.prop("value").await.unwrap().unwrap();
        let digits: String = filled.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits, code);
        self.browser.click("button[value=look_up]").await;
    }

    pub(crate) async fn expect_who_asks(&self, program: &str, provider: &str) {
        self.browser.wait_for_text(program).await;
        let text = self.browser.text().await;
        for words in [
            provider,
            "not verified",
            "127.0.0.1",
            "openid",
            "offline_access",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        self.picture("who").await;
    }

    pub(crate) async fn confirm(&self) {
        self.browser.click("button[value=confirm]").await;
        let shown = self.browser.find("#user-code").await;
        *self.user_code.borrow_mut() = shown.text().await.unwrap();
        assert!(self.user_code.borrow().len() >= 8);
        self.picture("prompt").await;
    }

    pub(crate) async fn cancel(&self) {
        self.browser.click("button[value=cancel]").await;
        self.browser.wait_for_text("ancelled").await;
        self.picture("cancelled").await;
    }

    /// Follows the link to the provider, consents there and comes back.
    pub(crate) async fn consent_in_the_new_tab(&self, name: &str) {
        self.sign_in_in_the_new_tab(name).await;
        self.browser.click("button[type=submit]").await;
        self.browser.wait_for_text("Sign-in Success").await;
        self.come_back().await;
    }

    /// Follows the link to the provider and says no there.
    pub(crate) async fn refuse_in_the_new_tab(&self, name: &str) {
        self.sign_in_in_the_new_tab(name).await;
        let client = &self.browser.client;
        let cancel = client.find(Locator::LinkText("[ Cancel ]")).await.unwrap();
        cancel.click().await.unwrap();
        self.come_back().await;
    }

    async fn sign_in_in_the_new_tab(&self, name: &str) {
        self.browser.click("a.main").await;
        let client = &self.browser.client;
        let tabs = client.windows().await.unwrap();
        assert_eq!(tabs.len(), 2, "the link opens a tab of its own");
        client.switch_to_window(tabs[1].clone()).await.unwrap();
        if let Ok(button) = client.find(Locator::Css("noscript button")).await {
            button.click().await.unwrap();
        }
        self.browser.wait_for_text("Confirm Device").await;
        self.browser.click("button[autofocus]").await;
        self.browser.fill("input[name=login]", name).await;
        self.browser.fill("input[name=password]", "any").await;
        self.browser.click("button[type=submit]").await;
        self.browser.wait_for_text("Authorize").await;
    }

    async fn come_back(&self) {
        let client = &self.browser.client;
        client.close_window().await.unwrap();
        let tabs = client.windows().await.unwrap();
        client.switch_to_window(tabs[0].clone()).await.unwrap();
    }

    /// Takes a picture of the page, for whoever asked for pictures.
    pub(crate) async fn picture(&self, page: &str) {
        #[expect(clippy::disallowed_methods, reason = "a wish of whoever runs the test")]
        let folder = std::env::var_os("CENTRAL_OAUTH_TEST_PICTURES");
        if let Some(folder) = folder {
            let file = Path::new(&folder).join(format!("{}-{page}.png", self.name));
            self.browser.screenshot(&file).await;
        }
    }
}
