//! Chromium, driven through chromedriver.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

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
    /// The size of its window. Chromium's own windows are 500 wide at least; a narrower one is a phone's.
    pub(crate) window: (u32, u32),
    /// Whether the person prefers dark pages.
    pub(crate) dark: bool,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            javascript: true,
            internet: false,
            window: (1280, 900),
            dark: false,
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
        let opened = bounded(url, self.client.goto(url)).await;
        opened.unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        match bounded(css, wait.for_element(Locator::Css(css))).await {
            Ok(element) => element,
            Err(error) => self.give_up(css, &error).await,
        }
    }

    /// Types into an empty field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        if let Err(error) = bounded(css, field.send_keys(text)).await {
            self.give_up(css, &error).await;
        }
    }

    /// Clicks.
    pub(crate) async fn click(&self, css: &str) {
        let target = self.find(css).await;
        if let Err(error) = bounded(css, target.click()).await {
            self.give_up(css, &error).await;
        }
    }

    /// The visible text of the page; chromedriver leaves out what stands in a `noscript`, even where it shows.
    pub(crate) async fn text(&self) -> String {
        let body = self.find("body").await;
        // The page may just be giving way to the next one.
        bounded("the text", body.text()).await.unwrap_or_default()
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
        let picture = bounded("a screenshot", self.client.screenshot()).await;
        let picture = picture.expect("the browser gives no picture");
        std::fs::write(path, picture).expect("cannot save the picture");
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        let closed = bounded("closing the browser", self.client.close()).await;
        closed.expect("cannot close the browser");
        self.driver.stop().await;
    }

    async fn give_up(&self, what: &str, error: &CmdError) -> ! {
        let place = bounded("the address", self.client.current_url()).await;
        let place = place.map_or_else(|error| error.to_string(), |url| url.to_string());
        panic!("{what}: {error}\nat {place}\n{}", self.text_now().await);
    }

    /// Without the patience, for the last words.
    async fn text_now(&self) -> String {
        match bounded("the page", self.client.find(Locator::Css("body"))).await {
            Ok(body) => bounded("the text", body.text()).await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}

/// Waits for the browser, for longer than it has reason to take: it may have died.
async fn bounded<F: Future>(what: &str, answer: F) -> F::Output {
    within(2 * PATIENCE, what, answer).await
}

fn capabilities(options: BrowserOptions, profile: &Path) -> Capabilities {
    let mut chromium = json!({ "args": arguments(options, profile) });
    if !options.javascript {
        let setting = "profile.managed_default_content_settings.javascript";
        chromium["prefs"] = json!({ setting: 2 });
    }
    let (width, height) = options.window;
    if width < NARROWEST_WINDOW {
        // Without touch: chromedriver sends taps then, and waits for ever for the one that leaves the page.
        let screen = json!({ "width": width, "height": height, "pixelRatio": 2.0, "touch": false });
        chromium["mobileEmulation"] = json!({ "deviceMetrics": screen });
    }
    let mut all = Capabilities::new();
    all.insert("browserName".to_owned(), json!("chrome"));
    all.insert(
        "timeouts".to_owned(),
        json!({ "pageLoad": 15_000, "script": 10_000 }),
    );
    all.insert("goog:chromeOptions".to_owned(), chromium);
    all
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
    if options.dark {
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    arguments
}

const NARROWEST_WINDOW: u32 = 500;

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
