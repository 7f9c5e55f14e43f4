//! Tokens that arrive after their link has ended.

use crate::grant::Identity;
use crate::usecases::RedeemResult;
use crate::usecases::tests::*;

impl Stage {
    /// Makes tokens arrive for a link that its person has cancelled meanwhile.
    async fn stray(&self, which: &str) {
        let (code, _) = self.started().await;
        let (link, outcome) = self.tokens_under_way(&code, which).await;
        self.consents.cancel(&code, &self.visitor()).await.unwrap();
        let next = self.redeemer.record_result(&link, &outcome).await.unwrap();
        assert!(next.is_none());
    }

    /// Confirms a link and polls the provider once. Returns the link and the result, which is not recorded yet.
    async fn tokens_under_way(&self, code: &str, which: &str) -> (Link, RedeemResult) {
        self.confirm(code).await.unwrap();
        let refresh = format!("{which}'s refresh");
        let granted = ScriptedProvider::grant(which, Some(&refresh));
        self.provider.answer_redeem(Ok(granted));
        self.clock.advance(ScriptedProvider::INTERVAL);
        let link = self.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
        let outcome = self.redeemer.advance(&link).await;
        (link, outcome)
    }

    async fn only_status(&self) -> RevocationStatus {
        let all = self.revocations().await;
        assert_eq!(all.len(), 1);
        all[0].status
    }
}

#[tokio::test]
async fn they_are_revoked() {
    let stage = Stage::new().await;
    stage.stray("late").await;
    assert_eq!(stage.only_status().await, RevocationStatus::Pending);
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["late's refresh", "late"]);
    assert_eq!(stage.only_status().await, RevocationStatus::Revoked);
}

#[tokio::test]
async fn a_link_that_has_said_expired_does_not_come_back() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let (link, outcome) = stage.tokens_under_way(&code, "late").await;
    let left = link.expires_at.since(stage.clock_now());
    stage.clock.advance(left + Link::FINAL_POLL_GRACE);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    assert!(
        stage
            .redeemer
            .record_result(&link, &outcome)
            .await
            .unwrap()
            .is_none()
    );
    stage.clock.advance(secs(10));
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["late's refresh", "late"]);
}

/// The store has committed the tokens but returned an error, and was then unavailable until the link had expired.
#[tokio::test]
async fn tokens_that_are_stored_already_are_not_revoked_when_they_are_recorded_again() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let (link, outcome) = stage.tokens_under_way(&code, "late").await;
    let redeemer = &stage.redeemer;
    redeemer
        .record_result(&link, &outcome)
        .await
        .unwrap()
        .unwrap();
    let left = link.expires_at.since(stage.clock_now());
    stage.clock.advance(left + Link::FINAL_POLL_GRACE);
    redeemer.record_result(&link, &outcome).await.unwrap();
    assert!(stage.revocations().await.is_empty());
    stage.poll_providers().await;
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)), "{status:?}");
}

#[tokio::test]
async fn unless_the_person_has_a_live_account() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.stray("late").await;
    assert_eq!(stage.revoke_due().await, 1);
    assert!(stage.provider.revoked().is_empty());
    assert_eq!(stage.only_status().await, RevocationStatus::Cancelled);
}

#[tokio::test]
async fn another_person_s_account_does_not_matter() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.stray("late").await;
    let bob = ScriptedProvider::person("bob");
    stage.provider.answer_identify(Ok(bob));
    stage.revoke_due().await;
    assert_eq!(stage.only_status().await, RevocationStatus::Revoked);
}

#[tokio::test]
async fn where_nobody_is_named_any_unnamed_account_may_be_theirs() {
    let stage = Stage::new().await;
    stage.provider.answer_identify(Ok(Identity::Unknown));
    stage.linked().await;
    stage.stray("late").await;
    stage.provider.answer_identify(Ok(Identity::Unknown));
    stage.revoke_due().await;
    assert!(stage.provider.revoked().is_empty());
    assert_eq!(stage.only_status().await, RevocationStatus::Cancelled);
}

#[tokio::test]
async fn those_of_a_person_who_was_not_meant_are_revoked_too() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let relink = stage.link_for(&stage.caller(&key).await).await.unwrap();
    stage.confirm(relink.code.digits()).await.unwrap();
    let granted = ScriptedProvider::grant("mallory's", None);
    stage.provider.answer_redeem(Ok(granted));
    for _ in 0..2 {
        let mallory = ScriptedProvider::person("mallory");
        stage.provider.answer_identify(Ok(mallory));
    }
    stage.poll_providers().await;
    stage.clock.advance(secs(60));
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["mallory's"]);
}

#[tokio::test]
async fn a_relink_under_way_ends_with_its_account() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    let relink = stage.link_for(&caller).await.unwrap();
    stage.confirm(relink.code.digits()).await.unwrap();
    let granted = ScriptedProvider::grant("again", Some("refresh-again"));
    stage.provider.answer_redeem(Ok(granted));
    stage.clock.advance(ScriptedProvider::INTERVAL);
    let link = stage.redeemer.claim_due(1, &[]).await.unwrap();
    let link = &link[0];
    let outcome = stage.redeemer.advance(link).await;
    let redeemed = stage
        .redeemer
        .record_result(link, &outcome)
        .await
        .unwrap()
        .unwrap();
    let account = stage.last_account().await;
    stage.accounts.delete(&caller, account, HOME).await.unwrap();
    // A task that is still identifying the person finds no link to complete.
    let outcome = stage.redeemer.advance(&redeemed).await;
    assert!(
        stage
            .redeemer
            .record_result(&redeemed, &outcome)
            .await
            .is_err()
    );
    assert!(stage.store.accounts(None, 1).await.unwrap().is_empty());
    stage.clock.advance(secs(60));
    assert_eq!(stage.revoke_due().await, 1);
    let revoked = stage.provider.revoked();
    assert_eq!(revoked, ["refresh-1", "access-1", "refresh-again", "again"]);
}
