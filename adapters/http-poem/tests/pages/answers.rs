//! Properties of every response, and the files that pages load.

use poem::http::header;

use super::browser::between;
use super::world::World;

#[tokio::test]
async fn every_page_is_private_and_strict() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    let mut pages = vec![browser.get("/device").await];
    pages.push(browser.post("look_up", "12").await);
    pages.push(browser.post("look_up", &code).await);
    pages.push(browser.post("confirm", &code).await);
    pages.push(browser.link(&code).await);
    pages.push(browser.status(&code).await);
    for page in pages {
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-frame-options"), "DENY");
        // `no-referrer` would make Chromium send our own forms with `Origin: null`.
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        for inline in ["<style", " style=", "<script>", " onclick", "javascript:"] {
            page.assert_lacks(inline);
        }
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_what_they_load_is_there() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    browser.confirm(&code).await;
    let page = browser.link(&code).await;
    for (before, content_type) in [
        ("rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("<script src=\"", "text/javascript; charset=utf-8"),
        ("type=\"image/svg+xml\" href=\"", "image/svg+xml"),
    ] {
        let address = between(&page.html, before, "\"").unwrap();
        assert!(address.starts_with("/device/assets/"), "{address}");
        let asset = browser.get(address).await;
        asset.assert(200, &[]);
        assert_eq!(asset.header("content-type"), content_type);
        assert_eq!(
            asset.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
    }
}

#[tokio::test]
async fn an_asset_that_is_known_is_not_sent_again() {
    let world = World::new().await;
    let mut browser = world.browser();
    let asset = browser.get("/device/assets/device.css").await;
    assert_eq!(asset.header("cache-control"), "public, no-cache");
    let known = world.client.get("/device/assets/device.css");
    let known = known.header(header::IF_NONE_MATCH, asset.header("etag"));
    browser.send(known).await.assert(304, &[]);
    browser
        .get("/device/assets/Cargo.toml")
        .await
        .assert(404, &[]);
    browser.get("/device/elsewhere").await.assert(404, &[]);
}
