//! Deleting an account, and revoking its tokens.

use crate::grant::TokenOrigin;
use crate::ports::{ProviderError, Revoked};
use crate::usecases::tests::*;

fn gone() -> ProviderError {
    ProviderError::unavailable("gone")
}

impl Stage {
    async fn delete(&self, key: &AccessKey) -> Result<RevocationStatus, Refusal> {
        let (caller, account) = (self.caller(key).await, self.last_account().await);
        self.accounts.delete(&caller, account, HOME).await
    }

    async fn only_revocation(&self) -> Revocation {
        let mut all = self.revocations().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

#[tokio::test]
async fn access_ends_and_tokens_are_revoked_at_the_provider() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Revoked);
    assert_eq!(stage.provider.revoked(), ["refresh-1", "access-1"]);
    let caller = stage.keys.authenticate(Some(&key), address(9)).await;
    assert!(matches!(caller, Err(Refusal::Unauthorized(_))));
    assert!(stage.store.accounts(None, 1).await.unwrap().is_empty());
    let revocation = stage.only_revocation().await;
    assert_eq!(revocation.person.as_deref(), Some("alice"));
    assert!(revocation.ended_at.is_some());
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_again_until_it_answers() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Err(gone()));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Pending);
    assert!(
        stage
            .keys
            .authenticate(Some(&key), address(9))
            .await
            .is_err()
    );
    assert_eq!(stage.revoke_due().await, 0, "the pause lasts");
    stage.clock.advance(secs(2));
    assert_eq!(stage.revoke_due().await, 1);
    let revocation = stage.only_revocation().await;
    assert_eq!(revocation.status, RevocationStatus::Revoked);
    assert_eq!(revocation.failures, 1);
    assert_eq!(
        stage.provider.revoked(),
        ["refresh-1", "refresh-1", "access-1"]
    );
}

#[tokio::test]
async fn after_a_day_it_is_over() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Err(gone()));
    stage.delete(&key).await.unwrap();
    let mut asked = 1;
    while let Some(idle) = stage.revoker.idle_for(&[]).await.unwrap() {
        stage.clock.advance(idle);
        stage.provider.answer_revoke(Err(gone()));
        asked += stage.revoke_due().await;
        assert!(asked < 1000);
    }
    let revocation = stage.only_revocation().await;
    assert_eq!(revocation.status, RevocationStatus::Failed);
    assert_eq!(
        revocation.last_error.unwrap().code,
        "provider_unavailable".into()
    );
    assert!(revocation.ended_at.unwrap().since(revocation.created_at) <= secs(86_400));
}

#[tokio::test]
async fn what_the_provider_does_not_do_is_said() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    for _ in 0..2 {
        stage.provider.answer_revoke(Ok(Revoked::Unsupported));
    }
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Unsupported);
}

#[tokio::test]
async fn an_access_token_that_is_refused_after_the_refresh_token_was_revoked_is_no_failure() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Ok(Revoked::Revoked));
    stage.provider.answer_revoke(Err(ProviderError::refused(
        "invalid_request",
        "what is this",
    )));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Revoked);
}

#[tokio::test]
async fn an_access_token_that_has_expired_says_nothing_about_the_grant() {
    for (refresh_token, expected) in [
        // The provider revokes only access tokens. The access token has expired, so the provider does not know it.
        (Revoked::Unsupported, RevocationStatus::Pending),
        (Revoked::Unknown, RevocationStatus::Revoked),
        (Revoked::Revoked, RevocationStatus::Revoked),
    ] {
        let stage = Stage::new().await;
        let (_, key) = stage.linked().await;
        stage.provider.answer_revoke(Ok(refresh_token));
        stage.provider.answer_revoke(Ok(Revoked::Unknown));
        let status = stage.delete(&key).await.unwrap();
        assert_eq!(status, expected, "{refresh_token:?}");
    }
}

// Slack's `auth.revoke` ends only the access token. Without token rotation, there is no refresh token, so the grant has
// ended.
#[tokio::test]
async fn an_access_token_that_ends_alone_is_the_whole_grant_where_there_is_no_refresh_token() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Ok(Revoked::Unsupported));
    stage.provider.answer_revoke(Ok(Revoked::TokenAlone));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Unsupported);

    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let grant = ScriptedProvider::grant("access-1", None);
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    stage.provider.answer_revoke(Ok(Revoked::TokenAlone));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Revoked);
    assert_eq!(stage.provider.revoked(), ["access-1"]);
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_does_not_keep_the_access_token() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Err(ProviderError::refused(
        "invalid_request",
        "only access tokens",
    )));
    stage.provider.answer_revoke(Ok(Revoked::Revoked));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Pending, "the grant may live on");
    assert_eq!(stage.provider.revoked(), ["refresh-1", "access-1"]);
    let fault = stage.only_revocation().await.last_error.unwrap();
    assert_eq!(&*fault.code, "invalid_request");
}

