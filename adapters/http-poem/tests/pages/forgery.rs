//! Forms forged by another site, and browsers without cookies.

use poem::http::header;

use super::world::World;

#[tokio::test]
async fn a_form_without_the_browsers_token_is_refused_and_offered_anew() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut victim = world.visitor().await;
    let own = victim.csrf.clone();

    let attacker = world.visitor().await;
    let filled_in = format!("value=\"{} {}\"", &code[..4], &code[4..]);
    for forged in ["", "x", &attacker.csrf, &own[1..], &format!("{own}A")] {
        victim.csrf = forged.to_owned();
        let page = victim.post("confirm", &code).await;
        page.assert(403, &["cookie", &filled_in]);
    }
    // The form in the error page works.
    assert_eq!(victim.csrf, own);
    victim
        .post("look_up", &code)
        .await
        .assert(200, &["not verified"]);
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    for _ in 0..2 {
        browser.get("/device").await;
        browser.cookie = None;
        let page = browser.post("look_up", &code).await;
        page.assert(403, &["Allow cookies", "http://127.0.0.1:8080/device"]);
        browser.cookie = None;
    }
}

#[tokio::test]
async fn another_site_is_refused_even_with_the_token() {
    let world = World::at("https://auth.example").await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://auth.example"),
        ],
        &[("origin", "https://evil.example"), ("host", "auth.example")],
        &[("origin", "null")],
    ] {
        let page = browser.post_with(headers, "confirm", &code).await;
        page.assert(403, &["another website"]);
    }
    for headers in [
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://auth.example"),
        ][..],
        &[
            ("origin", "https://auth.example"),
            ("host", "10.0.0.7:8080"),
        ],
        &[
            ("origin", "http://localhost:8080"),
            ("host", "localhost:8080"),
        ],
    ] {
        browser
            .post_with(headers, "look_up", &code)
            .await
            .assert(200, &[]);
    }
}

/// When another site submits a form, browsers send no `SameSite=Lax` cookie, but accept a new cookie from the response.
#[tokio::test]
async fn a_form_of_another_site_replaces_no_cookie() {
    let world = World::at("https://auth.example").await;
    let code = world.ask("cli").await;
    let mut browser = world.browser();
    browser.confirm(&code).await.assert_leads_to(&code);
    let cookie = browser.cookie.take();
    for path in ["/device", "/device/relink/1", "/admin/login"] {
        let request = world.client.post(path).form(&[("code", &code)]);
        let request = request.header("sec-fetch-site", "cross-site");
        let page = browser.send(request).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert!(!page.headers.contains_key(header::SET_COOKIE), "{path}");
    }
    browser.cookie = cookie;
    browser.shows(&code, &["Waiting for you"]).await;
}

#[tokio::test]
async fn the_cookie_is_as_narrow_as_it_can_be() {
    let world = World::at("https://auth.example/broker/").await;
    let mut browser = world.browser();
    let page = browser.get("/device").await;
    let cookie = page.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-central-oauth-browser="),
        "{cookie}"
    );
    for attribute in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    // If the service is below a path, every URL in the page includes that path.
    page.assert(
        200,
        &[
            "action=\"/broker/device\"",
            "href=\"/broker/device/assets/device.css?v=",
        ],
    );
    let again = browser.get("/device").await;
    assert_eq!(again.header("set-cookie"), cookie);

    let plain = World::new().await.browser().get("/device").await;
    let cookie = plain.header("set-cookie");
    assert!(cookie.starts_with("central-oauth-browser="), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn what_is_no_form_gets_a_clear_answer() {
    let world = World::new().await;
    let mut browser = world.visitor().await;
    let post = |content_type: &str, body: String| {
        let request = world.client.post("/device").body(body);
        request.header(header::CONTENT_TYPE, content_type)
    };
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    for (content_type, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        ("multipart/form-data; boundary=x", String::new(), 415),
        (form, format!("code={}", "1".repeat(5000)), 413),
        (form, String::new(), 403),
        (form, "\u{0}%ff%%&&==".to_owned(), 403),
    ] {
        browser
            .send(post(content_type, body))
            .await
            .assert(status, &["<h1>"]);
    }
}
