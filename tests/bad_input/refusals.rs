//! Final rejections by a provider: the link ends with the documented status, and no request is repeated.

use std::time::Duration;

use tokio::time::sleep;

use super::provider::Endpoint::{self, DeviceAuthorization, Token, Userinfo};
use super::scene::{Scene, TIMEOUT, all};
use super::trouble::Trouble;
use crate::support::http;
use crate::support::process::eventually;

/// The endpoint, the failure, how the link ends, the text of its page, the text in the log.
type No = (
    Endpoint,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const NOES: [No; 6] = [
    (
        DeviceAuthorization,
        "invalid_client",
        "failed",
        "It did not work",
        "consent could not start",
    ),
    (
        DeviceAuthorization,
        "invalid_scope",
        "failed",
        "It did not work",
        "consent could not start",
    ),
    (
        Token,
        "access_denied",
        "denied",
        "Access denied",
        "link ended",
    ),
    (
        Token,
        "expired_token",
        "expired",
        "The code has expired",
        "link ended",
    ),
    (
        Token,
        "invalid_grant",
        "failed",
        "It did not work",
        "asking the provider failed",
    ),
    (
        Token,
        "invalid_client",
        "failed",
        "It did not work",
        "asking the provider failed",
    ),
];

#[tokio::test]
async fn a_definite_no_ends_the_link() {
    all(NOES.map(|no| Box::pin(is_over(no)))).await;
}

async fn is_over((endpoint, code, status, heading, logged): No) {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    scene.provider.consent(true);
    scene
        .provider
        .suffer(endpoint, Trouble::Refuses(code))
        .await;
    link.person.press("confirm", &link.code).await.expect(303);
    let ended = scene.wait_for(&link, status).await;
    assert_eq!(ended.number("expires_in"), 0);
    let error = &ended.json["error"];
    match status {
        "failed" => {
            assert_eq!(error["code"], "provider_error");
            let detail = error["detail"].as_str().unwrap();
            assert!(detail.contains(code), "{detail}");
            expect_clean(&scene, detail);
        }
        // The provider quotes the request in its description.
        "denied" => {
            assert_eq!(error["code"], "access_denied");
            expect_clean(&scene, error["detail"].as_str().unwrap());
        }
        _ => assert!(error.is_null(), "{error}"),
    }
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains(heading), "{}", page.text);
    expect_clean(&scene, &page.text);
    let asked = scene.provider.asked(endpoint).len();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.provider.asked(endpoint).len(), asked, "asked again");
    // A key whose link ended without an account gives no access.
    let token = http::send(scene.get("/v1/token").bearer_auth(&link.key)).await;
    assert_eq!(token.expect(401).str("code"), "unauthorized");
    scene.end(&[logged]).await;
}

/// Userinfo is requested after the tokens have arrived, so one bad response from it is not final.
#[tokio::test]
async fn a_no_about_the_person_ends_no_link() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    scene.provider.consent(true);
    let no = Trouble::Refuses("invalid_token");
    scene.provider.suffer(Userinfo, no).await;
    link.person.press("confirm", &link.code).await.expect(303);
    let failed = "asking the provider failed";
    eventually(TIMEOUT, "a no", async || scene.log().contains(failed)).await;
    scene.expect_status(&link, "authorizing").await;
    scene.provider.recover().await;
    scene.wait_for(&link, "linked").await;
    assert_eq!(scene.provider.redemptions(), [1]);
    // The page may contain the link code, in its form for withdrawing the consent, but no other secret.
    let page = link.person.look(&link.code).await.text;
    expect_clean(&scene, &page.replace(&link.code, ""));
    scene.end(&["invalid_token", "account linked"]).await;
}

/// Asserts that a text contains no secret, although the provider quoted the whole request.
fn expect_clean(scene: &Scene, text: &str) {
    for secret in scene.all_secrets() {
        assert!(!text.contains(&secret), "{secret:?} is in {text}");
    }
}
