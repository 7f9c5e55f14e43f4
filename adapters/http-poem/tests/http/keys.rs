//! `/v1/accounts/{id}/keys`: what each kind of key may do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Person, World};

impl World {
    pub(crate) async fn create_key(&self, id: &str, key: &str, body: &Value) -> Answer {
        let path = format!("/v1/accounts/{id}/keys");
        let call = self.post(&path).key(key);
        call.json(body).send().await
    }

    pub(crate) async fn list_keys(&self, id: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{id}/keys");
        self.get(&path).key(key).send().await
    }

    async fn delete_key(&self, id: &str, key_id: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{id}/keys/{key_id}");
        self.delete(&path).key(key).send().await
    }

    /// Links an account. Returns its id and the key of the link.
    pub(crate) async fn account(&self) -> (String, String) {
        let key = self.link(1).await;
        (self.account_of(&key).await, key)
    }
}

#[tokio::test]
async fn keys_are_listed_with_their_last_use() {
    let world = World::new().await;
    let call = world.post("/v1/link-code");
    let started = call.json(&json!({"client_name": "the night shift"})).send();
    let started = started.await;
    let owner = started.text_at("access_key");
    let code = started.text_at("link_code");
    let linked_at = world.time_in(0);
    let consent = world.consent(&code, Person::Agrees(1));
    consent.await;
    let id = world.account_of(&owner).await;
    let made_at = world.time_in(0);
    let (reader_id, reader) = world.reader(&id, "the build").await;

    let list = world.list_keys(&id, &owner).await;
    list.assert(200);
    let expected = json!({"items": [
        {
            "id": list.body["items"][0]["id"],
            "name": "the night shift",
            "role": "owner",
            "created_at": linked_at,
            "last_used_at": made_at,
            "created_by": "link",
        },
        {
            "id": reader_id,
            "name": "the build",
            "role": "reader",
            "created_at": made_at,
            "created_by": "operator",
        },
    ]});
    assert_eq!(list.body, expected);

    world.clock.advance(Duration::from_secs(120));
    world.get("/v1/token").key(&reader).send().await.assert(200);
    let list = world.list_keys(&id, ADMIN).await;
    let used = &list.body["items"][1]["last_used_at"];
    assert_eq!(*used, world.time_in(0));
    assert_eq!(list.body["items"][0]["last_used_at"], made_at);
}

#[tokio::test]
async fn a_client_without_a_name_has_a_key_without_one() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let list = world.list_keys(&id, &owner).await;
    assert!(list.body["items"][0].get("name").is_none());
}

