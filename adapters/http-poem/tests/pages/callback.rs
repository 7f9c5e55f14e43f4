//! Redirects from a provider, which browsers prefetch, repeat and request with `HEAD`.

use central_oauth_domain::ports::Redemption;
use central_oauth_domain::testing::ScriptedProvider;
use poem::http::{Method, header};

use super::browser::{Browser, Page, between};
use super::world::World;

/// Starts a redirect flow and leaves the person at the provider. Returns the browser, the link code and the callback
/// address.
async fn away(world: &World) -> (Browser<'_>, String, String) {
    world.provider.send_people_back();
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    let page = browser.link(&code).await;
    let state = between(&page.html, "authorize?state=", "&").unwrap();
    let back = format!("/callback/scripted?state={state}");
    (browser, code, back)
}

async fn granted(world: &World) {
    let grant = ScriptedProvider::grant("access-1", Some("refresh-1"));
    world.provider_answers(Ok(grant)).await;
}

impl Browser<'_> {
    async fn prefetch(&mut self, path: &str, header: (&str, &str)) -> Page {
        let request = self.client().get(path).header(header.0, header.1);
        self.send(request).await
    }

    async fn head(&mut self, path: &str) -> Page {
        let request = self.client().request(Method::HEAD, path);
        self.send(request).await
    }
}

#[tokio::test]
async fn the_same_callback_shows_the_same_page_however_often_it_comes() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let callback = format!("{back}&code=c0de");
    browser.get(&callback).await.assert_leads_to(&code);
    browser.get(&callback).await.assert_leads_to(&code);
    browser.shows(&code, &["Almost done"]).await;
    granted(&world).await;
    // The browser repeats the callback: after "Back", after a reload, and in another spelling.
    browser.get(&callback).await.assert_leads_to(&code);
    let spelled = format!("/callback/scripted?session=1&code=%630de&{}", &back[19..]);
    browser.get(&spelled).await.assert_leads_to(&code);
    browser.shows(&code, &["can now use this account"]).await;
    assert_eq!(world.provider.callbacks().len(), 1);
}

/// Some browsers go to the provider several times and return with a different code each time.
#[tokio::test]
async fn another_answer_for_the_same_state_shows_the_page_of_the_link() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let callback = format!("{back}&code=c0de");
    let others = ["&code=other", "&error=access_denied", "&code=c0de&iss=x"];
    browser.get(&callback).await.assert_leads_to(&code);
    for other in others {
        let page = browser.get(&format!("{back}{other}")).await;
        page.assert_leads_to(&code);
    }
    granted(&world).await;
    for other in others {
        let page = browser.get(&format!("{back}{other}")).await;
        page.assert_leads_to(&code);
    }
    browser.get(&callback).await.assert_leads_to(&code);
    browser.shows(&code, &["can now use this account"]).await;
    assert_eq!(world.provider.callbacks().len(), 1);
}

