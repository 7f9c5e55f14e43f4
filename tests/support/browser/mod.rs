//! Chromium, driven through chromedriver.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use super::process::within;

mod axe;
mod driver;
mod keyboard;

use driver::Driver;

const START_WITHIN: Duration = Duration::from_secs(60);
/// How long the parts of a page may take to appear.
const TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
pub(crate) struct BrowserOptions {
    /// Whether pages may run scripts.
    pub(crate) javascript: bool,
    /// Whether names other than localhost resolve.
    pub(crate) internet: bool,
    /// The size of its window. Chromium's own windows are at least 500 wide; a narrower one is emulated as a phone's.
    pub(crate) window: (u32, u32),
    /// Whether the person prefers dark mode.
    pub(crate) dark: bool,
    /// The language that the person prefers.
    pub(crate) language: &'static str,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            javascript: true,
            internet: false,
            window: (1280, 900),
            dark: false,
            language: "en",
        }
    }
}

/// A headless Chromium with a profile of its own. It ends with this handle; [`Browser::close`] waits for that.
pub(crate) struct Browser {
    /// For actions without a helper here.
    pub(crate) client: Client,
    /// Whether pages may run scripts.
    pub(crate) javascript: bool,
    // Dropped after the client: the driver also ends the browser, however the test ends.
    driver: Driver,
}

impl Browser {
    /// Starts a browser as most people have it.
    pub(crate) async fn with_javascript() -> Self {
        Self::open(BrowserOptions::default()).await
    }

    /// Starts a browser that runs no scripts of pages.
    pub(crate) async fn without_javascript() -> Self {
        Self::open(BrowserOptions {
            javascript: false,
            ..BrowserOptions::default()
        })
        .await
    }

    /// Starts a browser with these options.
    pub(crate) async fn open(options: BrowserOptions) -> Self {
        let driver = Driver::start().await;
        let session = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(options, driver.profile()))
            .connect(driver.url())
            .await;
        let client =
            session.unwrap_or_else(|error| panic!("no session: {error}\n{}", driver.logs()));
        Self {
            client,
            javascript: options.javascript,
            driver,
        }
    }

    /// Opens a page.
    pub(crate) async fn goto(&self, url: &str) {
        let opened = bounded(url, self.client.goto(url)).await;
        opened.unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(TIMEOUT);
        match bounded(css, wait.for_element(Locator::Css(css))).await {
            Ok(element) => element,
            Err(error) => self.give_up(css, &error).await,
        }
    }

    /// Types into an empty field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.with(css, async |field| field.send_keys(text).await)
            .await;
    }

    /// Clicks an element.
    pub(crate) async fn click(&self, css: &str) {
        self.with(css, async |target| target.click().await).await;
    }

    /// Returns the visible text of an element.
    pub(crate) async fn text_of(&self, css: &str) -> String {
        self.with(css, async |element| element.text().await).await
    }

    /// Does something with an element. If the page reloads, the element that was found may be gone; then it is looked
    /// up again on the new page.
    async fn with<T>(&self, css: &str, act: impl AsyncFn(Element) -> Result<T, CmdError>) -> T {
        let start = Instant::now();
        loop {
            match bounded(css, act(self.find(css).await)).await {
                Ok(done) => return done,
                Err(error) if start.elapsed() < TIMEOUT && is_untouched(&error) => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => self.give_up(css, &error).await,
            }
        }
    }

    /// Follows a link that opens a new tab, and switches to it.
    pub(crate) async fn follow_to_new_tab(&self, css: &str) {
        let known = self.tabs().await;
        self.click(css).await;
        let start = Instant::now();
        loop {
            let tabs = self.tabs().await;
            if let Some(new) = tabs.into_iter().find(|tab| !known.contains(tab)) {
                return self.look_at(new).await;
            }
            if start.elapsed() > TIMEOUT {
                self.give_up("a new tab", &CmdError::WaitTimeout).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Closes the current tab, and switches to the previous one.
    pub(crate) async fn close_tab(&self) {
        let tabs = self.tabs().await;
        let closed = bounded("the tab", self.client.window()).await;
        let closed = closed.expect("no tab is looked at");
        let gone = bounded("closing the tab", self.client.close_window()).await;
        gone.expect("cannot close the tab");
        let mut left = tabs.into_iter().filter(|tab| *tab != closed);
        self.look_at(left.next().expect("it was the last tab"))
            .await;
    }

    async fn tabs(&self) -> Vec<WindowHandle> {
        let tabs = bounded("the tabs", self.client.windows()).await;
        tabs.expect("cannot see the tabs")
    }

    async fn look_at(&self, tab: WindowHandle) {
        let looked = bounded("a tab", self.client.switch_to_window(tab)).await;
        looked.expect("cannot look at the tab");
    }

    /// Returns the visible text of the page; chromedriver leaves out the content of `noscript`, even if it is shown.
    pub(crate) async fn text(&self) -> String {
        let body = self.find("body").await;
        // The page may be reloading at the moment.
        bounded("the text", body.text()).await.unwrap_or_default()
    }

    /// Waits until the page shows these words.
    pub(crate) async fn wait_for_text(&self, words: &str) {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if self.text().await.contains(words) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.give_up(words, &CmdError::WaitTimeout).await;
    }

    /// Takes a picture of the page, if `CENTRAL_OAUTH_TEST_PICTURES` names a folder for it.
    pub(crate) async fn picture(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "a wish of whoever runs the test")]
        let folder = std::env::var_os("CENTRAL_OAUTH_TEST_PICTURES");
        if let Some(folder) = folder {
            let file = Path::new(&folder).join(format!("{name}.png"));
            self.screenshot(&file).await;
        }
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

    /// Returns the visible text without retries, for an error message.
    async fn text_now(&self) -> String {
        match bounded("the page", self.client.find(Locator::Css("body"))).await {
            Ok(body) => bounded("the text", body.text()).await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}

/// Returns whether an action has had no effect yet, because its element was gone or not usable yet.
fn is_untouched(error: &CmdError) -> bool {
    error.is_stale_element_reference()
        || error.is_no_such_element()
        || error.is_element_not_interactable()
}

/// Waits for the browser with a time limit, because it may have died.
async fn bounded<F: Future>(what: &str, answer: F) -> F::Output {
    within(2 * TIMEOUT, what, answer).await
}

fn capabilities(options: BrowserOptions, profile: &Path) -> Capabilities {
    let mut chromium = json!({
        "args": arguments(options, profile),
        "prefs": { "intl.accept_languages": options.language },
    });
    if !options.javascript {
        let setting = "profile.managed_default_content_settings.javascript";
        chromium["prefs"][setting] = json!(2);
    }
    let (width, height) = options.window;
    if width < NARROWEST_WINDOW {
        // Without touch: otherwise chromedriver sends taps, and waits for ever for one that leaves the page.
        let screen = json!({ "width": width, "height": height, "pixelRatio": 2.0, "touch": false });
        chromium["mobileEmulation"] = json!({ "deviceMetrics": screen });
    }
    let mut all = Capabilities::new();
    all.insert("browserName".to_owned(), json!("chrome"));
    all.insert(
        "timeouts".to_owned(),
        json!({ "pageLoad": 30_000, "script": 20_000 }),
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
    // Tests may run as root, for which Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    // Containers commonly have a /dev/shm that is too small for Chromium.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    // Chromium ends when the other end of the pipe does, so a killed test leaves none behind.
    "--remote-debugging-pipe",
];