#[tokio::test]
async fn a_reader_reads_and_nothing_else() {
    let world = World::new().await;
    let (id, _) = world.account().await;
    let (_, reader) = world.reader(&id, "reader").await;
    let token = world.get("/v1/token").key(&reader).send().await;
    token.assert(200);
    assert_eq!(token.body["access_token"], "token-of-1");
    for path in ["/v1/accounts".to_owned(), format!("/v1/accounts/{id}")] {
        world.get(&path).key(&reader).send().await.assert(200);
    }

    let relink = world.post("/v1/link-code").key(&reader);
    relink.refused(403, "forbidden").await;
    // For this key, other accounts do not exist.
    let other = world.link(2).await;
    let other = world.account_of(&other).await;
    for answer in [
        world.list_keys(&other, &reader).await,
        world.delete_account(&other, &reader).await,
    ] {
        answer.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_key_expires() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let body = json!({"name": "brief", "expires_at": world.time_in(60)});
    let made = world.create_key(&id, &owner, &body).await;
    let key = made.text_at("access_key");
    world.clock.advance(Duration::from_secs(59));
    world.get("/v1/token").key(&key).send().await.assert(200);
    world.clock.advance(Duration::from_secs(1));
    for path in ["/v1/token".to_owned(), format!("/v1/accounts/{id}")] {
        let answer = world.get(&path).key(&key).send().await;
        answer.assert_problem(401, "unauthorized");
        let challenge = Some("Bearer error=\"invalid_token\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
    // The expired key is still listed, and can be deleted.
    let list = world.list_keys(&id, &owner).await;
    assert_eq!(list.body["items"][1]["expires_at"], made.body["expires_at"]);
    let answer = world.delete_key(&id, &made.text_at("id"), &owner).await;
    answer.assert(204);
}

#[tokio::test]
async fn a_deleted_key_opens_nothing() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    for by in [ADMIN, &owner] {
        let (key_id, key) = world.reader(&id, "reader").await;
        world.get("/v1/token").key(&key).send().await.assert(200);
        let answer = world.delete_key(&id, &key_id, by).await;
        answer.assert(204);
        assert_eq!(answer.text, "");
        assert_eq!(answer.header("content-type"), None);
        let call = world.get("/v1/token").key(&key);
        call.refused(401, "unauthorized").await;
        let answer = world.delete_key(&id, &key_id, by).await;
        answer.assert_problem(404, "not_found");
    }
    world.get("/v1/token").key(&owner).send().await.assert(200);
}

#[tokio::test]
async fn a_key_takes_its_links_along() {
    let world = World::new().await;
    let (code, owner) = world.start_link().await;
    let consent = world.consent(&code, Person::Agrees(1));
    consent.await;
    let id = world.account_of(&owner).await;
    let relink = world.post("/v1/link-code").key(&owner).send();
    let relink = relink.await.text_at("link_code");
    let list = world.list_keys(&id, &owner).await;
    let own_id = list.body["items"][0]["id"].as_str().unwrap();
    // The owner may delete its own key; the account stays.
    world.delete_key(&id, own_id, &owner).await.assert(204);
    for code in [code, relink] {
        let path = format!("/v1/poll/{code}");
        world.get(&path).refused(404, "not_found").await;
        let call = world.get(&path).key(&owner);
        call.refused(401, "unauthorized").await;
    }
    let account = world.get(&format!("/v1/accounts/{id}")).key(ADMIN).send();
    account.await.assert(200);
}

#[tokio::test]
async fn what_is_no_key_is_not_found() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let (key_id, _) = world.reader(&id, "reader").await;
    for wrong in [
        "0",
        "-1",
        "x",
        "%2B1",
        "99999999999999999999",
        &format!("0{key_id}"),
    ] {
        for by in [ADMIN, &owner] {
            let answer = world.delete_key(&id, wrong, by).await;
            answer.assert_problem(404, "not_found");
        }
    }
    // A key of another account does not exist either.
    let other = world.link(2).await;
    let other_id = world.account_of(&other).await;
    for (account, by) in [(&other_id, &other), (&id, &other), (&other_id, &owner)] {
        let answer = world.delete_key(account, &key_id, by).await;
        answer.assert_problem(404, "not_found");
    }
    let answer = world.delete_key(&other_id, &key_id, ADMIN).await;
    answer.assert_problem(404, "not_found");
    for wrong in ["x", "99", "%2B1"] {
        for answer in [
            world.list_keys(wrong, ADMIN).await,
            world.create_key(wrong, ADMIN, &json!({"name": "x"})).await,
            world.delete_key(wrong, &key_id, ADMIN).await,
        ] {
            answer.assert_problem(404, "not_found");
        }
    }
    assert_eq!(
        world.list_keys(&id, &owner).await.body["items"][1]["id"],
        key_id
    );
}

#[tokio::test]
async fn what_a_key_has_made_is_deleted_with_it_if_asked_to() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let owner_id = world.list_keys(&id, &owner).await.body["items"][0]["id"].clone();
    let make = async |key: &str| {
        let made = world.create_key(&id, key, &json!({"name": "x"})).await;
        (made.text_at("id"), made.text_at("access_key"))
    };
    let (first_id, first) = make(&owner).await;
    let (_, operators) = make(ADMIN).await;
    let list = world.list_keys(&id, ADMIN).await;
    assert_eq!(list.body["items"][1]["created_by"], owner_id);
    let path = format!("/v1/accounts/{id}/keys/{}", owner_id.as_str().unwrap());
    for wrong in ["yes", "", "2"] {
        let call = world.delete(&format!("{path}?descendants={wrong}"));
        call.key(ADMIN).refused(400, "invalid_request").await;
    }
    let works = async |key: &str| {
        let answer = world.get("/v1/token").key(key).send().await;
        answer.status == 200
    };
    let other = format!("/v1/accounts/{id}/keys/{first_id}?descendants=false");
    let call = world.delete(&other);
    call.key(ADMIN).send().await.assert(204);
    assert!(!works(&first).await);
    let (_, second) = make(&owner).await;
    let call = world.delete(&format!("{path}?descendants=true"));
    call.key(&owner).send().await.assert(204);
    for key in [&owner, &second] {
        assert!(!works(key).await);
    }
    assert!(works(&operators).await);
}