#[tokio::test]
async fn a_head_takes_nothing() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let first = browser.head(&format!("{back}&error=access_denied")).await;
    first.assert_leads_to(&code);
    assert_eq!(first.html, "");
    browser
        .head(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
    browser.shows(&code, &["provider.test/authorize"]).await;
    browser
        .get(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
    browser
        .head(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
    browser
        .head(&format!("{back}&code=other"))
        .await
        .assert_leads_to(&code);
    granted(&world).await;
    browser.shows(&code, &["can now use this account"]).await;
}

/// A browser may prefetch the URL behind the provider's "Cancel" although nobody has pressed it.
#[tokio::test]
async fn a_prefetch_takes_nothing() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    for purpose in [
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ] {
        for answer in ["&error=access_denied", "&code=c0de"] {
            let page = browser.prefetch(&format!("{back}{answer}"), purpose).await;
            page.assert(503, &["Load this page again"]);
        }
    }
    browser.shows(&code, &["provider.test/authorize"]).await;
    browser
        .get(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
    granted(&world).await;
    browser.shows(&code, &["can now use this account"]).await;
}

/// Keycloak sends this error when a login took too long (apache/apisix#13776).
#[tokio::test]
async fn after_a_passing_error_the_person_goes_to_the_provider_again() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let passing = "error=temporarily_unavailable&error_description=authentication_expired";
    let passing = format!("{back}&{passing}");
    let mut stranger = world.visitor().await;
    let page = stranger.get(&passing).await;
    page.assert(400, &["cannot be used"]);
    for _ in 0..2 {
        let again = format!("/device?code={code}&again");
        browser.get(&passing).await.assert_sends_to(&again);
        let page = browser.get(&again).await;
        page.assert(200, &["provider.test/authorize", "not completed"]);
    }
    browser.link(&code).await.assert_lacks("not completed");
    browser.is_at_stage(&code, "at_provider").await;
    let callback = format!("{back}&code=c0de");
    browser.get(&callback).await.assert_leads_to(&code);
    granted(&world).await;
    browser.shows(&code, &["can now use this account"]).await;
    assert_eq!(world.provider.callbacks().len(), 1);
}

#[tokio::test]
async fn without_its_cookie_a_callback_takes_and_gives_nothing() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let callback = format!("{back}&code=c0de");
    let mut stranger = world.browser();
    for _ in 0..2 {
        let page = stranger.get(&callback).await;
        page.assert(400, &["cannot be used"]);
        assert!(!page.headers.contains_key(header::SET_COOKIE));
        let page = stranger.head(&callback).await;
        page.assert(400, &[]);
        assert!(!page.headers.contains_key(header::SET_COOKIE));
    }
    // Another cookie means another browser.
    stranger.get("/device").await;
    stranger
        .get(&callback)
        .await
        .assert(400, &["cannot be used"]);
    browser.get(&callback).await.assert_leads_to(&code);
    granted(&world).await;
    stranger
        .get(&callback)
        .await
        .assert(400, &["cannot be used"]);
    browser.get(&callback).await.assert_leads_to(&code);
    assert_eq!(world.provider.callbacks().len(), 1);
}

/// The provider uses the response mode `form_post`.
#[tokio::test]
async fn an_answer_that_comes_as_a_form_is_explained_and_uses_nothing_up() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let mut elsewhere = world.browser();
    let page = elsewhere.send_form(&back, &[("code", "c0de")]).await;
    page.assert(405, &["must use response_mode=query"]);
    assert_eq!(page.header("allow"), "GET, HEAD");
    browser
        .get(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
}

#[tokio::test]
async fn a_callback_without_an_answer_uses_nothing_up() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    for nothing in ["", "&code=", "&iss=https://provider.test", "&scope=openid"] {
        let page = browser.get(&format!("{back}{nothing}")).await;
        page.assert(400, &["cannot be used"]);
    }
    browser
        .get(&format!("{back}&code=c0de"))
        .await
        .assert_leads_to(&code);
}

#[tokio::test]
async fn the_callback_of_a_consent_that_was_denied_shows_that_again() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    let callback = format!("{back}&error=access_denied");
    browser.get(&callback).await.assert_leads_to(&code);
    world.provider_answers(Ok(Redemption::Denied(None))).await;
    browser.get(&callback).await.assert_leads_to(&code);
    browser.shows(&code, &["You declined at"]).await;
    let late = browser.get(&format!("{back}&code=c0de")).await;
    late.assert_leads_to(&code);
    browser.shows(&code, &["You declined at"]).await;
}

#[tokio::test]
async fn going_back_after_the_consent_starts_nothing_anew() {
    let world = World::new().await;
    let (mut browser, code, back) = away(&world).await;
    browser.get(&format!("{back}&code=c0de")).await;
    granted(&world).await;
    for action in ["look_up", "confirm", "cancel"] {
        browser.post(action, &code).await.assert_leads_to(&code);
    }
    browser.shows(&code, &["can now use this account"]).await;
}
