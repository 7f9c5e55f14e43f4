//! Checks that the Tab key visits everything that can be used, in the order in which the eye meets it (WCAG 2.4.3).

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde::Deserialize;

use super::{Browser, bounded};

/// Moves the focus to the start of the page, wherever it was.
const START: &str = "const page = document.documentElement;
page.tabIndex = -1; page.focus(); page.removeAttribute('tabindex');";

/// The element with the focus, and its place on the page.
const FOCUSED: &str = "const it = document.activeElement;
if (it === document.body || it === document.documentElement) return null;
const box = it.getBoundingClientRect();
return { html: it.outerHTML.slice(0, 120), top: box.top + scrollY, bottom: box.bottom + scrollY,
  left: box.left, right: box.right };";

/// How many elements can have the focus.
const USABLE: &str = "return [...document.querySelectorAll('a[href], button:enabled, input:enabled, select, [tabindex=\"0\"]')]
  .filter(it => it.checkVisibility() && it.type !== 'hidden').length;";

#[derive(Debug, Deserialize)]
struct Focused {
    html: String,
    top: f64,
    bottom: f64,
    left: f64,
    right: f64,
}

impl Focused {
    /// Returns whether the eye meets `self` before `that`: above it, or to its left in the same row.
    fn is_before(&self, that: &Self) -> bool {
        let is_in_its_row = self.top < that.bottom && that.top < self.bottom;
        self.bottom <= that.top || (is_in_its_row && self.right <= that.left)
    }
}

impl Browser {
    /// Presses Tab through the page. The browser must run scripts.
    pub(crate) async fn expect_tab_order_as_seen(&self) {
        self.run(START).await;
        let usable = self.run(USABLE).await.as_u64().unwrap_or_default();
        let mut visited: Vec<Focused> = Vec::new();
        for _ in 0..usable {
            self.press(Key::Tab).await;
            let focused = self.run(FOCUSED).await;
            let focused = serde_json::from_value(focused).expect("Tab leads out of the page early");
            visited.push(focused);
        }
        assert!(!visited.is_empty(), "nothing on the page can be used");
        for pair in visited.windows(2) {
            let [one, next] = pair else { continue };
            let (one_html, next_html) = (&one.html, &next.html);
            assert!(
                !next.is_before(one),
                "Tab goes from {one_html} back to {next_html}"
            );
        }
    }

    async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        let pressed = bounded("a key", self.client.perform_actions(keys)).await;
        pressed.expect("cannot press a key");
    }
}
