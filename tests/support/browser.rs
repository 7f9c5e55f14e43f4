//! Chromium, driven through chromedriver.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::process::within;

mod driver;

use driver::Driver;

const START_WITHIN: Duration = Duration::from_secs(60);
/// How long the parts of a page may take to appear.
const PATIENCE: Duration = Duration::from_secs(15);

/// What kind of browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BrowserOptions {
    /// Whether pages may run scripts.
    pub(crate) javascript: bool,
    /// Whether names other than localhost resolve.
    pub(crate) internet: bool,
    /// The size of its window.
    pub(crate) window: (u32, u32),
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            javascript: true,
            internet: false,
            window: (1280, 900),
        }
    }
}

/// A headless Chromium with a profile of its own. It ends with this handle; [`Browser::close`] waits for that.
pub(crate) struct Browser {
    /// For what the helpers here do not do.
    pub(crate) client: Client,
    // Dropped after the client: the driver takes the browser along, however the test ends.
    driver: Driver,
}

impl Browser {
    /// A browser as most people have it.
    pub(crate) async fn with_javascript() -> Self {
        Self::open(BrowserOptions::default()).await
    }

    /// A browser that runs no scripts of pages.
    pub(crate) async fn without_javascript() -> Self {
        Self::open(BrowserOptions {
            javascript: false,
            ..BrowserOptions::default()
        })
        .await
    }

    /// Any browser.
    pub(crate) async fn open(options: BrowserOptions) -> Self {
        let driver = Driver::start().await;
        let session = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(options, driver.profile()))
            .connect(driver.url())
            .await;
        let client =
            session.unwrap_or_else(|error| panic!("no session: {error}\n{}", driver.logs()));
        Self { client, driver }
    }

    /// Opens a page.
    pub(crate) async fn goto(&self, url: &str) {
        let opened = within(PATIENCE, url, self.client.goto(url)).await;
        opened.unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => self.give_up(css, &error).await,
        }
    }

    /// Types into an empty field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        if let Err(error) = field.send_keys(text).await {
            self.give_up(css, &error).await;
        }
    }

    /// Clicks.
    pub(crate) async fn click(&self, css: &str) {
        let target = self.find(css).await;
        if let Err(error) = target.click().await {
            self.give_up(css, &error).await;
        }
    }

    /// The visible text of the page; chromedriver leaves out what stands in a `noscript`, even where it shows.
    pub(crate) async fn text(&self) -> String {
        let body = self.find("body").await;
        // The page may just be giving way to the next one.
        body.text().await.unwrap_or_default()
    }

    /// Waits until the page shows these words.
    pub(crate) async fn wait_for_text(&self, words: &str) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.text().await.contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.give_up(words, &CmdError::WaitTimeout).await;
    }

    /// Saves a picture of the window as PNG.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let picture = within(PATIENCE, "a screenshot", self.client.screenshot()).await;
        let picture = picture.expect("the browser gives no picture");
        std::fs::write(path, picture).expect("cannot save the picture");
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        let closed = within(PATIENCE, "closing the browser", self.client.close()).await;
        closed.expect("cannot close the browser");
        self.driver.stop().await;
    }

    async fn give_up(&self, what: &str, error: &CmdError) -> ! {
        let place = self.client.current_url().await;
        let place = place.map_or_else(|error| error.to_string(), |url| url.to_string());
        panic!("{what}: {error}\nat {place}\n{}", self.text_now().await);
    }

    /// Without the patience, for the last words.
    async fn text_now(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}

fn capabilities(options: BrowserOptions, profile: &Path) -> Capabilities {
    let mut preferences = serde_json::Map::new();
    if !options.javascript {
        let setting = "profile.managed_default_content_settings.javascript";
        preferences.insert(setting.to_owned(), json!(2));
    }
    let all = json!({
        "browserName": "chrome",
        "timeouts": { "implicit": 0, "pageLoad": 15_000, "script": 10_000 },
        "goog:chromeOptions": { "args": arguments(options, profile), "prefs": preferences },
    });
    match all {
        Value::Object(all) => all,
        other => panic!("no object: {other}"),
    }
}

fn arguments(options: BrowserOptions, profile: &Path) -> Vec<String> {
    let (width, height) = options.window;
    let mut arguments = vec![
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={width},{height}"),
    ];
    arguments.extend(FLAGS.map(str::to_owned));
    if !options.internet {
        arguments.push(ONLY_LOCAL.to_owned());
    }
    arguments
}

const ONLY_LOCAL: &str =
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost";

const FLAGS: [&str; 11] = [
    "--headless=new",
    // Tests may run as root, for whom Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    // Containers commonly have a /dev/shm too small for it.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    // Chromium ends when the other end of the pipe does, so no killed test leaves one behind.
    "--remote-debugging-pipe",
];
