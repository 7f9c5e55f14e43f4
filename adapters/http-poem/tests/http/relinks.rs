//! `POST /v1/accounts/{id}/relink`, and the admin's polls of the link.

use poem::http::Method;
use serde_json::json;

use crate::support::{ADMIN, Answer, Person, World};

impl World {
    async fn relink(&self, id: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{id}/relink");
        self.post(&path).key(key).send().await
    }
}

#[tokio::test]
async fn the_admin_gets_a_code_without_a_key_and_polls_it() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let started = world.relink(&id, ADMIN).await;
    started.assert(201);
    assert_eq!(started.header("cache-control"), Some("no-store"));
    assert!(started.body.get("access_key").is_none());
    assert_eq!(started.body["provider"], "scripted");
    assert_eq!(started.body["expires_in"], 600);
    let code = started.text_at("link_code");
    let complete = started.text_at("verification_url_complete");
    assert!(complete.ends_with(&format!("/device?code={code}")));

    world.consent(&code, Person::Agrees(1)).await;
    let path = format!("/v1/poll/{code}");
    let poll = world.get(&path).key(ADMIN).send().await;
    assert_eq!(poll.body["status"], "linked");
    assert_eq!(poll.body["account"]["id"], id);
    let head = world.call(Method::HEAD, &path).key(ADMIN).send().await;
    head.assert(200);
    // The program's key opens the account as before.
    world.get("/v1/token").key(&key).send().await.assert(200);
    // Callers without a key still get only the status.
    let poll = world.get(&path).send().await;
    assert_eq!(poll.body["status"], "linked");
    assert!(poll.body.get("account").is_none());
}

#[tokio::test]
async fn another_person_changes_nothing_and_the_admin_is_told() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let code = world.relink(&id, ADMIN).await.text_at("link_code");
    world.consent(&code, Person::Agrees(2)).await;
    let poll = world.get(&format!("/v1/poll/{code}")).key(ADMIN).send();
    let poll = poll.await;
    assert_eq!(poll.body["status"], "failed");
    assert_eq!(poll.body["error"]["code"], "account_mismatch");
    assert_eq!(world.account_of(&key).await, id);
}

#[tokio::test]
async fn the_admin_sees_no_account_of_other_links() {
    let world = World::new().await;
    let (code, _) = world.start_link().await;
    world.consent(&code, Person::Agrees(1)).await;
    let path = format!("/v1/poll/{code}");
    let poll = world.get(&path).key(ADMIN).send().await;
    assert_eq!(poll.body["status"], "linked");
    assert!(poll.body.get("account").is_none());
}

#[tokio::test]
async fn others_do_not() {
    let world = World::with(|options| options.enroll_key = Some("enroll-me")).await;
    let anonymous = world.post("/v1/accounts/1/relink").send();
    anonymous.await.assert_problem(401, "unauthorized");
    world
        .relink("1", "enroll-me")
        .await
        .assert_problem(403, "forbidden");
    for unknown in ["99", "x", "01"] {
        let answer = world.relink(unknown, ADMIN).await;
        answer.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn auditors_and_access_keys_are_told_what_to_do() {
    let world = World::with(|options| options.auditor_key = Some("audit-me")).await;
    let (key, foreign) = (world.link(1).await, world.link(2).await);
    let id = world.account_of(&key).await;
    let answer = world.relink(&id, "audit-me").await;
    let detail = answer.assert_problem(403, "forbidden");
    assert!(detail.contains("may only read"), "{detail}");
    let answer = world.relink(&id, &key).await;
    let detail = answer.assert_problem(403, "forbidden");
    assert!(detail.contains("POST /v1/link-code"), "{detail}");
    let answer = world.relink(&id, &foreign).await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_account_with_a_random_id_is_refused() {
    let world = World::new().await;
    *world.provider.is_silent_about_people.lock().unwrap() = true;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let answer = world.relink(&id, ADMIN).await;
    let detail = answer.assert_problem(422, "unprocessable");
    assert!(detail.contains("does not identify people"), "{detail}");
}

#[tokio::test]
async fn an_account_without_a_key_is_refused() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let keys = format!("/v1/accounts/{id}/keys");
    let list = world.get(&keys).key(ADMIN).send().await;
    let own = list.body["items"][0]["id"].as_str().unwrap();
    let path = format!("{keys}/{own}");
    let deleted = world.delete(&path).key(ADMIN).send().await;
    deleted.assert(204);
    let answer = world.relink(&id, ADMIN).await;
    answer.assert_problem(422, "unprocessable");
}

#[tokio::test]
async fn the_admin_is_recorded() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.relink(&id, ADMIN).await.assert(201);
    let path = format!("/v1/audit?account={id}&kind=link.started");
    let log = world.get(&path).key(ADMIN).send().await;
    let entries = log.body["items"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["actor"], "admin");
    assert_eq!(entries[0]["account"], id);
    assert_eq!(entries[0]["detail"]["relink"], json!("true"));
}
