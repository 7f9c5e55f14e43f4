//! The page of a link that this browser confirmed.

use central_oauth_domain::grant::Identity;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::{ProviderError, Redemption};
use central_oauth_domain::testing::ScriptedProvider;

use super::browser::Browser;
use super::world::World;

async fn at_the_provider(world: &World) -> (String, Browser<'_>) {
    let code = world.ask("nightly-backup").await;
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    browser
        .status(&code)
        .await
        .assert(200, &["{\"stage\":\"at_provider\",\"expires_in\":"]);
    (code, browser)
}

#[tokio::test]
async fn a_consent_is_taken_back() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    let grant = ScriptedProvider::grant("access", Some("refresh"));
    world.provider_answers(Ok(grant)).await;
    browser
        .shows(&code, &["value=\"disown\"", "This was not me"])
        .await;
    // Another browser cannot withdraw the consent.
    let mut other = world.visitor().await;
    other.post("disown", &code).await.assert(404, &[]);
    assert!(world.provider.revoked().is_empty());
    let page = browser.post("disown", &code).await;
    page.assert(200, &["Taken back"]);
    assert_eq!(world.provider.revoked(), ["refresh", "access"]);
    let again = browser.post("disown", &code).await;
    again.assert(404, &["<h1>Nothing is left to take back</h1>"]);
}

#[tokio::test]
async fn linked_names_the_account() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    world
        .provider_answers(Ok(ScriptedProvider::grant("access", None)))
        .await;
    browser.is_at_stage(&code, "linked").await;
    let page = browser.link(&code).await;
    let words = [
        "<h1>Linked</h1>",
        "alice&#39;s name",
        ">alice<",
        "Scripted Provider",
        "nightly-backup",
    ];
    page.assert(200, &words);
    page.assert_lacks("http-equiv=\"refresh\"");
    // Cancelling after the end changes nothing, and other browsers do not see whose account it is.
    browser.post("cancel", &code).await.assert_leads_to(&code);
    browser.shows(&code, &["<h1>Linked</h1>"]).await;
    let mut stranger = world.browser();
    stranger.link(&code).await.assert_lacks("alice");
    for action in ["look_up", "confirm", "cancel"] {
        let page = stranger.post(action, &code).await;
        page.assert(410, &["It was finished in another browser."]);
        page.assert_lacks("alice");
    }
}

#[tokio::test]
async fn an_account_that_the_provider_does_not_name() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    world.provider.answer_identify(Ok(Identity::Unknown));
    world
        .provider_answers(Ok(ScriptedProvider::grant("access", None)))
        .await;
    browser
        .shows(&code, &["does not say whose it is", "anonymous-"])
        .await;
}

#[tokio::test]
async fn denied_and_expired_say_so() {
    for (answer, stage, words) in [
        (
            Redemption::Denied(None),
            "denied",
            "You declined at Scripted Provider. Nothing was linked.",
        ),
        (
            Redemption::Denied(Some("AADSTS50020: a <guest>".to_owned())),
            "denied",
            "The provider says: AADSTS50020: a &#60;guest&#62;",
        ),
        (Redemption::Expired, "expired", "The code has expired"),
    ] {
        let world = World::new().await;
        let (code, mut browser) = at_the_provider(&world).await;
        world.provider_answers(Ok(answer)).await;
        browser.is_at_stage(&code, stage).await;
        browser.shows(&code, &[words]).await;
    }
}

#[tokio::test]
async fn a_deadline_that_passes_is_the_end() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    let over = ScriptedProvider::EXPIRES_IN + Link::FINAL_POLL_GRACE;
    world.clock.advance(over);
    browser.shows(&code, &["The code has expired"]).await;
}

#[tokio::test]
async fn failed_says_why() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    let refusal = ProviderError::refused("server_says_no", "not today");
    world.provider_answers(Err(refusal)).await;
    browser.is_at_stage(&code, "failed").await;
    let page = browser.link(&code).await;
    page.assert(200, &["It did not work", "not today"]);
    // The operator needs the request id to find the request in the log.
    let id = page.header("x-request-id");
    assert!(!id.is_empty());
    page.assert(200, &[&format!("{id}</code>")]);
}

#[tokio::test]
async fn a_lost_answer_is_a_reason_to_start_again() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    let lost = ProviderError::unavailable("time-out");
    world.provider_answers(Err(lost)).await;
    world.clock.advance(ScriptedProvider::INTERVAL);
    let refusal = ProviderError::refused("invalid_grant", "used");
    world.provider_answers(Err(refusal)).await;
    let words = ["first response was lost", "link again", "start again"];
    browser.shows(&code, &words).await;
}

#[tokio::test]
async fn while_the_account_is_looked_up_the_page_waits() {
    let world = World::new().await;
    let (code, mut browser) = at_the_provider(&world).await;
    world
        .provider
        .answer_identify(Err(ProviderError::unavailable("time-out")));
    world
        .provider_answers(Ok(ScriptedProvider::grant("access", None)))
        .await;
    browser.is_at_stage(&code, "finishing").await;
    browser.shows(&code, &["Almost done"]).await;
}
