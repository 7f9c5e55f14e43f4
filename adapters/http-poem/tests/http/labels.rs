//! Labels, and `GET /v1/accounts` by label, provider and status.

use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Person, World};

async fn asked(world: &World, labels: &Value) -> Answer {
    let call = world.post("/v1/link-code");
    call.json(&json!({"labels": labels})).send().await
}

/// Links a new account of this person with these labels. Returns its key.
async fn link(world: &World, person: u32, labels: &Value) -> String {
    let started = asked(world, labels).await;
    started.assert(201);
    let code = started.text_at("link_code");
    world.consent(&code, Person::Agrees(person)).await;
    started.text_at("access_key")
}

async fn listed(world: &World, key: &str, query: &str) -> Vec<String> {
    let list = world
        .get(&format!("/v1/accounts?{query}"))
        .key(key)
        .send()
        .await;
    list.assert(200);
    let items = list.body["items"].as_array().unwrap().iter();
    items
        .map(|a| a["account_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn labels_come_back_with_the_account() {
    let world = World::new().await;
    let given = json!({"team": "billing", "host/rack.1_a-b": "ünï:=🌙"});
    let key = link(&world, 1, &given).await;
    let id = world.account_of(&key).await;
    let path = format!("/v1/accounts/{id}");
    let account = world.get(&path).key(&key).send().await;
    assert_eq!(account.body["labels"], given);
    let refreshed = world.post(&format!("{path}/refresh"));
    let refreshed = refreshed.key(&key).send().await;
    assert_eq!(refreshed.body["labels"], given);
    let listed = world.get("/v1/accounts").key(ADMIN).send().await;
    assert_eq!(listed.body["items"][0]["labels"], given);
    let bare = world.link(2).await;
    let listed = world.get("/v1/accounts").key(&bare).send().await;
    assert_eq!(listed.body["items"][0]["labels"], json!({}));

    let call = world.post("/v1/link-code").key(&key);
    let later = json!({"labels": {"team": "sales", "new": ""}});
    let relink = call.json(&later).send().await;
    relink.assert(201);
    world
        .consent(&relink.text_at("link_code"), Person::Agrees(1))
        .await;
    let account = world.get(&path).key(&key).send().await;
    let mut kept = given;
    kept["new"] = json!("");
    assert_eq!(account.body["labels"], kept);
}

#[tokio::test]
async fn labels_are_bounded() {
    let world = World::new().await;
    let many = |count: usize| {
        let labels = (0..count).map(|n| (format!("n{n}"), Value::from("x")));
        Value::Object(labels.collect())
    };
    let one = |name: &str, value: &str| json!({ name: value });
    let longest = (one(&"n".repeat(63), "x"), one("n", &"🌙".repeat(255)));
    for allowed in [json!({}), Value::Null, many(16), longest.0, longest.1] {
        asked(&world, &allowed).await.assert(201);
    }
    for refused in [
        many(17),
        one("", "x"),
        one("Team", "x"),
        one("a:b", "x"),
        one("a b", "x"),
        one(&"n".repeat(64), "x"),
        one("n", &"x".repeat(256)),
        one("n", "a\u{7}b"),
        json!({"n": 1}),
        json!({"n": null}),
        json!(["n"]),
        json!("n"),
    ] {
        let answer = asked(&world, &refused).await;
        let detail = answer.assert_problem(422, "unprocessable");
        assert!(detail.starts_with("labels"), "{detail}");
    }
}

#[tokio::test]
async fn accounts_are_listed_by_filters() {
    let world = World::new().await;
    let billing = json!({"team": "billing", "url": "https://x"});
    let alice = link(&world, 1, &billing).await;
    let bob = link(&world, 2, &json!({"team": "sales"})).await;
    link(&world, 3, &billing).await;
    for (query, expected) in [
        ("", &["person-1", "person-2", "person-3"][..]),
        ("label=team:billing", &["person-1", "person-3"]),
        ("label=url:https://x", &["person-1", "person-3"]),
        ("label=team:bill", &[]),
        // Earlier versions accepted this zero-width space.
        ("label=team:bill%E2%80%8Bing", &[]),
        ("label=nobody:has", &[]),
        ("provider=scripted&label=team:sales", &["person-2"]),
        ("provider=other", &[]),
        ("status=active&label=team:sales", &["person-2"]),
        ("status=relink_required", &[]),
    ] {
        assert_eq!(listed(&world, ADMIN, query).await, expected, "{query}");
    }
    // A key sees its own account or none.
    assert_eq!(
        listed(&world, &alice, "label=team:billing").await,
        ["person-1"]
    );
    assert_eq!(listed(&world, &alice, "label=team:sales").await, [""; 0]);
    assert_eq!(listed(&world, &bob, "label=team:sales").await, ["person-2"]);
    assert_eq!(listed(&world, &bob, "status=degraded").await, [""; 0]);
    assert_eq!(listed(&world, &bob, "provider=other").await, [""; 0]);
    for wrong in [
        "status=ill",
        "status=",
        "label=team",
        "label=Team:x",
        "label=:x",
        "label=team:a%00b",
        "label=",
    ] {
        let call = world.get(&format!("/v1/accounts?{wrong}")).key(ADMIN);
        call.refused(400, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters() {
    let world = World::new().await;
    for person in 1..=4 {
        let team = if person == 2 { "sales" } else { "billing" };
        link(&world, person, &json!({"team": team})).await;
    }
    let page = async |query: String| world.get(&query).key(ADMIN).send().await;
    let filtered = "/v1/accounts?limit=1&provider=scripted&label=team:billing";
    let (mut seen, mut next) = (Vec::new(), filtered.to_owned());
    let mut cursors = Vec::new();
    loop {
        let answer = page(next).await;
        answer.assert(200);
        let items = answer.body["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|a| a["account_id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = answer.body["next_cursor"].as_str() else {
            break;
        };
        next = format!("{filtered}&cursor={cursor}");
        cursors.push(cursor.to_owned());
    }
    assert_eq!(seen, ["person-1", "person-3", "person-4"]);
    let plain = page("/v1/accounts?limit=1".to_owned()).await;
    let plain = plain.text_at("next_cursor");
    for (query, cursor) in [
        ("", &cursors[0]),
        ("provider=scripted&", &cursors[0]),
        ("label=team:billing&", &cursors[0]),
        ("provider=scripted&label=team:sales&", &cursors[0]),
        (
            "provider=scripted&label=team:billing&status=active&",
            &cursors[0],
        ),
        ("provider=scripted&", &plain),
    ] {
        let answer = page(format!("/v1/accounts?{query}cursor={cursor}")).await;
        let detail = answer.assert_problem(400, "invalid_request");
        assert!(detail.contains("cursor"), "{detail}");
    }
}
