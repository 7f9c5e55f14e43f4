//! Logging in and out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::world::World;
use super::{ADMIN, AUDITOR, linked, logged_in, operators, world, world_at};

const PAGES: [&str; 5] = [
    "/admin",
    "/admin/accounts/1",
    "/admin/accounts/1/revoke",
    "/admin/revocations",
    "/admin/service",
];

#[tokio::test]
async fn an_unavailable_store_gets_a_page() {
    let world = world().await;
    let mut browser = logged_in(&world, ADMIN).await;
    world.store.be_away(true);
    browser.languages = "de";
    let page = browser.get("/admin").await;
    page.assert(503, &["<html lang=\"en\">", "is not available"]);
    page.assert_lacks("code");
    assert_eq!(page.header("retry-after"), "5");
    world.store.be_away(false);
    browser.get("/admin").await.assert(200, &["Accounts"]);
}

#[tokio::test]
async fn without_an_admin_and_an_auditor_there_is_no_page() {
    let world = World::new().await;
    let mut browser = world.browser();
    for path in PAGES.iter().chain(&["/admin/login"]) {
        browser.get(path).await.assert(404, &["not_found"]);
    }
    let page = browser.send_form("/admin/login", &[("key", ADMIN)]).await;
    page.assert(404, &["not_found"]);
}

#[tokio::test]
async fn nobody_sees_anything_without_a_session() {
    let world = world().await;
    let mut browser = world.browser();
    for path in PAGES {
        browser.get(path).await.assert_sends_to("/admin/login");
    }
    let page = browser.send_form("/admin/accounts/1/revoke", &[]).await;
    page.assert_sends_to("/admin/login?logged_out");
    // The cookie of `/device` is not a session.
    browser.get("/device").await;
    browser.session = browser
        .cookie
        .as_ref()
        .map(|cookie| cookie.replace("-browser=", "-admin-8080="));
    browser.get("/admin").await.assert_sends_to("/admin/login");
}

#[tokio::test]
async fn an_operator_logs_in_and_out() {
    let world = world().await;
    let mut browser = logged_in(&world, ADMIN).await;
    let session = browser.session.clone();
    browser.get("/admin/login").await.assert_sends_to("/admin");
    browser.get("/admin").await;
    let page = browser.send_form("/admin/logout", &[]).await;
    page.assert_sends_to("/admin/login");
    assert!(browser.session.is_none());
    // The old cookie no longer gives access.
    browser.session = session;
    browser.get("/admin").await.assert_sends_to("/admin/login");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_many_are_throttled() {
    let world = world().await;
    let mut browser = world.browser();
    browser.get("/admin/login").await;
    let wrong = "not-the-key-of-anybody";
    for key in ["", wrong] {
        let page = browser.send_form("/admin/login", &[("key", key)]).await;
        page.assert(401, &["not an operator&#39;s", "Error: Log in"]);
        page.assert_lacks("not-the-key");
        assert!(browser.session.is_none());
    }
    for _ in 0..28 {
        browser.send_form("/admin/login", &[("key", wrong)]).await;
    }
    let page = browser.send_form("/admin/login", &[("key", wrong)]).await;
    page.assert(429, &["Too many wrong keys"]);
    assert_eq!(page.header("retry-after"), "2");
    let page = browser.send_form("/admin/login", &[("key", ADMIN)]).await;
    page.assert_sends_to("/admin");
}

#[tokio::test]
async fn a_session_ends_after_15_idle_minutes() {
    let world = world().await;
    let mut browser = logged_in(&world, AUDITOR).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(14 * 60));
        browser.get("/admin").await.assert(200, &[]);
    }
    world.clock.advance(Duration::from_secs(15 * 60));
    browser.get("/admin").await.assert_sends_to("/admin/login");
    let words = "You were logged out. Nothing was done.";
    browser.get("/admin/login").await.assert_lacks(words);
    let page = browser.send_form("/admin/logout", &[]).await;
    page.assert_sends_to("/admin/login?logged_out");
    let page = browser.get("/admin/login?logged_out").await;
    page.assert(200, &[words]);
}

#[tokio::test]
async fn a_link_on_another_site_leads_to_the_page_itself() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let from = |site| world.client.get(&account).header("sec-fetch-site", site);
    // The browser does not send the session cookie when it comes from another site.
    let session = browser.session.take();
    for site in ["cross-site", "same-site"] {
        let page = browser.send(from(site)).await;
        let again = ["http-equiv=\"refresh\" content=\"0\"", "<a href=\"\">"];
        page.assert(200, &again);
        page.assert_lacks("cron");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("style-src 'self'"), "{policy}");
    }
    let page = browser.send(from("same-origin")).await;
    page.assert_sends_to("/admin/login");
    browser.session = session;
    let page = browser.send(from("same-origin")).await;
    page.assert(200, &["cron"]);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let world = world().await;
    let mut admin = logged_in(&world, ADMIN).await;
    let mut auditor = logged_in(&world, AUDITOR).await;
    let [_, remaining] = operators();
    world.services.operators.replace(&[remaining]).unwrap();
    admin.get("/admin").await.assert_sends_to("/admin/login");
    auditor.get("/admin").await.assert(200, &[]);
    world.services.operators.replace(&[]).unwrap();
    auditor.get("/admin").await.assert(404, &[]);
}

