//! A certified OpenID Connect provider: npm's oidc-provider, see `tests/fixtures/oidc-provider.mjs`.

use std::ops::Deref;
use std::time::Duration;

use fantoccini::Locator;
use serde_json::{Value, json};

use super::browser::Browser;
use super::issuer::Issuer;
use super::process;

/// How the provider behaves.
#[derive(Debug, Clone)]
pub(crate) struct OidcOptions {
    /// Where it listens; a free port by default.
    pub(crate) port: Option<u16>,
    /// The path of its issuer, such as `/realms/work`; none by default.
    pub(crate) path: &'static str,
    /// How long an access token lasts.
    pub(crate) access_token_ttl: Duration,
    /// How long a refresh token lasts.
    pub(crate) refresh_token_ttl: Duration,
    /// How long people have to consent.
    pub(crate) device_code_ttl: Duration,
    /// Whether each refresh brings a new refresh token.
    pub(crate) rotate: bool,
    /// Where browsers may be sent back to with an authorization code.
    pub(crate) redirect_uri: Option<String>,
}

impl Default for OidcOptions {
    fn default() -> Self {
        Self {
            port: None,
            path: "",
            access_token_ttl: Duration::from_secs(300),
            refresh_token_ttl: Duration::from_secs(24 * 3600),
            device_code_ttl: Duration::from_secs(600),
            rotate: true,
            redirect_uri: None,
        }
    }
}

/// A running provider; it ends with this handle. It lets in everybody, with any password.
pub(crate) struct OidcProvider(Issuer);

impl OidcProvider {
    /// The client that has a secret, with characters in both that need encoding in a Basic header.
    pub(crate) const CLIENT_ID: &str = "whole:system";
    pub(crate) const CLIENT_SECRET: &str = "s3cret:+%/& of the tests";
    /// The client that has none.
    pub(crate) const PUBLIC_CLIENT_ID: &str = "public-client";

    /// Starts a provider; on return it listens.
    pub(crate) async fn start(options: OidcOptions) -> Self {
        let modules = process::modules("oidc").await;
        let mut command = process::command("node");
        command
            .arg(process::fixtures().join("oidc-provider.mjs"))
            .arg(argument(&options).to_string());
        Self(Issuer::start(command, Some(&modules)).await)
    }

    /// Ends the provider, for tests of an outage.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }
}

impl Deref for OidcProvider {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        &self.0
    }
}

fn argument(options: &OidcOptions) -> Value {
    json!({
        "port": options.port.unwrap_or(0),
        "path": options.path,
        "rotate": options.rotate,
        "redirectUris": Vec::from_iter(options.redirect_uri.as_ref()),
        "clients": {
            "confidential": {
                "id": OidcProvider::CLIENT_ID,
                "secret": OidcProvider::CLIENT_SECRET,
            },
            "public": { "id": OidcProvider::PUBLIC_CLIENT_ID },
        },
        "ttl": {
            "accessToken": options.access_token_ttl.as_secs(),
            "refreshToken": options.refresh_token_ttl.as_secs(),
            "deviceCode": options.device_code_ttl.as_secs(),
        },
    })
}

/// Signs in on the provider's pages and consents there.
pub(crate) async fn consent(browser: &Browser, verification_uri: &str, name: &str) {
    browser.goto(verification_uri).await;
    sign_in(browser, name).await;
    say_yes(browser).await;
}

/// Goes from the first page of the device flow to the question. The first page submits itself if scripts are enabled.
pub(crate) async fn sign_in(browser: &Browser, name: &str) {
    if !browser.javascript {
        browser.click("noscript button").await;
    }
    browser.wait_for_text("Confirm Device").await;
    browser.click("button[autofocus]").await;
    browser.fill("input[name=login]", name).await;
    browser.fill("input[name=password]", "any").await;
    browser.click("button[type=submit]").await;
    browser.wait_for_text("Authorize").await;
}

/// Answers the question with yes.
pub(crate) async fn say_yes(browser: &Browser) {
    browser.click("button[type=submit]").await;
    browser.wait_for_text("Sign-in Success").await;
}

/// Answers the question with no.
pub(crate) async fn say_no(browser: &Browser) {
    let cancel = Locator::LinkText("[ Cancel ]");
    let cancel = browser.client.find(cancel).await.expect("no way to say no");
    cancel.click().await.expect("cannot click");
    browser
        .wait_for_text("Sign-in request was interrupted")
        .await;
}
