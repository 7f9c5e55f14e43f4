//! The person, in a browser.

use std::cell::RefCell;

use crate::support::browser::Browser;
use crate::support::oidc;

/// A person with a browser.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    /// The provider's code, as the page showed it.
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

    /// Submits a code that the page had prefilled.
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
            "Know who you are",
            "offline_access",
            "At Example Work this appears as Example Account Link.",
            "Example Ltd runs this service.",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        self.picture("who").await;
    }

    pub(crate) async fn confirm(&self) {
        self.browser.click("button[value=confirm]").await;
        *self.user_code.borrow_mut() = self.browser.text_of("#user-code").await;
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
        oidc::say_yes(&self.browser).await;
        self.browser.close_tab().await;
    }

    /// Follows the link to the provider and declines there.
    pub(crate) async fn refuse_in_the_new_tab(&self, name: &str) {
        self.sign_in_in_the_new_tab(name).await;
        oidc::say_no(&self.browser).await;
        self.browser.close_tab().await;
    }

    async fn sign_in_in_the_new_tab(&self, name: &str) {
        self.browser.follow_to_new_tab("a.main").await;
        oidc::sign_in(&self.browser, name).await;
    }

    /// Takes a picture of the page, if pictures are requested.
    pub(crate) async fn picture(&self, page: &str) {
        let name = format!("{}-{page}", self.name);
        self.browser.picture(&name).await;
    }
}
