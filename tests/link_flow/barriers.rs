//! The person's pages with a keyboard and a screen reader, on a phone and at a desk, in several languages.

use std::time::Duration;

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};

use super::client::Program;
use super::person::Person;
use crate::support::browser::{Browser, BrowserOptions};
use crate::support::service::Service;

const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>
<rect width='32' height='32' rx='8' fill='#3b5bdb'/>
<path d='M11 8h11v3h-7v4h6v3h-6v4h7v3H11z' fill='#fff'/>
</svg>";

/// Selects the part of a page that tells about a refusal.
const REFUSED: &str = ".sign, .notice, #code-problem";

#[tokio::test]
async fn on_a_phone_at_night_in_german() {
    let phone = BrowserOptions {
        window: (390, 844),
        dark: true,
        language: "de",
        ..BrowserOptions::default()
    };
    look_around(phone, "phone-de").await;
}

#[tokio::test]
async fn at_a_desk_in_japanese() {
    let desk = BrowserOptions {
        language: "ja",
        ..BrowserOptions::default()
    };
    look_around(desk, "desk-ja").await;
}

#[tokio::test]
async fn at_a_desk_in_english() {
    let desk = BrowserOptions {
        // High enough for a picture of the whole page that says who asks.
        window: (1280, 1240),
        ..BrowserOptions::default()
    };
    look_around(desk, "desk-en").await;
}

async fn look_around(options: BrowserOptions, name: &'static str) {
    let options_of_sandbox = SandboxOptions {
        interval: Duration::from_secs(1),
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options_of_sandbox).await.unwrap();
    let mut service = service(&sandbox).await;
    let language = options.language;
    let visit = Visit {
        person: Person::new(Browser::open(options).await, name),
        language,
    };
    visit.type_a_code(&service).await;
    visit.link_and_take_back(&service).await;
    visit.cancel(&service).await;
    visit.decline(&service).await;
    visit.use_what_is_not_theirs(&service).await;
    sandbox.stop().await.unwrap();
    visit.find_the_provider_down(&service).await;
    service.set("LINK_CODE_TTL", "1");
    service.restart().await;
    visit.come_too_late(&service).await;
    visit.person.browser.close().await;
}

/// Starts a service with everything that its pages can show.
async fn service(sandbox: &Sandbox) -> Service {
    let mut service = Service::prepare_for(sandbox);
    let logo = service.file("logo.svg");
    std::fs::write(&logo, LOGO).unwrap();
    for (name, value) in [
        ("PROVIDER_DISPLAY_NAME", "Example Work"),
        ("PROVIDER_CONSENT_NAME", "Example Account Link"),
        ("PROVIDER_SCOPES", "openid profile hello"),
        ("OPERATOR_NAME", "Example Ltd"),
        ("OPERATOR_CONTACT", "mailto:help@example.com"),
        ("OPERATOR_LOGO_FILE", &logo.display().to_string()),
    ] {
        service.set(name, value);
    }
    service.run().await;
    service
}

struct Visit {
    person: Person,
    language: &'static str,
}

impl Visit {
    /// Waits for a page that has this element, and checks it.
    async fn look(&self, page: &str, css: &str) {
        let browser = &self.person.browser;
        browser.find(css).await;
        let html = browser.find("html").await;
        let language = html.attr("lang").await.unwrap();
        assert_eq!(language.as_deref(), Some(self.language), "{page}");
        self.person.picture(page).await;
        browser.expect_accessible().await;
        browser.expect_tab_order_as_seen().await;
    }

    async fn type_a_code(&self, service: &Service) {
        let browser = &self.person.browser;
        browser.goto(&service.url("/device")).await;
        self.look("enter", "#code").await;
        browser.fill("#code", "0000 0000").await;
        browser.click("button[value=look_up]").await;
        self.look("wrong", "#code-problem").await;
    }

    async fn link_and_take_back(&self, service: &Service) {
        let browser = &self.person.browser;
        self.check_who_asks(service).await;
        browser.click("button[value=confirm]").await;
        self.look("prompt", "#user-code").await;
        self.go_to_provider().await;
        browser.click("button[name=person]").await;
        self.decide("allow").await;
        self.look("linked", "button[value=disown]").await;
        browser.click("button[value=disown]").await;
        self.look("taken-back", ".sign.calm").await;
    }

    async fn cancel(&self, service: &Service) {
        self.check_who_asks(service).await;
        self.person.browser.click("button[value=cancel]").await;
        self.look("cancelled", ".sign.calm").await;
    }

    /// Opens the provider in a new tab. The provider asks only once who the person is.
    async fn go_to_provider(&self) {
        let browser = &self.person.browser;
        browser.follow_to_new_tab("a.main").await;
        browser.click("form button[type=submit]").await;
    }

    async fn decide(&self, decision: &str) {
        let browser = &self.person.browser;
        browser.click(&format!("button[value={decision}]")).await;
        browser.find("p[role=status]").await;
        browser.close_tab().await;
    }

    async fn decline(&self, service: &Service) {
        self.check_who_asks(service).await;
        self.person.browser.click("button[value=confirm]").await;
        self.person.browser.find("#user-code").await;
        self.go_to_provider().await;
        self.decide("deny").await;
        self.look("declined", ".sign").await;
    }

    /// Tries a code that another browser has confirmed, a form without its cookie, and addresses that do not exist.
    async fn use_what_is_not_theirs(&self, service: &Service) {
        let browser = &self.person.browser;
        let code = Program::ask(service, "of another").await;
        browser.goto(code.verification_url_complete()).await;
        browser.click("button[value=look_up]").await;
        browser.click("button[value=confirm]").await;
        browser.find("#user-code").await;
        browser.client.delete_all_cookies().await.unwrap();
        browser.goto(code.verification_url_complete()).await;
        browser.click("button[value=look_up]").await;
        self.look("elsewhere", REFUSED).await;
        browser.goto(code.verification_url_complete()).await;
        browser.client.delete_all_cookies().await.unwrap();
        browser.click("button[value=look_up]").await;
        self.look("without-cookie", REFUSED).await;
        browser
            .goto(&service.url("/callback/default?code=1&state=1"))
            .await;
        self.look("callback", REFUSED).await;
        browser.goto(&service.url("/device/relink/1")).await;
        self.look("relink", REFUSED).await;
    }

    async fn find_the_provider_down(&self, service: &Service) {
        self.check_who_asks(service).await;
        self.person.browser.click("button[value=confirm]").await;
        self.look("provider-down", "form.choice button.quiet").await;
    }

    async fn come_too_late(&self, service: &Service) {
        let browser = &self.person.browser;
        let late = Program::ask(service, "late").await;
        late.wait_for("expired").await;
        browser.goto(late.verification_url_complete()).await;
        browser.click("button[value=look_up]").await;
        self.look("expired", REFUSED).await;
    }

    async fn check_who_asks(&self, service: &Service) {
        let browser = &self.person.browser;
        let program = Program::ask(service, "nightly backup").await;
        browser.goto(program.verification_url_complete()).await;
        browser.click("button[value=look_up]").await;
        self.look("who", "button[value=confirm]").await;
    }
}
