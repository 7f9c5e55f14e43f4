//! `GET /v1/revocations`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::deletion::unavailable;
use crate::support::{ADMIN, World};

impl World {
    async fn revocations(&self, query: &str) -> Value {
        let path = format!("/v1/revocations{query}");
        let list = self.get(&path).key(ADMIN).send().await;
        list.assert(200);
        list.body
    }
}

#[tokio::test]
async fn a_revocation_tells_how_it_stands_and_no_token() {
    let world = World::new().await;
    assert_eq!(world.revocations("").await, json!({"items": []}));
    let key = world.link(3).await;
    let id = world.account_of(&key).await;
    world.revoking_brings(Err(unavailable()));
    world.delete_account(&id, &key).await.assert(200);

    let pending = world.revocations("").await["items"][0].clone();
    let expected = json!({
        "id": pending["id"],
        "provider": "scripted",
        "account_id": "person-3",
        "deleted_account": id,
        "status": "pending",
        "created_at": world.time_in(0),
        "next_attempt_at": pending["next_attempt_at"],
        "attempts_failed": 1,
        "last_error": {
            "code": "provider_unavailable",
            "detail": pending["last_error"]["detail"],
        },
    });
    assert_eq!(pending, expected);
    assert!(pending["id"].is_string());
    let next = pending["next_attempt_at"].as_str().unwrap();
    assert!(next.ends_with('Z') && next >= world.time_in(0).as_str());
    assert!(!pending.to_string().contains("token-of"));
}

#[tokio::test]
async fn every_status_has_its_word() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.revoking_brings(Err(unavailable()));
    world.delete_account(&id, &key).await.assert(200);
    // The person links again and must not lose the new grant.
    world.link(1).await;
    let cancelled = world.revocations("").await["items"][0].clone();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["ended_at"], world.time_in(0));
    assert!(cancelled.get("next_attempt_at").is_none());

    let key = world.link(2).await;
    let id = world.account_of(&key).await;
    world.delete_account(&id, &key).await.assert(200);
    // The service does not give up a revocation before the twentieth failure.
    for _ in 1..20 {
        let waiting = world.revocations("").await["items"][1].clone();
        assert_eq!(waiting["status"], "pending");
        world.clock.advance(Duration::from_secs(24 * 3600));
        assert_eq!(world.revoke_what_is_due().await, 1);
    }
    let failed = world.revocations("").await["items"][1].clone();
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["deleted_account"], id);
    assert!(failed["last_error"].is_object());
}
