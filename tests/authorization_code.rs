//! Consent through a redirect (authorization code with PKCE): the real binary, a certified authorization server, a real
//! browser. The program sees no difference.
//!
//! With `CENTRAL_OAUTH_TEST_PICTURES=folder` pictures are taken of the pages.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::link_flow::client::Program;
use crate::support::browser::{Browser, BrowserOptions};
use crate::support::http;
use crate::support::oidc::{OidcOptions, OidcProvider};
use crate::support::process::{self, eventually, within};
use crate::support::service::Service;
use fantoccini::Locator;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

const TIMEOUT: Duration = Duration::from_secs(60);
const SCOPES: &str = "openid profile email offline_access";

/// Starts a provider, and a service that uses this flow.
async fn started(client_id: &str, secret: Option<&str>) -> (OidcProvider, Service) {
    let mut service = Service::prepare(&[
        ("PROVIDER_FLOW", "authorization_code"),
        ("PROVIDER_CLIENT_ID", client_id),
        ("PROVIDER_SCOPES", SCOPES),
        ("PROVIDER_DISPLAY_NAME", "Example Work"),
        ("PROVIDER_CONSENT_NAME", "Example Account Link"),
        ("OPERATOR_NAME", "Example Ltd"),
        ("OPERATOR_CONTACT", "mailto:help@example.com"),
        ("LOG", "trace"),
    ]);
    let options = OidcOptions {
        path: "/realms/work",
        redirect_uri: Some(service.url("/callback/default")),
        access_token_ttl: Duration::from_secs(6),
        ..OidcOptions::default()
    };
    let provider = OidcProvider::start(options).await;
    service.set("PROVIDER_ISSUER", &provider.issuer);
    if let Some(secret) = secret {
        service.set("PROVIDER_CLIENT_SECRET", secret);
    }
    service.run().await;
    (provider, service)
}

/// Enters the code, confirms it and continues to the provider.
async fn go_to_provider(browser: &Browser, program: &Program<'_>) {
    go_from(browser, program.verification_url_complete()).await;
}

async fn go_from(browser: &Browser, page: &str) {
    browser.goto(page).await;
    browser.click("button[value=look_up]").await;
    browser.click("button[value=confirm]").await;
    browser.find("a.main").await;
    picture(browser, "prompt").await;
    browser.click("a.main").await;
}

async fn sign_in(browser: &Browser, name: &str) {
    browser.fill("input[name=login]", name).await;
    browser.fill("input[name=password]", "any").await;
    browser.click("button[type=submit]").await;
    browser.wait_for_text("Authorize").await;
}

async fn address(browser: &Browser) -> String {
    browser.client.current_url().await.unwrap().into()
}

async fn picture(browser: &Browser, page: &str) {
    #[expect(clippy::disallowed_methods, reason = "a wish of whoever runs the test")]
    let folder = std::env::var_os("CENTRAL_OAUTH_TEST_PICTURES");
    if let Some(folder) = folder {
        let file = format!("redirect-{page}.png");
        browser.screenshot(&Path::new(&folder).join(file)).await;
    }
}

#[tokio::test]
async fn a_person_goes_to_the_provider_and_is_sent_back() {
    let secret = OidcProvider::CLIENT_SECRET;
    let (provider, mut service) = started(OidcProvider::CLIENT_ID, Some(secret)).await;
    let program = Program::ask(&service, "nightly backup").await;
    let browser = Browser::with_javascript().await;
    go_to_provider(&browser, &program).await;
    program.expect_status("authorizing").await;
    sign_in(&browser, "alice").await;
    browser.click("button[type=submit]").await;
    browser.wait_for_text("can now use this account").await;
    picture(&browser, "linked").await;
    let shown = address(&browser).await;
    assert!(
        !shown.contains("state="),
        "the code has left the address bar: {shown}"
    );

    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], "alice");
    let token = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &token, "alice")
        .await;
    // The grant has a refresh token, so the service refreshes it like any other grant.
    eventually(Duration::from_secs(60), "a refresh", async || {
        program.token().await != token
    })
    .await;
    let fresh = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &fresh, "alice")
        .await;
    browser.close().await;
    program.expect_nothing_in_the_clear(&[&token]).await;
    assert!(service.stop().await.success());
}

