//! What the person sees of a job, on a phone.

use serde_json::json;

use super::platform::Platform;
use super::world::{World, github};
use crate::support::browser::{Browser, BrowserOptions};
use crate::support::http;

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_the_verified_job() {
    let platform = Platform::start().await;
    let world = World::start(&github(&platform.issuer, "", "")).await;
    // Whoever writes a workflow chooses its name.
    let claims = json!({"workflow": "night\u{202e}ly"});
    let jwt = platform.token(&world.audience(), &claims).await;
    let ask = http::client().post(world.service.url("/v1/link-code"));
    let started = http::send(ask.bearer_auth(&jwt)).await.expect(201);

    let phone = BrowserOptions {
        window: (390, 844),
        ..BrowserOptions::default()
    };
    let browser = Browser::open(phone).await;
    let page = started.str("verification_url_complete");
    browser.goto(page).await;
    browser.click("button[value=look_up]").await;
    browser.find("button[value=confirm]").await;
    let text = browser.text().await;
    for verified in [
        "repository: octo-org/octo-repo",
        "workflow: nightly",
        "run: 30433642",
        "ref: refs/heads/main",
    ] {
        assert!(text.contains(verified), "{verified:?} is not in {text}");
    }
    assert!(!text.contains("not verified"), "{text}");
    browser.picture("phone-workload").await;
    browser.expect_accessible().await;
    browser.close().await;
}
