//! The provider's name for this service and the requested scopes, in words that a person understands.

use central_oauth_domain::testing::ScriptedProvider;

use super::world::World;

const ENGLISH: &str = "Read and write your <files>";

async fn world() -> World {
    let provider = ScriptedProvider::new("scripted")
        .showing_us_as("Link & Go")
        .with_scope("files", ENGLISH, Some("en"))
        .with_scope("notes", "Notizen lesen", None);
    World::with_provider(provider).await
}

#[tokio::test]
async fn the_name_at_the_provider_is_told_before_the_person_goes_there() {
    for (language, words) in [
        ("en", "At Scripted Provider this appears as <bdi"),
        ("de", "Bei Scripted Provider erscheint dies als <bdi"),
        (
            "fr",
            "Chez Scripted Provider, cela apparaît sous le nom <bdi",
        ),
        ("es", "En Scripted Provider esto aparece como <bdi"),
        ("ja", "Scripted Provider では <bdi"),
    ] {
        for by_redirect in [false, true] {
            let world = world().await;
            if by_redirect {
                world.provider.send_people_back();
            }
            let code = world.ask("cli").await;
            let mut browser = world.browser();
            browser.languages = language;
            browser.get("/device").await;
            let check = browser.post("look_up", &code).await;
            browser.post("confirm", &code).await;
            let prompt = browser.link(&code).await;
            for page in [check, prompt] {
                page.assert(200, &[words, ">Link &#38; Go</bdi>"]);
            }
        }
    }
}

#[tokio::test]
async fn without_a_name_at_the_provider_nothing_is_said() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    let check = browser.post("look_up", &code).await;
    check.assert_lacks("this appears as");
}

#[tokio::test]
async fn without_scopes_the_page_says_what_is_permitted() {
    let words = "What the settings of <this> program allow";
    let provider = ScriptedProvider::new("scripted").without_scopes(words);
    let world = World::with_provider(provider).await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    browser.languages = "de";
    browser.get("/device").await;
    let check = browser.post("look_up", &code).await;
    let shown = "<span lang=\"en\">What the settings of &#60;this&#62; program allow</span></li>";
    check.assert(200, &[shown]);
}

#[tokio::test]
async fn scopes_are_put_into_words_and_english_is_marked_elsewhere() {
    for (language, marked) in [("en", ""), ("de", " lang=\"en\""), ("ja", " lang=\"en\"")] {
        let world = world().await;
        let code = world.ask("cli").await;
        let mut browser = world.browser();
        browser.languages = language;
        browser.get("/device").await;
        let page = browser.post("look_up", &code).await;
        let english = format!(
            "<span{marked}>Read and write your &#60;files&#62;</span> <code translate=\"no\">files</code>"
        );
        let of_operator = "<span>Notizen lesen</span> <code translate=\"no\">notes</code>";
        // A scope without a description appears by its name.
        page.assert(200, &[&english, of_operator, "<li>profile</li>"]);
    }
}
