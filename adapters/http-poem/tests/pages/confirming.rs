//! Confirming a code, and cancelling.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;

use super::world::World;

#[tokio::test]
async fn confirming_leads_to_the_provider() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    let page = browser.link(&code).await;
    page.assert(
        200,
        &[
            "href=\"https://provider.test/device?user_code=BCDF-GHJK\" target=\"_blank\" rel=\"noopener noreferrer\"",
            "href=\"https://provider.test/device\"",
            ">BCDF-GHJK</code>",
            "<noscript><meta http-equiv=\"refresh\" content=\"20;",
            "Sign in",
            "value=\"cancel\"",
        ],
    );
}

#[tokio::test]
async fn pressing_twice_is_pressing_once() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    browser.post("look_up", &code).await;
    let mut other_tab = world.browser();
    other_tab.cookie.clone_from(&browser.cookie);
    other_tab.csrf.clone_from(&browser.csrf);
    let (first, second) = tokio::join!(
        browser.post("confirm", &code),
        other_tab.post("confirm", &code)
    );
    first.assert_leads_to(&code);
    second.assert_leads_to(&code);
    browser.post("confirm", &code).await.assert_leads_to(&code);
    browser.post("look_up", &code).await.assert_leads_to(&code);
}

#[tokio::test]
async fn a_confirmed_code_belongs_to_its_browser() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    world.browser().confirm(&code).await.assert_leads_to(&code);

    let mut stranger = world.browser();
    stranger.shows(&code, &["Enter your code"]).await;
    stranger.status(&code).await.assert(404, &["not_found"]);
    for action in ["look_up", "confirm", "cancel"] {
        let page = stranger.post(action, &code).await;
        page.assert(409, &["This code is in use"]);
        page.assert_lacks("BCDF");
    }
}

#[tokio::test]
async fn cancelling_says_so() {
    let world = World::new().await;
    let mut browser = world.visitor().await;

    let unconfirmed = world.ask("cli").await;
    browser.post("look_up", &unconfirmed).await;
    for _ in 0..2 {
        let page = browser.post("cancel", &unconfirmed).await;
        page.assert(200, &["Cancelled"]);
    }
    let again = browser.post("look_up", &unconfirmed).await;
    again.assert(410, &["It was cancelled"]);

    let confirmed = world.ask("cli").await;
    browser.confirm(&confirmed).await;
    let cancelled = browser.post("cancel", &confirmed).await;
    cancelled.assert_leads_to(&confirmed);
    browser.shows(&confirmed, &["Cancelled"]).await;
    browser
        .post("cancel", &confirmed)
        .await
        .assert_leads_to(&confirmed);
    browser
        .post("confirm", &confirmed)
        .await
        .assert_leads_to(&confirmed);
}

#[tokio::test]
async fn a_provider_that_comes_back_soon_is_waited_for() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    world.provider_is_down(None);
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    browser.shows(&code, &["BCDF-GHJK"]).await;
}

#[tokio::test]
async fn a_provider_that_stays_away_can_be_tried_again() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    world.provider_is_down(Some(Duration::from_secs(60)));
    let mut browser = world.browser();
    let page = browser.confirm(&code).await;
    page.assert(
        503,
        &["has not answered", "Try again", "your code stays valid"],
    );
    assert_eq!(page.header("retry-after"), "60");
    // Nothing changes by itself, so the page does not reload (WCAG 2.2, F41).
    page.assert_lacks("http-equiv=\"refresh\"");
    let check = format!("<noscript><p class=\"centred\"><a href=\"/device?code={code}\">");
    browser.shows(&code, &["Try again", &check]).await;
    browser.is_at_stage(&code, "waiting").await;

    browser.post("confirm", &code).await.assert_leads_to(&code);
    browser.shows(&code, &["BCDF-GHJK"]).await;
}

#[tokio::test]
async fn a_provider_that_refuses_needs_the_operator() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    world.provider.refuse_consent(ProviderError::misconfigured(
        "invalid_client",
        "<b>who are you?</b>",
    ));
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    let page = browser.link(&code).await;
    page.assert(
        200,
        &[
            "It did not work",
            "operator",
            "invalid_client",
            "&#60;b&#62;who",
        ],
    );
}

#[tokio::test]
async fn closing_the_tab_cancels_nothing() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    browser.post("look_up", &code).await;
    world.provider_is_down(Some(Duration::from_secs(3)));
    let confirm = browser.post("confirm", &code);
    let closed = tokio::time::timeout(Duration::from_millis(200), confirm).await;
    assert!(
        closed.is_err(),
        "the provider was down, so the page was waiting"
    );
    let asked_again = async {
        while !browser.link(&code).await.html.contains("BCDF-GHJK") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asked_again = tokio::time::timeout(Duration::from_secs(60), asked_again).await;
    asked_again.expect("the provider is not asked again");
    browser.shows(&code, &["BCDF-GHJK"]).await;
}
