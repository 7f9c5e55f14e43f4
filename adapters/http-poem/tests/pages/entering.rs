//! Entering a code.

use std::time::Duration;

use super::world::World;

#[tokio::test]
async fn a_code_in_the_address_is_only_filled_in() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let page = world.browser().link(&code).await;
    let filled_in = format!("value=\"{} {}\"", &code[..4], &code[4..]);
    page.assert(200, &[&filled_in, "Enter your code"]);
    page.assert_lacks("cli");

    let unknown = world.browser().link("00000000").await;
    unknown.assert(200, &["value=\"0000 0000\"", "Enter your code"]);
    let nonsense = world.browser().link("%22%3E%3Cscript%3E").await;
    nonsense.assert(200, &["value=\"\""]);
}

#[tokio::test]
async fn the_person_sees_who_asks_before_anything_starts() {
    let world = World::new().await;
    let code = world.ask("nightly-backup").await;
    let mut browser = world.visitor().await;
    let typed = format!(" {}-{} ", &code[..4], &code[4..]);
    let page = browser.post("look_up", &typed).await;
    page.assert(
        200,
        &[
            "nightly-backup",
            "not verified",
            "192.0.2.44",
            "just now",
            "UTC",
            "Scripted Provider",
            "<li>profile</li>",
            "value=\"confirm\"",
            "value=\"cancel\"",
        ],
    );
    // The code is not assigned to this browser yet.
    browser.shows(&code, &["Enter your code"]).await;
}

#[tokio::test]
async fn looking_up_is_what_a_form_without_an_action_does() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    let page = browser.post_fields(&[("code", &code)]).await;
    page.assert(200, &["Do you know this program?"]);
    let page = browser
        .post_fields(&[("code", &code), ("action", "explode")])
        .await;
    page.assert(422, &["look_up, confirm, cancel or disown"]);
}

#[tokio::test]
async fn a_hostile_name_stays_text() {
    let world = World::new().await;
    let code = world.ask("</bdi><script>alert(1)</script>\"'&").await;
    let mut browser = world.visitor().await;
    let page = browser.post("look_up", &code).await;
    page.assert(200, &["&#60;script&#62;alert(1)"]);
    page.assert_lacks("<script>alert");
    browser.post("confirm", &code).await;
    let page = browser.link(&code).await;
    page.assert(200, &["&#60;script&#62;alert(1)"]);
    page.assert_lacks("<script>alert");
}

#[tokio::test]
async fn a_wrong_code_is_told_at_the_field() {
    let world = World::new().await;
    let mut browser = world.visitor().await;
    for (typed, status, words) in [
        ("", 422, "Enter the code"),
        ("1234", 422, "eight digits"),
        ("<b>\"", 422, "value=\"&#60;b&#62;&#34;\""),
        ("99999999", 404, "No program is waiting"),
    ] {
        let page = browser.post("look_up", typed).await;
        let at_field = [
            "role=\"alert\"",
            "aria-invalid=\"true\"",
            "aria-describedby=\"code-problem",
        ];
        page.assert(status, &at_field);
        page.assert(status, &[words, "<title>Error: "]);
    }
}

#[tokio::test]
async fn guessing_is_stopped() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    let mut browser = world.visitor().await;
    for guess in 0..20 {
        let page = browser.post("look_up", &format!("000000{guess:02}")).await;
        page.assert(404, &[]);
    }
    let page = browser.post("look_up", &code).await;
    page.assert(429, &["Too many wrong codes", "Wait 10 minutes"]);
    assert_eq!(page.header("retry-after"), "600");
    world.clock.advance(Duration::from_secs(600));
    let fresh = world.ask("cli").await;
    browser.post("look_up", &fresh).await.assert(200, &[]);
}

#[tokio::test]
async fn an_old_code_is_gone() {
    let world = World::new().await;
    let code = world.ask("cli").await;
    world.clock.advance(Duration::from_secs(601));
    let mut browser = world.visitor().await;
    for action in ["look_up", "confirm", "cancel"] {
        let page = browser.post(action, &code).await;
        page.assert(410, &["no longer works", "It has expired"]);
    }
    browser.shows(&code, &["Enter your code"]).await;
}
