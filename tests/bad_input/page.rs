//! Invalid requests to the page, and codes that are no longer valid.

use reqwest::header;

use super::person::Person;
use super::scene::{Link, Scene};
use crate::support::http;

#[tokio::test]
async fn the_page_says_what_is_wrong() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    wrong_codes(&link.person).await;
    wrong_forms(&scene, &link).await;
    scene.expect_status(&link, "pending").await;
    somebody_elses(&mut scene, &link).await;
    used_up(&mut scene, &link).await;
    scene.end(&["status=422", "form rejected"]).await;
}

async fn wrong_codes(person: &Person) {
    let markup = "\"><script>alert(1)</script>";
    for (typed, status, words) in [
        ("", 422, "Enter the code"),
        ("1234", 422, "eight digits"),
        ("abcdefgh", 422, "eight digits"),
        (markup, 422, "eight digits"),
        (&"1".repeat(3000), 422, "eight digits"),
        ("00000000", 404, "No program is waiting"),
    ] {
        for action in ["look_up", "confirm", "cancel"] {
            let page = person.press(action, typed).await.expect(status);
            assert!(page.text.contains(words), "{}", page.text);
            assert!(!page.text.contains(markup), "{}", page.text);
        }
    }
    // A code in the address is only prefilled.
    for typed in ["00000000", "%22%3E%3Cscript%3E", "%ff%fe", "1%202"] {
        let page = person.look(typed).await.expect(200);
        assert!(page.text.contains("Enter your code"), "{}", page.text);
        assert!(!page.text.contains("<script>"), "{}", page.text);
    }
}

async fn wrong_forms(scene: &Scene, link: &Link) {
    let form = |body: &str| {
        let request = link.person.post();
        let kind = "application/x-www-form-urlencoded";
        request
            .header(header::CONTENT_TYPE, kind)
            .body(body.to_owned())
    };
    let code = &link.code;
    let large = format!("code={}", "1".repeat(100_000));
    for (request, status) in [
        (
            link.person
                .post()
                .json(&serde_json::json!({ "code": code })),
            415,
        ),
        (form(&format!("code={code}&action=confirm")), 403),
        (form(&format!("code={code}&action=confirm&csrf=AAAA")), 403),
        (form(&format!("code={code}&action=explode")), 422),
        (form(&large[..5000]), 413),
        (form(&large), 413),
        // A form without a browser's cookie.
        (scene.post("/device").form(&[("code", code)]), 403),
    ] {
        let page = http::send(request).await.expect(status);
        assert!(!page.text.contains("link_code"), "{}", page.text);
    }
}

/// A confirmed code belongs to its browser.
async fn somebody_elses(scene: &mut Scene, link: &Link) {
    link.person.press("confirm", &link.code).await.expect(303);
    let other = Person::arrive(&scene.service).await;
    scene.hide(other.cookie_value());
    for action in ["look_up", "confirm", "cancel"] {
        let page = other.press(action, &link.code).await.expect(409);
        assert!(page.text.contains("in use"), "{}", page.text);
    }
    let page = other.look(&link.code).await.expect(200);
    assert!(page.text.contains("Enter your code"), "{}", page.text);
    scene.expect_status(link, "authorizing").await;
}

/// A code works once.
async fn used_up(scene: &mut Scene, link: &Link) {
    scene.provider.consent(true);
    scene.wait_for(link, "linked").await;
    let asked = scene.provider.redemptions();
    for action in ["look_up", "confirm", "cancel"] {
        // The browser of the link is shown the result, whichever button it presses.
        link.person.press(action, &link.code).await.expect(303);
        let page = link.person.look(&link.code).await.expect(200);
        assert!(page.text.contains("Kim Example"), "{}", page.text);
    }
    scene.expect_status(link, "linked").await;
    assert_eq!(scene.provider.redemptions(), asked);
}
