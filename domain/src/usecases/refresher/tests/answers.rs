//! Successful refreshes whose responses have unusual parameters.

use super::*;
use crate::grant::TokenGrant;

impl Stage {
    async fn linked_with(&self, tokens: TokenGrant) -> AccessKey {
        let (code, key) = self.started().await;
        self.confirm(&code).await.unwrap();
        let granted = Redemption::Granted(Box::new(tokens));
        self.provider.answer_redeem(Ok(granted));
        self.poll_providers().await;
        key
    }
}

fn dpop() -> ProviderError {
    refused("unsupported_token_type")
}

fn silent(access_token: &str) -> TokenGrant {
    TokenGrant {
        expires_in: None,
        ..ScriptedProvider::tokens(access_token, Some("rotated"))
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_outlives_an_access_token_of_no_use() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.until_due().await;
    stage
        .provider
        .answer_refresh_in_vain(Some("rotated"), dpop());
    stage.refresh_due().await;
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::Degraded);
    assert!(!stage.stored().await.attempts.ambiguous);
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.access_token.expose(), "access-1");
    assert_eq!(token.warning.unwrap().code, "unsupported_token_type".into());
    stage.until_due().await;
    stage.refresh_due().await;
    assert_eq!(stage.provider.presented(), ["refresh-1", "rotated"]);
    let account = stage.only_account().await;
    assert_eq!(
        (account.status, account.last_error),
        (AccountStatus::Active, None)
    );
}

#[tokio::test]
async fn tokens_of_no_use_end_no_grant_however_long_they_come() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let from = stage.clock_now();
    while stage.clock_now().since(from) < secs(8 * 24 * 3600) {
        stage.provider.answer_refresh_in_vain(None, dpop());
        stage.until_due().await;
        stage.refresh_due().await;
    }
    assert_eq!(stage.only_account().await.status, AccountStatus::Degraded);
    let refusal = stage.token(&key, 0).await.err().unwrap();
    assert!(
        matches!(refusal, Refusal::ProviderUnavailable { .. }),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn the_last_known_lifetime_goes_on_counting() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    for round in 1..=3 {
        stage
            .provider
            .answer_refresh(Ok(silent(&format!("silent-{round}"))));
        stage.until_due().await;
        let now = stage.clock_now();
        assert_eq!(stage.refresh_due().await, 1);
        let account = stage.only_account().await;
        assert_eq!(account.access_token_expires_at, Some(now + secs(3600)));
    }
    (0..100).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    stage.clock.advance(secs(3600));
    let refusal = stage.token(&key, 0).await.err().unwrap();
    assert!(
        matches!(refusal, Refusal::ProviderUnavailable { .. }),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn a_cached_token_is_neither_prolonged_nor_asked_for_in_a_storm() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let end = stage.only_account().await.access_token_expires_at.unwrap();
    // The provider returns its cached token for another hour.
    while stage.clock_now() < end + secs(3600) {
        let left = end.since(stage.clock_now()).as_secs();
        stage.provider.answer_refresh(Ok(TokenGrant {
            expires_in: Some(secs(left)).filter(|left| !left.is_zero()),
            ..ScriptedProvider::tokens("access-1", Some("rotated"))
        }));
        stage.refresh_due().await;
        let token = stage.token(&key, 0).await;
        assert_eq!(token.is_ok(), stage.clock_now() < end, "{left} s left");
        stage.provider.forget_refreshes();
        stage.clock.advance(secs(1));
    }
    let presented = stage.provider.presented().len();
    assert!((10..60).contains(&presented), "{presented}");
    assert_eq!(stage.only_account().await.status, AccountStatus::Degraded);
    stage.until_due().await;
    stage.refresh_due().await;
    assert_eq!(stage.only_account().await.status, AccountStatus::Active);
}

#[tokio::test]
async fn exp_alone_plans_refreshes_and_warns() {
    let stage = Stage::new().await;
    let exp = stage.clock_now() + secs(600);
    let key = stage
        .linked_with(TokenGrant {
            exp: Some(exp),
            ..silent("jwt")
        })
        .await;
    let account = stage.only_account().await;
    assert_eq!(account.access_token_expires_at, None);
    assert!(account.next_refresh_at.unwrap() < exp);
    assert!(stage.token(&key, 0).await.unwrap().warning.is_none());
    (0..100).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    stage.clock.advance(secs(601));
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.access_token.expose(), "jwt");
    assert!(token.warning.is_some() && token.expires_at.is_none());
    assert_eq!(stage.provider.presented().len(), 1);
}

#[tokio::test]
async fn exp_warns_where_nothing_can_be_refreshed() {
    let stage = Stage::new().await;
    let bare = ScriptedProvider::tokens("jwt", None);
    let exp = Some(stage.clock_now() + secs(600));
    let key = stage
        .linked_with(TokenGrant {
            exp,
            expires_in: None,
            ..bare
        })
        .await;
    assert!(stage.token(&key, 0).await.unwrap().warning.is_none());
    stage.clock.advance(secs(600));
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.warning.unwrap().code, "token_may_have_expired".into());
}

#[tokio::test]
async fn an_issuer_that_moves_its_token_endpoint_is_followed() {
    let stage = Stage::new().await;
    let origin = |endpoint: &str| TokenOrigin {
        issuer: Some("https://provider.test".to_owned()),
        token_endpoint: endpoint.to_owned(),
        client_id: "client".to_owned(),
    };
    let mut tokens = ScriptedProvider::tokens("access-1", Some("refresh-1"));
    tokens.origin = origin("https://provider.test/token");
    stage.linked_with(tokens).await;
    let moved = origin("https://new.provider.test/token");
    stage.provider.move_to(Some(moved.clone()));
    let mut tokens = ScriptedProvider::tokens("access-2", Some("refresh-2"));
    tokens.origin = moved.clone();
    stage.provider.answer_refresh(Ok(tokens));
    stage.until_due().await;
    stage.refresh_due().await;
    let stored = stage.stored().await;
    assert_eq!(
        (stored.account.status, stored.origin),
        (AccountStatus::Active, moved)
    );
}

#[tokio::test]
async fn extra_is_replaced_by_what_an_answer_carries_and_kept_otherwise() {
    let stage = Stage::new().await;
    let listed = |url: Option<&str>| {
        let url = url.map(str::to_owned);
        vec![("instance_url".to_owned(), url), ("id".to_owned(), None)]
    };
    let with = |access: &str, url: Option<&str>| TokenGrant {
        extra: listed(url),
        ..ScriptedProvider::tokens(access, Some("refresh"))
    };
    let key = stage
        .linked_with(with("access-1", Some("https://one.test")))
        .await;
    let url = async || {
        let token = stage.token(&key, 0).await.unwrap();
        token.extra.into_members().remove("instance_url")
    };
    assert_eq!(url().await.as_deref(), Some("https://one.test"));
    for (access, carried, expected) in [
        ("access-2", None, "https://one.test"),
        ("access-3", Some("https://two.test"), "https://two.test"),
    ] {
        stage.provider.answer_refresh(Ok(with(access, carried)));
        stage.until_due().await;
        stage.refresh_due().await;
        assert_eq!(url().await.as_deref(), Some(expected));
    }
}
