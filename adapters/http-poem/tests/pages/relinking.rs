//! `/device/relink/{value}`: the URL at which the person of an account starts a relink.

use std::net::Ipv4Addr;
use std::time::Duration;

use central_oauth_domain::audit::AuditFilter;
use central_oauth_domain::grant::{AccountId, AccountStatus};
use central_oauth_domain::link::CodeLimit;
use central_oauth_domain::testing::ScriptedProvider;
use central_oauth_domain::usecases::{AccountQuery, Caller};
use poem::http::Method;

use super::browser::{Browser, Page, between};
use super::world::World;

/// Links an account of Alice. Returns its id and the path of a relink URL for it.
pub(crate) async fn invited(world: &World) -> (AccountId, String) {
    let code = world.ask("nightly backup").await;
    let mut person = world.browser();
    person.confirm(&code).await;
    grant(world).await;
    let query = AccountQuery::default();
    let accounts = world.services.accounts.list(&Caller::ADMIN, query, None, 9);
    let id = accounts.await.unwrap().items[0].id;
    let home = Ipv4Addr::LOCALHOST.into();
    let url = world.services.links.relink_url(&Caller::ADMIN, id, home);
    let url = url.await.ok().unwrap();
    let (_, path) = url.expose().split_once("https://auth.example").unwrap();
    (id, path.to_owned())
}

async fn grant(world: &World) {
    let grant = ScriptedProvider::grant("access", Some("refresh"));
    world.provider_answers(Ok(grant)).await;
}

/// Returns how many links of the account were started.
async fn started(world: &World, id: AccountId) -> usize {
    let filter = AuditFilter {
        account: Some(id),
        ..AuditFilter::default()
    };
    let log = world.services.audit.list(&Caller::ADMIN, &filter, None, 99);
    let log = log.await.unwrap().items;
    let kinds = log
        .iter()
        .filter(|entry| entry.content.kind == "link.started");
    kinds.count()
}

fn code_of(page: &Page) -> String {
    let code = between(&page.html, "name=\"code\" value=\"", "\"");
    code.unwrap().replace(' ', "")
}

async fn start(browser: &mut Browser<'_>, path: &str) -> Page {
    browser.get(path).await.assert(200, &[]);
    browser.send_form(path, &[]).await
}

#[tokio::test]
async fn looking_starts_nothing() {
    let world = World::new().await;
    let (id, path) = invited(&world).await;
    let mut browser = world.browser();
    let page = browser.get(&path).await;
    let words = [
        "Link your account again",
        "Scripted Provider",
        "nightly backup",
        "Nothing has started yet",
        "7 days",
    ];
    page.assert(200, &words);
    // The person who has the URL may be a stranger.
    page.assert_lacks("alice");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-frame-options"), "DENY");
    for name in ["sec-purpose", "purpose"] {
        let request = world.client.get(&path).header(name, "prefetch");
        browser.send(request).await.assert(200, &[]);
    }
    let request = world.client.request(Method::HEAD, &path);
    browser.send(request).await.assert(200, &[]);
    assert_eq!(started(&world, id).await, 0);
}

#[tokio::test]
async fn the_person_goes_on_to_the_provider_and_the_link_is_used_up() {
    let world = World::new().await;
    let (id, path) = invited(&world).await;
    let mut browser = world.browser();
    let page = start(&mut browser, &path).await;
    let words = ["Do you know this program?", "nightly backup"];
    page.assert(200, &words);
    page.assert(200, &["the account that was linked before"]);
    // Nobody has sent this person a code.
    page.assert_lacks("sent you the code");
    page.assert_lacks("unknown address");
    assert_eq!(started(&world, id).await, 1);
    let code = code_of(&page);
    browser.post("confirm", &code).await.assert_leads_to(&code);
    grant(&world).await;
    browser
        .shows(&code, &["can now use this account", "alice"])
        .await;
    // The program did not start this relink, so the page does not offer to withdraw its key.
    let page = browser.get(&format!("/device?code={code}")).await;
    page.assert(200, &["take the permission back"]);
    page.assert_lacks("disown");
    let account = world.services.accounts.get(&Caller::ADMIN, id).await;
    assert_eq!(account.unwrap().status, AccountStatus::Active);

    for page in [
        browser.get(&path).await,
        browser.send_form(&path, &[]).await,
    ] {
        page.assert(410, &["Already done"]);
    }
    assert_eq!(started(&world, id).await, 1);
}