#[tokio::test]
async fn tokens_that_cannot_be_decrypted_count_as_not_revoked() {
    let stage = Stage::new().await;
    let (_, key) = stage.replica_with_a_newer_key().await.linked().await;
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Failed);
    let fault = stage.only_revocation().await.last_error.unwrap();
    assert!(fault.detail.contains("decrypted"), "{fault:?}");
    assert!(stage.provider.revoked().is_empty());
}

#[tokio::test]
async fn tokens_are_sent_only_where_they_came_from() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.move_to(Some(TokenOrigin {
        issuer: None,
        token_endpoint: "https://elsewhere.test/token".to_owned(),
        client_id: "another".to_owned(),
    }));
    let status = stage.delete(&key).await.unwrap();
    assert_eq!(status, RevocationStatus::Pending);
    assert!(stage.provider.revoked().is_empty());
    let revocation = stage.only_revocation().await;
    assert_eq!(revocation.last_error.unwrap().code, "client_changed".into());
    stage.provider.move_to(None);
    stage.clock.advance(secs(3));
    stage.revoke_due().await;
    assert_eq!(stage.provider.revoked().len(), 2);
}

#[tokio::test]
async fn linking_again_calls_it_off() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Err(gone()));
    stage.delete(&key).await.unwrap();
    let (_, key) = stage.linked().await;
    stage.clock.advance(secs(3));
    assert_eq!(stage.revoke_due().await, 0);
    let revocation = stage.only_revocation().await;
    assert_eq!(revocation.status, RevocationStatus::Cancelled);
    let caller = stage.caller(&key).await;
    assert!(stage.tokens.hand_out(&caller, secs(0), HOME).await.is_ok());
}

#[tokio::test]
async fn a_revocation_called_off_after_it_was_claimed_sends_nothing() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.answer_revoke(Err(gone()));
    stage.delete(&key).await.unwrap();
    stage.clock.advance(secs(3));
    let revoker = &stage.revoker;
    let lease = revoker.claim_due(1, &[]).await.unwrap().remove(0);
    stage.linked().await;
    let before = stage.provider.revoked().len();
    assert!(revoker.attempt(&lease).await.is_none());
    assert_eq!(stage.provider.revoked().len(), before);
}

#[tokio::test]
async fn a_refresh_in_flight_does_not_bring_the_account_back() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let idle = stage.refresher.idle_for(&[]).await.unwrap();
    stage.clock.advance(idle.unwrap());
    let refresher = &stage.refresher;
    let lease = refresher.claim_due(1, &[]).await.unwrap().remove(0);
    let result = refresher.attempt(&lease).await;
    stage.delete(&key).await.unwrap();
    refresher.record_result(&lease, &result).await.unwrap();
    assert!(stage.store.accounts(None, 1).await.unwrap().is_empty());
    assert_eq!(stage.revoke_due().await, 1);
    let revoked = stage.provider.revoked();
    assert_eq!(revoked[2..], ["rotated-1", "refreshed-1"]);
}

#[tokio::test]
async fn strangers_readers_and_the_enrolment_key_may_not() {
    let stage = Stage::with_enroll_key(Some("an-enrolment-key")).await;
    let link = stage.link_for(&Caller::ENROLLER).await.unwrap();
    stage.confirm(link.code.digits()).await.unwrap();
    let granted = ScriptedProvider::grant("access-1", Some("refresh-1"));
    stage.provider.answer_redeem(Ok(granted));
    stage.poll_providers().await;
    let account = stage.last_account().await;
    for caller in [Caller::Nobody, Caller::ENROLLER] {
        let refused = stage.accounts.delete(&caller, account, HOME).await;
        assert!(matches!(
            refused,
            Err(Refusal::Unauthorized(_) | Refusal::Forbidden(_))
        ));
    }
    let admin = stage.accounts.delete(&Caller::ADMIN, account, HOME).await;
    assert!(admin.is_ok());
    let again = stage.accounts.delete(&Caller::ADMIN, account, HOME).await;
    assert!(matches!(again, Err(Refusal::NotFound(_))));
}
