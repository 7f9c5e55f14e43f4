//! Access tokens that expire before the person is identified.

use crate::fault::FaultCode;
use crate::ports::{ProviderError, RefreshError, StoreError};
use crate::usecases::RedeemResult;
use crate::usecases::tests::*;

fn refused(code: &str) -> ProviderError {
    ProviderError::refused(code, "no")
}

/// Returns a link that holds tokens but whose owner is unknown, because userinfo failed. The access token has expired.
async fn redeemed() -> (Stage, String, AccessKey) {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let granted = ScriptedProvider::grant("access", Some("refresh"));
    stage.provider.answer_redeem(Ok(granted));
    let gone = ProviderError::unavailable("gone");
    stage.provider.answer_identify(Err(gone));
    stage.poll_providers().await;
    stage.clock.advance(secs(60));
    (stage, code, key)
}

impl Stage {
    fn refuse_the_access_token(&self) {
        let error = refused(ProviderError::INVALID_TOKEN);
        self.provider.answer_identify(Err(error));
    }
}

#[tokio::test]
async fn an_expired_access_token_is_refreshed() {
    let (stage, code, key) = redeemed().await;
    stage.refuse_the_access_token();
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
    assert_eq!(stage.provider.presented(), ["refresh"]);
    let caller = stage.caller(&key).await;
    let token = stage.tokens.hand_out(&caller, secs(0), HOME).await;
    assert_eq!(token.unwrap().access_token.expose(), "refreshed-1");
    assert_eq!(stage.revocations().await.len(), 0);
}

/// The refresh response states no lifetime, so the lifetime of the first access token applies.
#[tokio::test]
async fn a_refreshed_access_token_lasts_as_long_as_the_first() {
    let (stage, code, key) = redeemed().await;
    stage.refuse_the_access_token();
    let mut silent = ScriptedProvider::tokens("silent", None);
    silent.expires_in = None;
    stage.provider.answer_refresh(Ok(silent));
    let requested_at = stage.clock_now();
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
    let caller = stage.caller(&key).await;
    let token = stage.tokens.hand_out(&caller, secs(0), HOME).await.unwrap();
    let end = requested_at + secs(3600);
    assert_eq!(token.expires_at, Some(end));
    assert!(token.account.next_refresh_at.is_some_and(|at| at < end));
}

#[tokio::test]
async fn a_new_access_token_that_is_refused_is_not_refreshed() {
    let (stage, code, key) = redeemed().await;
    for _ in 0..4 {
        stage.refuse_the_access_token();
    }
    for _ in 0..3 {
        stage.poll_providers().await;
    }
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    assert_eq!(stage.provider.presented(), ["refresh"]);
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn a_lost_response_is_requested_again_and_then_ends_the_link() {
    let (stage, code, key) = redeemed().await;
    let lost = RefreshError {
        cause: ProviderError::unavailable("reset"),
        may_have_acted: true,
    };
    let dead = RefreshError::from(refused("invalid_grant"));
    for error in [lost, dead] {
        assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
        stage.refuse_the_access_token();
        stage.provider.answer_refresh(Err(error));
        stage.poll_providers().await;
    }
    let LinkStatus::Failed(fault) = stage.status(&code, &key).await else {
        panic!("the link goes on");
    };
    assert_eq!(fault.code, FaultCode::ProviderError);
    assert!(fault.detail.contains("invalid_grant"), "{fault:?}");
    assert_eq!(stage.provider.presented(), ["refresh", "refresh"]);
}

#[tokio::test]
async fn a_refresh_without_a_usable_access_token_ends_the_link() {
    let (stage, code, key) = redeemed().await;
    stage.refuse_the_access_token();
    let why = ProviderError::nonsense("no token type");
    stage.provider.answer_refresh_in_vain(Some("rotated"), why);
    stage.poll_providers().await;
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Failed(_)), "{status:?}");
    stage.revoke_due().await;
    assert!(stage.provider.revoked().contains(&"rotated".to_owned()));
}

#[tokio::test]
async fn tokens_of_another_origin_are_not_refreshed() {
    let (stage, code, key) = redeemed().await;
    let mut elsewhere = ScriptedProvider::tokens("", None).origin;
    elsewhere.token_endpoint = "https://elsewhere.test/token".to_owned();
    stage.provider.move_to(Some(elsewhere));
    stage.refuse_the_access_token();
    stage.poll_providers().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    assert!(stage.provider.presented().is_empty());
}

#[tokio::test]
async fn rotated_tokens_are_kept_even_when_the_lease_ran_out() {
    let (stage, code, key) = redeemed().await;
    let stalled = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    stage.refuse_the_access_token();
    let outcome = stage.redeemer.advance(&stalled).await;
    stage.clock.advance(secs(60));
    let taken_over = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    let kept = stage
        .redeemer
        .record_result(&stalled, &outcome)
        .await
        .unwrap();
    let late = RedeemResult::Over(crate::link::Ending::Denied(None));
    let late = stage.redeemer.record_result(&taken_over, &late).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    stage.redeem_to_end(kept.unwrap()).await;
    assert!(stage.is_linked(&code, &key).await);
    assert_eq!(stage.provider.presented(), ["refresh"]);
}

#[tokio::test]
async fn a_holder_of_an_older_lease_does_not_refresh() {
    let (stage, _, _) = redeemed().await;
    let stalled = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    stage.clock.advance(secs(60));
    assert_eq!(stage.redeemer.claim_due(1, &[]).await.unwrap().len(), 1);
    stage.refuse_the_access_token();
    stage.redeemer.advance(&stalled).await;
    assert!(stage.provider.presented().is_empty());
}