#[tokio::test]
async fn another_person_changes_nothing() {
    let world = World::new().await;
    let (_, path) = invited(&world).await;
    let mut browser = world.browser();
    let code = code_of(&start(&mut browser, &path).await);
    browser.post("confirm", &code).await;
    let mallory = ScriptedProvider::person("mallory");
    world.provider.answer_identify(Ok(mallory));
    grant(&world).await;
    let page = browser.link(&code).await;
    let words = [
        "different account",
        "If Scripted Provider signs you in by itself",
        "Open the link again",
    ];
    page.assert(200, &words);
    page.assert_lacks("Ask the program");
    // The right person can still use the URL.
    browser.get(&path).await.assert(200, &[]);
}

#[tokio::test]
async fn nobody_is_sent_to_a_program_that_has_not_asked() {
    let world = World::new().await;
    let (_, path) = invited(&world).await;
    let mut browser = world.browser();
    let code = code_of(&start(&mut browser, &path).await);
    let page = browser.post("cancel", &code).await;
    page.assert(200, &["Cancelled", "Nothing has changed"]);
    page.assert_lacks("rogram");
    let code = code_of(&start(&mut browser, &path).await);
    world.clock.advance(Duration::from_secs(601));
    let page = browser.post("look_up", &code).await;
    page.assert(410, &["It has expired", "Open the link again"]);
    page.assert_lacks("rogram");
}

#[tokio::test]
async fn links_that_do_not_work_have_a_page_and_start_nothing() {
    let world = World::new().await;
    let (id, path) = invited(&world).await;
    let mut browser = world.browser();
    browser.get(&path).await;
    for changed in [
        path[..path.len() - 1].to_owned(),
        format!("{path}0"),
        path.replace("relink/1.", "relink/2."),
        "/device/relink/x".to_owned(),
    ] {
        for page in [
            browser.get(&changed).await,
            browser.send_form(&changed, &[]).await,
        ] {
            page.assert(404, &["This link does not work", "somebody has changed it"]);
        }
    }
    world.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    for page in [
        browser.get(&path).await,
        browser.send_form(&path, &[]).await,
    ] {
        page.assert(410, &["This link does not work", "has expired"]);
    }
    assert_eq!(started(&world, id).await, 0);
}

#[tokio::test]
async fn a_deleted_account_has_nothing_to_link() {
    let world = World::new().await;
    let (id, path) = invited(&world).await;
    let address = std::net::Ipv4Addr::LOCALHOST.into();
    let deleted = world.services.accounts.delete(&Caller::ADMIN, id, address);
    deleted.await.unwrap();
    let page = world.browser().get(&path).await;
    page.assert(410, &["Already done"]);
}

#[tokio::test]
async fn a_form_of_another_site_starts_nothing() {
    let world = World::at("https://auth.example").await;
    let (id, path) = invited(&world).await;
    let mut browser = world.browser();
    browser.get(&path).await;
    let own = browser.csrf.clone();
    for headers in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let form = [("csrf", own.as_str())];
        let request = world.client.post(&path).form(&form);
        let page = browser.send(request.header(headers.0, headers.1)).await;
        page.assert(403, &["another website", "Link your account again"]);
    }
    for forged in ["", "x", &own[1..]] {
        browser.csrf = forged.to_owned();
        let page = browser.send_form(&path, &[]).await;
        page.assert(403, &["Allow cookies"]);
    }
    let request = world.client.post(&path).content_type("application/json");
    browser.send(request).await.assert(415, &[]);
    assert_eq!(started(&world, id).await, 0);
    // The form in the error page works.
    assert_eq!(browser.csrf, own);
    let page = browser.send_form(&path, &[]).await;
    page.assert(200, &["Do you know this program?"]);
}

#[tokio::test]
async fn a_browser_without_cookies_starts_nothing() {
    let world = World::new().await;
    let (id, path) = invited(&world).await;
    let mut browser = world.browser();
    browser.get(&path).await;
    browser.cookie = None;
    let page = browser.send_form(&path, &[]).await;
    page.assert(403, &["Allow cookies"]);
    assert_eq!(started(&world, id).await, 0);
}

#[tokio::test]
async fn a_network_starts_as_many_links_as_without_a_key() {
    let world = World::new().await;
    let (_, path) = invited(&world).await;
    let links = &world.services.links;
    // The client address of all requests in these tests.
    let address = std::net::Ipv4Addr::UNSPECIFIED.into();
    let (_, value) = path.rsplit_once('/').unwrap();
    for _ in 0..CodeLimit::PER_NETWORK {
        links.start_relink_at(value, address).await.ok().unwrap();
    }
    let page = start(&mut world.browser(), &path).await;
    page.assert(429, &["Too many people", "The link stays valid"]);
    assert!(!page.header("retry-after").is_empty());
}
