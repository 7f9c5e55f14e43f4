//! Checks a page with axe-core for barriers to people who use a screen reader, a keyboard or large letters.

use std::time::Duration;

use serde_json::Value;

use super::Browser;
use crate::support::process::{self, within};

const CHECK_WITHIN: Duration = Duration::from_secs(60);

/// Each violation of a rule, with the elements.
const RUN: &str = "const done = arguments[0];
axe.run().then(found => done(found.violations.map(it =>
  it.id + ': ' + it.nodes.map(node => node.html).join(' '))));";

/// Whether the page is wider than its window.
const IS_TOO_WIDE: &str =
    "const page = document.documentElement; return page.scrollWidth > page.clientWidth;";

impl Browser {
    /// Fails if axe-core finds a barrier on the page, or the page is wider than its window. The browser must run scripts.
    pub(crate) async fn expect_accessible(&self) {
        let axe = process::modules("oidc").await;
        let axe = axe.join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).expect("axe-core is not installed");
        self.run(&axe).await;
        let checked = self.client.execute_async(RUN, Vec::new());
        let checked = within(CHECK_WITHIN, "axe-core", checked).await;
        let address = self.client.current_url().await.expect("no page is open");
        let violations = checked.expect("axe-core does not run");
        assert_eq!(violations, Value::Array(Vec::new()), "at {address}");
        let is_too_wide = self.run(IS_TOO_WIDE).await;
        assert_eq!(is_too_wide, false, "{address} is wider than the window");
    }

    pub(super) async fn run(&self, script: &str) -> Value {
        let ran = self.client.execute(script, Vec::new());
        let ran = within(CHECK_WITHIN, "a script", ran).await;
        ran.expect("the script fails")
    }
}
