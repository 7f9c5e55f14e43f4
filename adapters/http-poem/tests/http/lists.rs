//! Properties of all lists, and of all ids in URLs.

use serde_json::Value;

use crate::support::{ADMIN, World};

/// Links five accounts, and creates four more keys for the first one. Returns that account and its first key.
async fn five_of_each(world: &World) -> (String, String) {
    let owner = world.link(1).await;
    let id = world.account_of(&owner).await;
    for n in 2..=5 {
        world.link(n).await;
        world.reader(&id, &format!("reader {n}")).await;
    }
    (id, owner)
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    let (id, owner) = five_of_each(&world).await;
    let keys = format!("/v1/accounts/{id}/keys");
    for (path, key) in [("/v1/accounts", ADMIN), (&keys, &owner)] {
        let all = world.get(path).key(key).send().await;
        assert!(all.body.get("next_cursor").is_none());
        let seen = world.in_pages(path, key).await;
        assert_eq!(seen.len(), 5);
        assert_eq!(all.body["items"], Value::from(seen));
    }
    let mut deleted = Vec::new();
    for account in world.in_pages("/v1/accounts", ADMIN).await {
        let id = account["id"].as_str().unwrap();
        world.delete_account(id, ADMIN).await.assert(200);
        deleted.push(account["id"].clone());
    }
    let revocations = world.in_pages("/v1/revocations", ADMIN).await;
    let accounts = revocations.iter().map(|one| one["deleted_account"].clone());
    assert_eq!(Vec::from_iter(accounts), deleted);
}

#[tokio::test]
async fn limits_and_cursors_are_checked() {
    let world = World::new().await;
    let (id, _) = world.account().await;
    let keys = format!("/v1/accounts/{id}/keys");
    for path in ["/v1/accounts", "/v1/revocations", &keys] {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "201"),
            ("limit", "-1"),
            ("limit", "many"),
            ("cursor", ""),
            ("cursor", "x"),
        ] {
            let call = world.get(&format!("{path}?{name}={value}")).key(ADMIN);
            let answer = call.send().await;
            let detail = answer.assert_problem(400, "invalid_request");
            assert!(detail.contains(name), "{detail}");
        }
        for limit in [1, 200] {
            let call = world.get(&format!("{path}?limit={limit}")).key(ADMIN);
            call.send().await.assert(200);
        }
    }
    let of_accounts = "YWNjb3VudDox";
    for path in ["/v1/revocations", &keys] {
        let call = world
            .get(&format!("{path}?cursor={of_accounts}"))
            .key(ADMIN);
        call.refused(400, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_misspelt_filter_is_no_list_of_everything() {
    let world = World::new().await;
    let (id, _) = world.account().await;
    let account = format!("/v1/accounts/{id}");
    for (path, name) in [
        ("/v1/accounts", "stauts"),
        ("/v1/audit", "acount"),
        ("/v1/revocations", "status"),
        (&format!("{account}/keys"), "Limit"),
        (&format!("{account}/workloads"), "c%75rsors"),
    ] {
        let call = world.get(&format!("{path}?limit=2&{name}=x")).key(ADMIN);
        let answer = call.send().await;
        let detail = answer.assert_problem(400, "invalid_request");
        let name = name.replace("%75", "u");
        assert!(detail.contains(&format!("{name:?}")), "{detail}");
        assert!(detail.contains("cursor, "), "{detail}");
    }
    let other = world.get(&format!("{account}?stauts=x")).key(ADMIN);
    other.send().await.assert(200);
}

// If the parameter were ignored, the keys that a thief has created would stay.
#[tokio::test]
async fn a_misspelt_descendants_deletes_no_key() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let keys = world.get(&format!("/v1/accounts/{id}/keys")).key(ADMIN);
    let keys = keys.send().await;
    let key = keys.body["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/accounts/{id}/keys/{key}?descendents=true");
    let answer = world.delete(&path).key(ADMIN).send().await;
    let detail = answer.assert_problem(400, "invalid_request");
    assert!(detail.contains("descendants"), "{detail}");
    world.get("/v1/token").key(&owner).send().await.assert(200);
}

#[tokio::test]
async fn what_is_no_account_is_not_found() {
    let world = World::new().await;
    let (id, owner) = world.account().await;
    let zero = format!("0{id}");
    for wrong in ["0", "-1", "x", "%2B1", "99999999999999999999", &zero] {
        for key in [ADMIN, &owner] {
            let call = world.get(&format!("/v1/accounts/{wrong}")).key(key);
            call.refused(404, "not_found").await;
            let deleted = world.delete_account(wrong, key).await;
            deleted.assert_problem(404, "not_found");
        }
    }
    let token = world.get("/v1/token").key(&owner).send().await;
    token.assert(200);
}
