//! `DELETE /v1/accounts/{id}`.

use std::time::Duration;

use central_oauth_domain::ports::{ProviderError, Revoked};
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Person, World};

pub(crate) fn unavailable() -> ProviderError {
    ProviderError::unavailable("gone fishing")
}

fn refused() -> ProviderError {
    ProviderError::refused("invalid_client", "who are you")
}

impl World {
    pub(crate) async fn delete_account(&self, id: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{id}");
        self.delete(&path).key(key).send().await
    }

    pub(crate) fn revoking_brings(&self, result: Result<Revoked, ProviderError>) {
        *self.provider.revocation.lock().unwrap() = result;
    }

    /// Asserts that this key gives access to nothing.
    async fn expect_dead(&self, key: &str, id: &str) {
        for (method, path) in [
            (Method::GET, "/v1/token".to_owned()),
            (Method::GET, "/v1/accounts".to_owned()),
            (Method::GET, format!("/v1/accounts/{id}")),
            (Method::DELETE, format!("/v1/accounts/{id}")),
            (Method::POST, format!("/v1/accounts/{id}/refresh")),
            (Method::POST, format!("/v1/accounts/{id}/relink")),
            (Method::GET, format!("/v1/accounts/{id}/keys")),
            (Method::DELETE, format!("/v1/accounts/{id}/keys/1")),
            (Method::POST, "/v1/link-code".to_owned()),
            (Method::GET, "/v1/revocations".to_owned()),
        ] {
            self.call(method, &path)
                .key(key)
                .refused(401, "unauthorized")
                .await;
        }
        let path = format!("/v1/accounts/{id}/keys");
        let call = self.post(&path).key(key);
        call.json(&json!({"name": "more"}))
            .refused(401, "unauthorized")
            .await;
    }
}

#[tokio::test]
async fn an_account_goes_with_its_keys_and_links() {
    let world = World::new().await;
    let (code, key) = world.start_link().await;
    world.consent(&code, Person::Agrees(1)).await;
    let id = world.account_of(&key).await;
    let (_, reader) = world.reader(&id, "reader").await;
    let other = world.link(2).await;

    let answer = world.delete_account(&id, &key).await;
    answer.assert(200);
    assert_eq!(answer.body, json!({"provider_revocation": "revoked"}));

    world.expect_dead(&key, &id).await;
    world.expect_dead(&reader, &id).await;
    let poll = format!("/v1/poll/{code}");
    let call = world.get(&poll).key(&key);
    call.refused(401, "unauthorized").await;
    let answer = world.get(&poll).send().await;
    answer.assert_problem(404, "not_found");

    for answer in [
        world
            .get(&format!("/v1/accounts/{id}"))
            .key(ADMIN)
            .send()
            .await,
        world
            .get(&format!("/v1/accounts/{id}/keys"))
            .key(ADMIN)
            .send()
            .await,
        world.delete_account(&id, ADMIN).await,
    ] {
        answer.assert_problem(404, "not_found");
    }
    world.get("/v1/token").key(&other).send().await.assert(200);
}

#[tokio::test]
async fn the_admin_deletes_any_account() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let answer = world.delete_account(&id, ADMIN).await;
    answer.assert(200);
    assert_eq!(answer.body["provider_revocation"], "revoked");
    world.expect_dead(&key, &id).await;
    // The person may link again and gets a new account.
    let key = world.link(1).await;
    assert_ne!(world.account_of(&key).await, id);
}

#[tokio::test]
async fn a_provider_that_revokes_nothing_is_no_failure() {
    let world = World::new().await;
    world.revoking_brings(Ok(Revoked::Unsupported));
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let answer = world.delete_account(&id, &key).await;
    answer.assert(200);
    assert_eq!(answer.body["provider_revocation"], "unsupported");
    let list = world.get("/v1/revocations").key(ADMIN).send().await;
    assert_eq!(list.body["items"][0]["status"], "unsupported");
}

#[tokio::test]
async fn what_the_provider_does_not_confirm_is_tried_again() {
    for (trouble, code) in [
        (unavailable(), "provider_unavailable"),
        (refused(), "invalid_client"),
    ] {
        let world = World::new().await;
        let key = world.link(1).await;
        let id = world.account_of(&key).await;
        world.revoking_brings(Err(trouble));
        let answer = world.delete_account(&id, &key).await;
        answer.assert(200);
        assert_eq!(answer.body["provider_revocation"], "failed");
        world.expect_dead(&key, &id).await;

        let entry = only(&world.get("/v1/revocations").key(ADMIN).send().await);
        assert_eq!(entry["status"], "pending");
        assert_eq!(entry["last_error"]["code"], code);
        assert_eq!(entry["attempts_failed"], 1);

        world.revoking_brings(Ok(Revoked::Revoked));
        // After a definite rejection, the revocation is retried once an hour.
        world.clock.advance(Duration::from_secs(3700));
        assert_eq!(world.revoke_what_is_due().await, 1);
        let entry = only(&world.get("/v1/revocations").key(ADMIN).send().await);
        assert_eq!(entry["status"], "revoked");
    }
}

fn only(list: &Answer) -> Value {
    list.assert(200);
    let items = list.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{}", list.text);
    items[0].clone()
}
