//! Random forms and callbacks get a page that says what is wrong. `PROPTEST_CASES` sets the number of cases.

use std::time::Duration;

use poem::http::header;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use super::browser::{Browser, Page};
use super::world::World;

const FORM: [&str; 22] = [
    "csrf=",
    "code=",
    "action=",
    "look_up",
    "confirm",
    "cancel",
    "disown",
    "12345678",
    "1234-5678",
    "0",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "+",
    ";",
    "%3Cscript%3E",
    "%E2%80%AE",
    "999999999999",
    "CSRF",
    "csrf=x&csrf=",
];
const CALLBACK: [&str; 20] = [
    "state=",
    "code=",
    "error=",
    "iss=",
    "access_denied",
    "error_description=",
    "%3Cscript%3E",
    "https%3A%2F%2Fevil.example",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "00ff",
    "STATE",
    "state=a&state=b",
    "c0de",
    "%E2%80%AE",
    "+",
    "0",
];

fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(pieces), 0..12).prop_map(|pieces| pieces.concat())
}

fn is_harmless(page: &Page) -> Result<(), TestCaseError> {
    prop_assert!(page.status.as_u16() < 500, "{}: {}", page.status, page.html);
    prop_assert!(
        !page.html.contains("<script>") && !page.html.contains('\u{202e}'),
        "{}",
        page.html
    );
    if let Some(location) = page.headers.get(header::LOCATION) {
        prop_assert!(location.as_bytes().starts_with(b"/device"), "{location:?}");
    }
    Ok(())
}

fn check(
    pieces: &'static [&'static str],
    sent: &impl AsyncFn(&World, &mut Browser<'_>, String) -> Page,
) {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let checked = TestRunner::default().run(&text(pieces), |text| {
        world.clock.advance(Duration::from_secs(60));
        let page = runtime.block_on(async {
            let mut browser = Browser::new(&world.client);
            browser.get("/device").await;
            let text = text.replace("CSRF", &browser.csrf);
            sent(&world, &mut browser, text).await
        });
        is_harmless(&page)
    });
    checked.unwrap();
}

#[test]
fn no_form_does_harm() {
    check(&FORM, &async |world, browser, form| {
        let request = world.client.post("/device").body(form);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        browser.send(request).await
    });
}

#[test]
fn no_callback_does_harm() {
    check(&CALLBACK, &async |_, browser, query| {
        browser.get(&format!("/callback/scripted?{query}")).await
    });
}
