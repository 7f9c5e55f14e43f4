//! `GET /v1/audit`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, World};

impl World {
    async fn audit(&self, query: &str) -> Value {
        let list = self
            .get(&format!("/v1/audit{query}"))
            .key(ADMIN)
            .send()
            .await;
        list.assert(200);
        list.body
    }

    async fn kinds(&self, query: &str) -> Vec<String> {
        let page = self.audit(query).await;
        let items = page["items"].as_array().unwrap().iter();
        let kinds = items.map(|entry| entry["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    }
}

#[tokio::test]
async fn an_entry_says_who_did_what_to_which_account() {
    let world = World::new().await;
    let key = world.link(3).await;
    let id = world.account_of(&key).await;
    world.get("/v1/token").key(&key).send().await.assert(200);
    let (reader, _) = world.reader(&id, "job").await;
    let path = format!("/v1/accounts/{id}/keys/{reader}");
    let deleted = world.delete(&path).key(ADMIN).send().await;
    deleted.assert(204);
    let entry = world.audit("?kind=key.deleted").await["items"][0].clone();
    let expected = json!({
        "id": entry["id"],
        "at": world.time_in(0),
        "kind": "key.deleted",
        "actor": "admin",
        "network": "none",
        "account": id,
        "key": reader,
        "detail": {},
    });
    assert_eq!(entry, expected);
    // Counted events are stored after ten minutes.
    let counted = world.audit("?kind=token.handed_out").await;
    assert_eq!(counted["items"], json!([]));
    world.clock.advance(Duration::from_secs(600));
    let counted = world.audit("?kind=token.handed_out").await;
    assert_eq!(counted["items"][0]["detail"], json!({"count": "2"}));
    assert_eq!(counted["items"][0]["account"], *id);
}

#[tokio::test]
async fn filters_and_pages() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.link(2).await;
    let linked = world.kinds("?kind=link.linked").await;
    assert_eq!(linked, ["link.linked", "link.linked"]);
    assert!(world.kinds("?account=777").await.is_empty());
    assert!(world.kinds("?account=nonsense").await.is_empty());
    assert_eq!(
        world
            .kinds(&format!("?account={id}&kind=link.linked"))
            .await
            .len(),
        1
    );
    let (now, later) = (world.time_in(0), world.time_in(1));
    // OpenAPI Generator's Python clients write times in this form.
    let colonless = later.replace('Z', ".000000%2B0000");
    for (period, expected) in [
        (format!("before={later}"), 2),
        (format!("before={colonless}"), 2),
        (format!("after={now}&before={later}"), 1),
        (format!("before={now}"), 1),
        (format!("after={later}"), 0),
    ] {
        let found = world.kinds(&format!("?kind=link.linked&{period}")).await;
        assert_eq!(found.len(), expected, "{period}");
    }

    let first = world.audit("?kind=link.linked&limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .audit(&format!("?kind=link.linked&limit=1&cursor={cursor}"))
        .await;
    assert_ne!(first["items"], second["items"]);
    assert_eq!(second.get("next_cursor"), None);
    for query in [
        format!("?cursor={cursor}"),
        format!("?kind=link.started&cursor={cursor}"),
        "?cursor=nonsense".to_owned(),
        "?kind=nonsense".to_owned(),
        "?after=yesterday".to_owned(),
        "?after_id=nonsense".to_owned(),
        "?after_id=-1".to_owned(),
        "?limit=0".to_owned(),
    ] {
        let call = world.get(&format!("/v1/audit{query}")).key(ADMIN);
        call.refused(400, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_reader_that_follows_the_log_gets_entries_that_are_added_late() {
    let world = World::new().await;
    let key = world.link(1).await;
    world.get("/v1/token").key(&key).send().await.assert(200);
    world.clock.advance(Duration::from_secs(120));
    world.link(2).await;
    let seen = world.audit("").await;
    let last = seen["items"].as_array().unwrap().last().unwrap();
    let id = last["id"].as_str().unwrap();
    world.clock.advance(Duration::from_secs(600));
    let query = format!("?kind=token.handed_out&limit=1&after_id={id}");
    let late = world.audit(&query).await["items"][0].clone();
    assert_eq!(late["kind"], "token.handed_out");
    assert!(late["at"].as_str() < last["at"].as_str(), "{late} {last}");
    world.link(3).await;
    // A cursor continues after the page that it comes from.
    let after = world.audit(&format!("?limit=1&after_id={id}")).await;
    let cursor = after["next_cursor"].as_str().unwrap();
    let query = format!("?limit=1&after_id={id}&cursor={cursor}");
    let next = world.audit(&query).await;
    let number = |page: &Value| page["items"][0]["id"].as_str().unwrap().parse::<i64>();
    assert_eq!(number(&after), Ok(id.parse::<i64>().unwrap() + 1));
    assert_eq!(number(&next), Ok(id.parse::<i64>().unwrap() + 2));
}

#[tokio::test]
async fn reading_page_by_page_comes_to_an_end() {
    let world = World::new().await;
    world.link(1).await;
    let mut cursor = String::new();
    for _ in 0..50 {
        let page = world.audit(&format!("?limit=1{cursor}")).await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return,
        }
    }
    panic!("each page adds an entry");
}