#[tokio::test]
async fn a_public_client_without_scripts_and_a_crash_while_the_person_is_away() {
    let (provider, mut service) = started(OidcProvider::PUBLIC_CLIENT_ID, None).await;
    let program = Program::ask(&service, "cron").await;
    let browser = Browser::without_javascript().await;
    go_to_provider(&browser, &program).await;
    sign_in(&browser, "bob").await;
    service.kill().await;
    service.run().await;
    browser.click("button[type=submit]").await;
    browser.wait_for_text("can now use this account").await;
    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], "bob");
    let token = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &token, "bob")
        .await;
    browser.close().await;
}

#[tokio::test]
async fn a_no_foreign_browsers_and_answers_used_twice() {
    let secret = OidcProvider::CLIENT_SECRET;
    let (_provider, service) = started(OidcProvider::CLIENT_ID, Some(secret)).await;
    let browser = Browser::with_javascript().await;
    let denied = Program::ask(&service, "denied").await;
    go_to_provider(&browser, &denied).await;
    sign_in(&browser, "carol").await;
    let cancel = Locator::LinkText("[ Cancel ]");
    let cancel = browser.client.find(cancel).await.unwrap();
    cancel.click().await.unwrap();
    browser.wait_for_text("The provider says").await;
    denied.wait_for("denied").await;
    denied.expect_no_token("unauthorized").await;

    // Another browser opens the callback address that was meant for this browser.
    let linked = Program::ask(&service, "linked").await;
    browser.goto(linked.verification_url_complete()).await;
    browser.click("button[value=look_up]").await;
    browser.click("button[value=confirm]").await;
    let way = browser.find("a.main").await.attr("href").await;
    let way = way.unwrap().unwrap();
    let state = way.split("state=").nth(1).unwrap();
    let state = state.split('&').next().unwrap();
    let callback = service.url(&format!("/callback/default?code=stolen&state={state}"));
    let client = http::client();
    let refused = http::send(client.get(&callback)).await.expect(400);
    assert!(refused.text.contains("cannot be used"), "{}", refused.text);
    assert_eq!(refused.header("cache-control"), "no-store");
    for nonsense in ["", "?code=1", "?state=00", "?error=access_denied&state=zz"] {
        let url = service.url(&format!("/callback/default{nonsense}"));
        http::send(client.get(url)).await.expect(400);
    }
    http::send(client.get(service.url("/callback/another?state=00")))
        .await
        .expect(400);
    linked.expect_status("authorizing").await;

    // A response from another issuer is rejected and ends the link; the person can start again.
    let mixed_up = format!("{callback}&iss=https%3A%2F%2Fevil.example");
    // Leaves the waiting page first, because it would reload as soon as the link ends.
    browser.goto(&service.url("/device")).await;
    browser.goto(&mixed_up).await;
    browser.wait_for_text("It did not work").await;
    browser.wait_for_text("another issuer").await;
    linked.wait_for("failed").await;
    // The page shows the same error when this callback is opened again, and when another one is opened.
    for again in [&mixed_up, &callback] {
        browser.goto(&service.url("/device")).await;
        browser.goto(again).await;
        browser.wait_for_text("another issuer").await;
    }
    browser
        .goto(&service.url("/callback/default?code=1&state=00"))
        .await;
    browser.wait_for_text("cannot be used").await;
    picture(&browser, "refused").await;
    browser.close().await;
}