/// OpenAPI Generator's PHP clients write booleans as `1` and `0`.
#[tokio::test]
async fn descendants_may_be_a_number() {
    let world = World::new().await;
    let (id, first) = world.account().await;
    let second = world.link(1).await;
    for owner in [&first, &second] {
        let made = world.create_key(&id, owner, &json!({"name": "x"})).await;
        made.assert(201);
    }
    // In the first 24 hours after a link, deleting its key always deletes the keys that it has created.
    world.clock.advance(Duration::from_secs(24 * 3600));
    let before = world.list_keys(&id, ADMIN).await.body["items"].clone();
    for (key, descendants) in [(&before[0], 0), (&before[1], 1)] {
        let key = key["id"].as_str().unwrap();
        let path = format!("/v1/accounts/{id}/keys/{key}?descendants={descendants}");
        world.delete(&path).key(ADMIN).send().await.assert(204);
    }
    let after = world.list_keys(&id, ADMIN).await.body["items"].clone();
    assert_eq!(after.as_array().unwrap().len(), 1);
    assert_eq!(after[0]["id"], before[2]["id"]);
}

#[tokio::test]
async fn a_limited_key_shows_and_keeps_its_limits() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let body =
        json!({"name": "x", "networks": ["0.0.0.0", "2001:DB8::/32"], "max_uses_per_minute": 2});
    let made = world.create_key(&id, &owner, &body).await;
    made.assert(201);
    let networks = json!(["0.0.0.0/32", "2001:db8::/32"]);
    let listed = &world.list_keys(&id, &owner).await.body["items"][1];
    for shown in [&made.body, listed] {
        assert_eq!(shown["networks"], networks);
        assert_eq!(shown["max_uses_per_minute"], 2);
    }
    // These requests have no known address.
    let key = made.text_at("access_key");
    for _ in 0..2 {
        world.get("/v1/token").key(&key).send().await.assert(200);
    }
    let answer = world.get("/v1/token").key(&key).send().await;
    answer.assert_problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("30"));
    let body = json!({"name": "x", "networks": ["192.0.2.0/24"]});
    let made = world.create_key(&id, &owner, &body).await;
    let key = made.text_at("access_key");
    let answer = world.get("/v1/token").key(&key).send().await;
    let detail = answer.assert_problem(401, "unauthorized");
    assert!(detail.contains("network"), "{detail}");
}

#[tokio::test]
async fn a_link_can_ask_for_a_reader() {
    let world = World::new().await;
    let ask = async |body: Value| {
        let call = world.post("/v1/link-code").json(&body);
        call.send().await
    };
    // The expiry is two hours ahead, because the clock advances until the person has consented.
    let end = world.time_in(7200);
    let started = ask(json!({"role": "reader", "key_expires_at": end})).await;
    started.assert(201);
    let key = started.text_at("access_key");
    let code = started.text_at("link_code");
    world.consent(&code, Person::Agrees(1)).await;
    world.get("/v1/token").key(&key).send().await.assert(200);
    let id = world.account_of(&key).await;
    world
        .list_keys(&id, &key)
        .await
        .assert_problem(403, "forbidden");
    let list = world.list_keys(&id, ADMIN).await;
    assert_eq!(list.body["items"][0]["role"], "reader");
    assert_eq!(list.body["items"][0]["expires_at"], end);
    for (body, status, code) in [
        (json!({"role": "admin"}), 422, "unprocessable"),
        (
            json!({"key_expires_at": world.time_in(0)}),
            422,
            "unprocessable",
        ),
        (json!({"key_expires_at": "soon"}), 400, "invalid_request"),
    ] {
        ask(body).await.assert_problem(status, code);
    }
    let owner = world.link(2).await;
    for body in [
        json!({"role": "owner"}),
        json!({"key_expires_at": world.time_in(60)}),
    ] {
        let call = world.post("/v1/link-code").key(&owner);
        call.json(&body).refused(422, "unprocessable").await;
    }
    let call = world.post("/v1/link-code").key(&owner);
    call.json(&json!({"role": null})).send().await.assert(201);
}