#[tokio::test]
async fn the_cookie_is_as_narrow_as_it_can_be() {
    for (public_url, start, is_secure) in [
        (
            "https://auth.example/broker/",
            "__Host-central-oauth-admin-2Fbroker=",
            true,
        ),
        ("http://127.0.0.1:8080", "central-oauth-admin.8080=", false),
    ] {
        let world = world_at(public_url).await;
        let mut browser = world.browser();
        let page = browser.get("/admin/login").await;
        page.assert(200, &["/admin/login\"", "type=\"password\""]);
        let page = browser.send_form("/admin/login", &[("key", ADMIN)]).await;
        let cookie = page.header("set-cookie");
        assert!(cookie.starts_with(start), "{cookie}");
        for attribute in ["; Path=/;", "; HttpOnly", "; SameSite=Strict"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), is_secure, "{cookie}");
        for absent in ["Domain", "Max-Age", "Expires"] {
            assert!(!cookie.contains(absent), "{cookie}");
        }
        let base = page
            .header("location")
            .trim_end_matches("/admin")
            .to_owned();
        // If the service is below a path, every URL in the page includes that path.
        let page = browser.get("/admin").await;
        page.assert(200, &[&format!("action=\"{base}/admin/logout\"")]);
        let page = browser.send_form("/admin/logout", &[]).await;
        let gone = format!("{start}; Max-Age=0");
        assert!(page.header("set-cookie").starts_with(&gone));
    }
}

/// Browsers send the cookies of both services to each service, because they share a host.
#[tokio::test]
async fn two_services_on_one_host_keep_their_sessions() {
    let worlds = [
        world_at("https://auth.example/one").await,
        world_at("https://auth.example/two").await,
    ];
    let mut jar = BTreeMap::new();
    for world in &worlds {
        let mut browser = world.browser();
        browser.get("/admin/login").await;
        browser.send_form("/admin/login", &[("key", ADMIN)]).await;
        let cookie = browser.session.unwrap();
        let (name, _) = cookie.split_once('=').unwrap();
        jar.insert(name.to_owned(), cookie);
    }
    assert_eq!(jar.len(), 2);
    let cookies: Vec<_> = jar.into_values().collect();
    for world in &worlds {
        let mut browser = world.browser();
        browser.session = Some(cookies.join("; "));
        browser.get("/admin").await.assert(200, &["Log out"]);
    }
}

#[tokio::test]
async fn a_session_opens_nothing_else() {
    let world = world().await;
    let browser = logged_in(&world, ADMIN).await;
    let session = browser.session.as_ref().unwrap();
    let (_, token) = session.split_once('=').unwrap();
    for (name, value) in [
        ("cookie", session.clone()),
        ("authorization", format!("Bearer {token}")),
    ] {
        let request = world.client.get("/v1/accounts").header(name, value);
        assert_eq!(request.send().await.0.status(), 401);
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let world = world_at("https://auth.example").await;
    let mut browser = world.browser();
    browser.get("/admin/login").await;
    let own = std::mem::take(&mut browser.csrf);
    let page = browser.send_form("/admin/login", &[("key", ADMIN)]).await;
    page.assert(403, &["not accepted"]);
    browser.csrf = own;
    let request = world.client.post("/admin/login");
    let form = [("csrf", browser.csrf.as_str()), ("key", ADMIN)];
    let request = request.form(&form).header("sec-fetch-site", "cross-site");
    browser.send(request).await.assert(403, &["not accepted"]);
    assert!(browser.session.is_none());

    let mut browser = logged_in(&world, ADMIN).await;
    let own = browser.csrf.clone();
    let other = logged_in(&world, ADMIN).await.csrf;
    for forged in ["", "x", &other] {
        forged.clone_into(&mut browser.csrf);
        let page = browser.send_form("/admin/logout", &[]).await;
        page.assert(403, &["The form was not accepted"]);
    }
    for (name, value) in [
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
    ] {
        let request = world.client.post("/admin/logout");
        let request = request.form(&[("csrf", &own)]).header(name, value);
        let page = browser.send(request).await;
        page.assert(403, &["The form was not accepted"]);
    }
    browser.get("/admin").await.assert(200, &[]);
}
