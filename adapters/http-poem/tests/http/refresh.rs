//! Refreshes: `POST /v1/accounts/{id}/refresh`, and `GET /v1/token` when the token does not last long enough.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;

use crate::support::{ADMIN, Answer, World};

fn unavailable() -> ProviderError {
    ProviderError::Unavailable {
        detail: "gone".to_owned(),
        retry_after: Some(Duration::from_secs(40)),
    }
}

fn refused(code: &str) -> ProviderError {
    ProviderError::refused(code, "the person said no")
}

impl World {
    fn fails(&self, trouble: Option<ProviderError>) {
        *self.provider.trouble.lock().unwrap() = trouble;
    }

    async fn refresh(&self, id: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{id}/refresh");
        self.post(&path).key(key).send().await
    }

    async fn token(&self, key: &str) -> Answer {
        self.get("/v1/token").key(key).send().await
    }
}

#[tokio::test]
async fn the_admin_and_the_key_of_the_link_refresh() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    for key in [ADMIN, &key] {
        let answer = world.refresh(&id, key).await;
        answer.assert(200);
        assert_eq!(answer.body["status"], "active");
        assert!(answer.body["last_refreshed_at"].is_string());
        assert!(answer.body["next_refresh_at"].is_string());
        assert!(!answer.text.contains("refreshed-token"));
    }
    let token = world.token(&key).await;
    assert_eq!(token.body["access_token"], "refreshed-token");
}

#[tokio::test]
async fn what_is_no_account_is_not_refreshed() {
    let world = World::new().await;
    let answer = world.refresh("99", ADMIN).await;
    answer.assert_problem(404, "not_found");
    let answer = world.refresh("x", ADMIN).await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_expired_token_is_refreshed_for_whoever_asks() {
    let world = World::new().await;
    let key = world.link(1).await;
    world.clock.advance(Duration::from_secs(3600));
    let token = world.token(&key).await;
    token.assert(200);
    assert_eq!(token.body["access_token"], "refreshed-token");
    assert_eq!(token.body["expires_in"], 3600);
}

#[tokio::test]
async fn an_outage_is_told_with_the_time_to_wait() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.fails(Some(unavailable()));
    let answer = world.refresh(&id, &key).await;
    answer.assert_problem(503, "provider_unavailable");
    let waits: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((40..=41).contains(&waits), "{waits}");
    // The stored token is still served, with a warning.
    let token = world.token(&key).await;
    token.assert(200);
    assert_eq!(token.body["warning"]["code"], "provider_unavailable");
    assert_eq!(token.body["account"]["status"], "degraded");
    world.clock.advance(Duration::from_secs(3600));
    let token = world.token(&key).await;
    token.assert_problem(503, "provider_unavailable");
    world.fails(None);
    world.clock.advance(Duration::from_secs(60));
    world.token(&key).await.assert(200);
}

#[tokio::test]
async fn a_refusal_for_now_is_a_bad_gateway() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.fails(Some(refused("http_404")));
    let answer = world.refresh(&id, ADMIN).await;
    answer.assert_problem(502, "provider_error");
}

#[tokio::test]
async fn a_grant_that_is_over_serves_out_its_token_and_may_heal() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.fails(Some(refused("invalid_grant")));
    let answer = world.refresh(&id, &key).await;
    let detail = answer.assert_problem(409, "relink_required");
    assert!(detail.contains("the person said no"), "{detail}");
    let token = world.token(&key).await;
    token.assert(200);
    assert_eq!(token.body["warning"]["code"], "invalid_grant");
    assert_eq!(token.body["account"]["status"], "relink_required");
    world.clock.advance(Duration::from_secs(3600));
    let token = world.token(&key).await;
    token.assert_problem(409, "relink_required");
    world.fails(None);
    let healed = world.refresh(&id, &key).await;
    healed.assert(200);
    assert_eq!(healed.body["status"], "active");
    assert!(healed.body.get("last_error").is_none());
    world.token(&key).await.assert(200);
}
