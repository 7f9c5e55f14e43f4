//! An authorization server by other authors than the certified one: `PyPI`'s django-allauth, see
//! `tests/fixtures/allauth/start.py`.

use std::ops::Deref;
use std::time::Duration;

use serde_json::{Value, json};

use super::browser::Browser;
use super::issuer::Issuer;
use super::process;

const PASSWORD: &str = "the password of everybody";

/// How the server behaves.
#[derive(Debug, Clone)]
pub(crate) struct AllauthOptions {
    /// How long an access token lasts.
    pub(crate) access_token_ttl: Duration,
    /// How long people have to consent.
    pub(crate) device_code_ttl: Duration,
    /// The minimum interval between two polls for a device code.
    pub(crate) interval: Duration,
    /// The interval in its response, if different.
    pub(crate) announced_interval: Option<Duration>,
    /// The redirect URI of the authorization code flow.
    pub(crate) redirect_uri: Option<String>,
}

impl Default for AllauthOptions {
    fn default() -> Self {
        Self {
            access_token_ttl: Duration::from_secs(300),
            device_code_ttl: Duration::from_secs(300),
            interval: Duration::from_secs(1),
            announced_interval: None,
            redirect_uri: None,
        }
    }
}

/// A running server; it ends with this handle. Alice and bob can sign in.
pub(crate) struct Allauth(Issuer);

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Told {
    /// When it was requested, on a separate clock.
    pub(crate) at: Duration,
    /// The last part of the requested path.
    pub(crate) endpoint: String,
    /// The status of the answer.
    pub(crate) status: u64,
    /// Its `error`, if it has one.
    pub(crate) error: String,
}

impl Allauth {
    /// The client for the device flow; allauth supports it only for public clients.
    pub(crate) const DEVICE_CLIENT_ID: &str = "device-client";
    /// The client for the authorization code flow.
    pub(crate) const WEB_CLIENT_ID: &str = "web-client";
    /// Its secret, with characters as in secrets that Django generates.
    pub(crate) const WEB_CLIENT_SECRET: &str = "s3cret:+%/& of the tests";

    /// Starts a server; on return it listens.
    pub(crate) async fn start(options: AllauthOptions) -> Self {
        let mut command = process::command(process::modules("allauth").await.join("bin/python"));
        command
            .arg("-B")
            .arg(process::fixtures().join("allauth/start.py"))
            .arg(argument(&options).to_string());
        Self(Issuer::start(command, None).await)
    }

    /// Returns the server's responses at an endpoint so far.
    pub(crate) fn told_at(&self, endpoint: &str) -> Vec<Told> {
        let log = self.logs();
        let lines = log.lines().filter_map(Told::read);
        lines.filter(|told| told.endpoint == endpoint).collect()
    }

    /// Ends the server.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }
}

impl Deref for Allauth {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        &self.0
    }
}

impl Told {
    /// Parses a line of the gateway; the other lines of the log are Django's.
    fn read(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            at: Duration::from_secs_f64(line["at"].as_f64()?),
            endpoint: line["path"].as_str()?.rsplit('/').next()?.to_owned(),
            status: line["status"].as_u64()?,
            error: line["error"].as_str()?.to_owned(),
        })
    }
}

fn argument(options: &AllauthOptions) -> Value {
    json!({
        "deviceClient": Allauth::DEVICE_CLIENT_ID,
        "webClient": { "id": Allauth::WEB_CLIENT_ID, "secret": Allauth::WEB_CLIENT_SECRET },
        "redirectUris": Vec::from_iter(options.redirect_uri.as_ref()),
        "people": ["alice", "bob"],
        "password": PASSWORD,
        "accessTokenTtl": options.access_token_ttl.as_secs(),
        "deviceCodeTtl": options.device_code_ttl.as_secs(),
        "interval": options.interval.as_secs(),
        "announcedInterval": options.announced_interval.map(|interval| interval.as_secs()),
    })
}

/// Signs in on the server's page.
pub(crate) async fn sign_in(browser: &Browser, name: &str) {
    browser.fill("input[name=login]", name).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("button[type=submit]").await;
}

/// Signs in on the server's pages, and consents or declines there.
pub(crate) async fn answer(browser: &Browser, name: &str, yes: bool) {
    sign_in(browser, name).await;
    browser.wait_for_text("Confirm Device").await;
    let (button, outcome) = if yes {
        ("button[value=confirm]", "Device Authorized")
    } else {
        ("button[value=deny]", "Device Denied")
    };
    browser.click(button).await;
    browser.wait_for_text(outcome).await;
}
