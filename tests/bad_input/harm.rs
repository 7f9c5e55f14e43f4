//! Well-formed responses with malicious content: markup, script addresses, huge numbers.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::sleep;

use super::provider::Endpoint::{DeviceAuthorization, Token, Userinfo};
use super::scene::{Scene, TIMEOUT, all};
use super::trouble::Trouble;
use crate::support::http;
use crate::support::process::eventually;

#[tokio::test]
async fn what_a_provider_says_is_not_taken_on_trust() {
    let scenes: [Pin<Box<dyn Future<Output = ()>>>; 4] = [
        Box::pin(an_address_that_runs_a_script()),
        Box::pin(a_prompt_without_measure()),
        Box::pin(a_pause_without_measure()),
        Box::pin(a_person_made_of_markup()),
    ];
    all(scenes).await;
}

const SCRIPT_ADDRESS: &str =
    r#"{"device_code":"d","user_code":"U","verification_uri":"javascript:alert(1)"}"#;

/// A response with an address that a page must not link to counts as no response.
async fn an_address_that_runs_a_script() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    let harm = Trouble::Says(SCRIPT_ADDRESS);
    scene.provider.suffer(DeviceAuthorization, harm).await;
    let page = link.person.press("confirm", &link.code).await.expect(503);
    assert!(!page.text.contains("javascript:"), "{}", page.text);
    scene.expect_status(&link, "pending").await;
    scene.end(&["not a web address"]).await;
}

const LOUD_PROMPT: &str = r#"{"device_code":"d","user_code":"<img src=x onerror=alert(1)>",
    "verification_uri":"https://a.example/\"><script>alert(2)</script>",
    "expires_in":18446744073709551615,"interval":18446744073709551615}"#;

async fn a_prompt_without_measure() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    let harm = Trouble::Says(LOUD_PROMPT);
    scene.provider.suffer(DeviceAuthorization, harm).await;
    link.person.press("confirm", &link.code).await.expect(303);
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains("onerror=alert(1)"), "{}", page.text);
    for markup in ["<img", "<script>"] {
        assert!(!page.text.contains(markup), "{}", page.text);
    }
    let left = scene.poll(&link).await.number("expires_in");
    assert!((1700..=1800).contains(&left), "{left}");
    scene.end(&["consent started"]).await;
}

/// A `Retry-After` of more than a century.
async fn a_pause_without_measure() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    let harm = Trouble::Http503(u32::MAX);
    scene.provider.suffer(Token, harm).await;
    link.person.press("confirm", &link.code).await.expect(303);
    eventually(TIMEOUT, "the first question", async || {
        !scene.provider.asked(Token).is_empty()
    })
    .await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.provider.asked(Token).len(), 1);
    scene.expect_status(&link, "authorizing").await;
    // The person can cancel without waiting for the pause to end.
    link.person.press("cancel", &link.code).await.expect(303);
    scene.expect_status(&link, "denied").await;
    scene
        .end(&[
            "asking the provider failed",
            "link ended",
            "outcome=\"denied\"",
        ])
        .await;
}

const LOUD_PERSON: &str =
    r#"{"sub":"<b>7</b>","name":"\"><script>alert(3)</script>\u0000\r\nX: y"}"#;

async fn a_person_made_of_markup() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    scene.provider.consent(true);
    scene
        .provider
        .suffer(Userinfo, Trouble::Says(LOUD_PERSON))
        .await;
    link.person.press("confirm", &link.code).await.expect(303);
    let linked = scene.wait_for(&link, "linked").await;
    assert_eq!(linked.json["account"]["account_id"], "<b>7</b>");
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains("alert(3)"), "{}", page.text);
    assert!(!page.text.contains("<script>"), "{}", page.text);
    let request = scene.get("/v1/token").bearer_auth(&link.key);
    let token = http::send(request).await.expect(200);
    let name = token.json["account"]["display_name"].as_str().unwrap();
    assert!(!name.contains(char::is_control), "{name:?}");
    scene.end(&["account linked"]).await;
}
