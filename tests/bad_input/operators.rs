//! What the operator's keys give access to, and what not.

use serde_json::json;

use super::api::expect_problem;
use super::scene::{CLIENT_NAME, Scene};
use crate::support::http;
use crate::support::service::Service;

const ADMIN: &str = "admin-key-0123456789";
const ENROLL: &str = "enroll-key-0123456789";

#[tokio::test]
async fn each_key_opens_its_own_doors() {
    let mut scene = Scene::new(&[("ADMIN_KEY", ADMIN), ("ENROLL_KEY", ENROLL)]).await;
    scene.hide(ADMIN);
    scene.hide(ENROLL);
    enrolment(&mut scene).await;
    administration(&scene).await;
    scene.end(&["status=401", "status=403"]).await;
}

/// Requesting a code needs the enrolment key; later steps do not.
async fn enrolment(scene: &mut Scene) {
    let ask = || scene.post("/v1/link-code").json(&json!({}));
    let request = http::send(ask()).await;
    expect_problem("no key", &request, 401, "enroll_key_required");
    for (what, request) in [
        ("a wrong key", ask().bearer_auth("enroll-key-9999999999")),
        ("a longer key", ask().bearer_auth(format!("{ENROLL}0"))),
    ] {
        expect_problem(what, &http::send(request).await, 401, "unauthorized");
    }
    let request = scene.post("/v1/link-code").bearer_auth(ENROLL);
    let link = scene.ask_for_code(request).await;
    let poll = scene.get(&format!("/v1/poll/{}", link.str("link_code")));
    let report = http::send(poll).await.expect(200);
    assert_eq!(report.str("status"), "pending");
    // The person needs no key either, and sees the program's name.
    let person = super::person::Person::arrive(&scene.service).await;
    scene.hide(person.cookie_value());
    let page = person
        .press("look_up", link.str("link_code"))
        .await
        .expect(200);
    assert!(page.text.contains(CLIENT_NAME), "{}", page.text);
    scene.provider.consent(true);
    person
        .press("confirm", link.str("link_code"))
        .await
        .expect(303);
    let link = super::scene::Link {
        code: link.str("link_code").to_owned(),
        key: link.str("access_key").to_owned(),
        person,
    };
    scene.wait_for(&link, "linked").await;
    relink(scene, &link.key).await;
}

/// With its access key, an account can be linked again without the enrolment key.
async fn relink(scene: &mut Scene, key: &str) {
    let request = scene.post("/v1/link-code").bearer_auth(key);
    let relink = scene.ask_for_code(request).await;
    assert!(relink.json["access_key"].is_null(), "{}", relink.text);
}

async fn administration(scene: &Scene) {
    let get = |path: &str, key: &str| scene.get(path).bearer_auth(key);
    let all = http::send(get("/v1/accounts", ADMIN)).await.expect(200);
    assert_eq!(all.json["items"][0]["account_id"], "person-7");
    let id = all.json["items"][0]["id"].as_str().unwrap();
    let one = format!("/v1/accounts/{id}");
    http::send(get(&one, ADMIN)).await.expect(200);
    for secret in scene.all_secrets() {
        assert!(!all.text.contains(&secret), "{}", all.text);
    }
    for (path, key) in [
        ("/v1/token", ADMIN),
        ("/v1/token", ENROLL),
        ("/v1/accounts", ENROLL),
        (one.as_str(), ENROLL),
    ] {
        expect_problem(path, &http::send(get(path, key)).await, 403, "forbidden");
    }
}

#[tokio::test]
async fn a_key_that_could_be_guessed_stops_the_start() {
    for name in ["ADMIN_KEY", "ENROLL_KEY"] {
        let mut service = Service::prepare(&[(name, "one-too-short-1")]);
        assert!(!service.run_to_the_end().await.success());
        let log = service.logs();
        assert!(log.contains(&format!("CENTRAL_OAUTH_{name}")), "{log}");
        assert!(!log.contains("one-too-short-1"), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(!service.file("central-oauth.sqlite3").exists());
    }
}

/// Without an admin key nobody is admin, whatever key they send.
#[tokio::test]
async fn without_an_admin_key_nobody_is_admin() {
    let mut scene = Scene::new(&[]).await;
    let _link = scene.begin().await;
    for key in ["admin", "''", "null", "undefined-undefined"] {
        let request = scene.get("/v1/accounts").bearer_auth(key);
        expect_problem(key, &http::send(request).await, 401, "unauthorized");
    }
    scene.end(&["status=401"]).await;
}