/// Returns the callback address, which nobody has opened yet, and the browser's cookie.
async fn callback_of(browser: &Browser, service: &mut Service) -> (String, String) {
    service.kill().await;
    browser.click("button[type=submit]").await;
    let mut callback = String::new();
    eventually(Duration::from_secs(30), "the way back", async || {
        callback = address(browser).await;
        callback.starts_with(&service.url("/callback/"))
    })
    .await;
    // Leaves the browser's error page, which would reload by itself.
    browser.goto("about:blank").await;
    service.run().await;
    browser.goto(&service.url("/device")).await;
    let cookie = browser.client.get_named_cookie("central-oauth-browser");
    let cookie = cookie.await.unwrap();
    (callback, format!("{}={}", cookie.name(), cookie.value()))
}

#[tokio::test]
async fn a_callback_that_the_browser_repeats_links_once_and_shows_it_each_time() {
    let secret = OidcProvider::CLIENT_SECRET;
    let (provider, mut service) = started(OidcProvider::CLIENT_ID, Some(secret)).await;
    let program = Program::ask(&service, "repeated").await;
    let browser = Browser::without_javascript().await;
    go_to_provider(&browser, &program).await;
    sign_in(&browser, "dora").await;
    let (callback, cookie) = callback_of(&browser, &mut service).await;
    let client = http::client();
    let get = |url: &str| client.get(url).header("cookie", &cookie);

    // Without the cookie, as a HEAD request and as a prefetch, the callback has no effect.
    http::send(client.get(&callback)).await.expect(400);
    let head = client.head(&callback).header("cookie", &cookie);
    let head = http::send(head).await.expect(303);
    let prefetch = get(&callback).header("sec-purpose", "prefetch;prerender");
    http::send(prefetch).await.expect(503);
    let declined = format!("{callback}&error=access_denied");
    let prefetch = get(&declined).header("purpose", "prefetch");
    http::send(prefetch).await.expect(503);
    program.expect_status("authorizing").await;
    let page = http::send(get(&service.url(head.header("location")))).await;
    assert!(page.text.contains(&provider.issuer), "{}", page.text);

    // The callback is requested twice at once, then by the person's browser, then again after a restart.
    let (first, second) = tokio::join!(http::send(get(&callback)), http::send(get(&callback)));
    for taken in [first.expect(303), second.expect(303)] {
        assert_eq!(taken.header("location"), head.header("location"));
    }
    browser.goto(&callback).await;
    browser.wait_for_text("can now use this account").await;
    service.restart().await;
    browser.goto(&callback).await;
    browser.wait_for_text("can now use this account").await;
    // Browsers that preload pages may send other responses too. Only the first one counts.
    let other = callback.replacen("code=", "code=other", 1);
    for later in [&other, &declined] {
        let taken = http::send(get(later)).await.expect(303);
        assert_eq!(taken.header("location"), head.header("location"));
    }

    let account = program.wait_until_linked().await;
    assert_eq!(account["account_id"], "dora");
    // This provider ends a grant whose code is redeemed twice.
    let token = program.token().await;
    program
        .expect_accepted_by(&provider.issuer, &token, "dora")
        .await;
    browser.close().await;
}

/// A program that waits for the return code, after the person has consented.
struct AtThePrompt {
    link: Child,
    keyboard: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    browser: Browser,
    link_code: String,
    service: Service,
    home: TempDir,
    _provider: OidcProvider,
}

impl AtThePrompt {
    async fn come() -> Self {
        Self::come_with(BrowserOptions::default()).await
    }

    async fn come_with(options: BrowserOptions) -> Self {
        let secret = OidcProvider::CLIENT_SECRET;
        let (provider, service) = started(OidcProvider::CLIENT_ID, Some(secret)).await;
        let home = tempfile::tempdir().unwrap();
        let mut link = process::command(env!("CARGO_BIN_EXE_central-oauth"));
        link.args(["link", "--json", "--return-code", "--no-browser"])
            .env("CENTRAL_OAUTH_SERVER", service.url(""))
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut link = link.spawn().unwrap();
        let keyboard = link.stdin.take().unwrap();
        let mut events = BufReader::new(link.stdout.take().unwrap()).lines();
        let asked = event(&mut events).await;
        let browser = Browser::open(options).await;
        let page = asked["verification_url_complete"].as_str().unwrap();
        go_from(&browser, page).await;
        sign_in(&browser, "erin").await;
        browser.click("button[type=submit]").await;
        browser.find("#return-code").await;
        assert_eq!(event(&mut events).await["status"], "confirming");
        Self {
            link,
            keyboard,
            events,
            browser,
            link_code: asked["link_code"].as_str().unwrap().to_owned(),
            service,
            home,
            _provider: provider,
        }
    }

