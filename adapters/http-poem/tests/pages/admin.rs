//! The pages for operators: sessions, views and actions.

mod acting;
mod sessions;
mod showing;

use central_oauth_domain::operator::{OperatorKey, OperatorRole};
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::testing::ScriptedProvider;
use central_oauth_domain::usecases::AccountQuery;

use super::browser::Browser;
use super::world::World;

const ADMIN: &str = "the-key-of-the-admin";
const AUDITOR: &str = "the-key-of-the-auditor";

fn operators() -> [OperatorKey; 2] {
    let key = |role, key| OperatorKey::of_role(role, AccessKey::new(key));
    [
        key(OperatorRole::Admin, ADMIN),
        key(OperatorRole::Auditor, AUDITOR),
    ]
}

/// Returns a service with an admin and an auditor.
async fn world_at(public_url: &str) -> World {
    let world = World::at(public_url).await;
    world.services.operators.replace(&operators()).unwrap();
    world
}

async fn world() -> World {
    world_at("http://127.0.0.1:8080").await
}

/// Returns a browser in which an operator has logged in.
async fn logged_in<'a>(world: &'a World, key: &str) -> Browser<'a> {
    let mut browser = world.browser();
    browser.get("/admin/login").await;
    let page = browser.send_form("/admin/login", &[("key", key)]).await;
    page.assert_sends_to("/admin");
    browser.get("/admin").await.assert(200, &["Log out"]);
    browser
}

/// Links an account of Alice. Returns the path of its page.
async fn linked(world: &World, program: &str) -> String {
    let code = world.ask(program).await;
    let mut person = world.browser();
    person.confirm(&code).await;
    let grant = ScriptedProvider::grant("access", Some("refresh"));
    world.provider_answers(Ok(grant)).await;
    let caller = central_oauth_domain::usecases::Caller::ADMIN;
    let accounts = world
        .services
        .accounts
        .list(&caller, AccountQuery::default(), None, 200)
        .await;
    let account = accounts.unwrap().items.pop().unwrap();
    format!("/admin/accounts/{}", account.id)
}

#[tokio::test]
async fn the_page_is_english_whatever_the_browser_prefers() {
    let world = world().await;
    let mut browser = world.browser();
    browser.languages = "de";
    let page = browser.get("/admin/login").await;
    page.assert(200, &["<html lang=\"en\">", "Log in"]);
    assert_eq!(page.header("content-language"), "en");
}