    /// Sends wrong codes until the link has failed.
    async fn fail(&self) {
        let key = kept_key(self.home.path()).expect("the key of the link");
        let path = format!("/v1/link/{}/confirm", self.link_code);
        for _ in 0..3 {
            let wrong = serde_json::json!({"return_code": "BBBBBB"});
            let request = http::client().post(self.service.url(&path)).json(&wrong);
            http::send(request.bearer_auth(&key)).await;
        }
    }

    async fn expect_no_barriers(&self, language: &str, page: &str) {
        let html = self.browser.find("html").await;
        assert_eq!(
            html.attr("lang").await.unwrap().as_deref(),
            Some(language),
            "{page}"
        );
        picture(&self.browser, &format!("{page}-{language}")).await;
        self.browser.expect_accessible().await;
        self.browser.expect_tab_order_as_seen().await;
    }

    async fn type_in(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.keyboard.write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        event(&mut self.events).await
    }
}

async fn event(events: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = within(TIMEOUT, "an event", events.next_line()).await;
    let line = line.unwrap().expect("an event");
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn a_person_types_the_return_code_into_the_program() {
    let mut at = AtThePrompt::come().await;
    picture(&at.browser, "return-code").await;
    at.browser.expect_accessible().await;
    at.browser.expect_tab_order_as_seen().await;
    let shown = at.browser.find("#return-code").await.text().await.unwrap();
    at.type_in("BBB-BBB").await;
    assert_eq!(at.next().await["status"], "confirming");
    at.type_in(&shown.to_lowercase()).await;
    let linked = at.next().await;
    assert_eq!(linked["status"], "linked", "{linked}");
    assert_eq!(linked["account"]["provider"], "default");
    let ended = within(TIMEOUT, "the end of `link`", at.link.wait()).await;
    assert!(ended.unwrap().success());
    at.browser.wait_for_text("can now use this account").await;
    at.browser.close().await;
}

#[tokio::test]
async fn the_return_code_has_no_barriers_in_other_languages() {
    let phone = BrowserOptions {
        window: (390, 844),
        dark: true,
        language: "de",
        ..BrowserOptions::default()
    };
    let desk = BrowserOptions {
        language: "ja",
        ..BrowserOptions::default()
    };
    for options in [phone, desk] {
        let at = AtThePrompt::come_with(options).await;
        at.expect_no_barriers(options.language, "return-code").await;
        at.fail().await;
        // The open page reloads by itself.
        at.browser.find(".sign").await;
        at.expect_no_barriers(options.language, "not-confirmed")
            .await;
        at.browser.close().await;
    }
}

#[tokio::test]
async fn a_program_at_its_prompt_sees_that_the_link_has_ended() {
    let mut at = AtThePrompt::come().await;
    at.fail().await;
    // Nobody types anything.
    let failed = at.next().await;
    assert_eq!(failed["status"], "failed", "{failed}");
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.contains("not_confirmed"), "{failed}");
    let ended = within(TIMEOUT, "the end of `link`", at.link.wait()).await;
    assert_eq!(ended.unwrap().code(), Some(6));
    at.browser.close().await;
}

/// Returns the access key in a folder, if there is one.
fn kept_key(folder: &Path) -> Option<String> {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let found = if entry.file_type().unwrap().is_dir() {
            kept_key(&entry.path())
        } else {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let key = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            key.into_iter()
                .find(|word| word.starts_with("coak_"))
                .map(str::to_owned)
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
