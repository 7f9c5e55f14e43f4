//! Polling as in RFC 8628 section 3.5, and the handling of received tokens.

use crate::fault::{Fault, FaultCode};
use crate::grant::Identity;
use crate::link::LinkState;
use crate::ports::{ProviderError, Redemption, StoreError};
use crate::secret::IdToken;
use crate::usecases::RedeemResult;
use crate::usecases::tests::*;

async fn authorizing(stage: &Stage) -> (String, AccessKey) {
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    (code, key)
}

async fn pause(stage: &Stage) -> Duration {
    stage.redeemer.idle_for(&[]).await.unwrap().unwrap()
}

fn refused(code: &str) -> ProviderError {
    ProviderError::refused(code, "no")
}

fn unavailable(retry_after: Option<Duration>) -> ProviderError {
    ProviderError::Unavailable {
        detail: "gone".to_owned(),
        retry_after,
    }
}

#[tokio::test]
async fn the_provider_s_interval_is_kept() {
    let stage = Stage::new().await;
    authorizing(&stage).await;
    assert_eq!(pause(&stage).await, secs(5));
    stage.poll_providers().await;
    assert_eq!(pause(&stage).await, secs(5));
}

#[tokio::test]
async fn a_replica_without_the_provider_leaves_the_link_to_others() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    let mut other = stage.another_replica().await;
    other.ports.providers = Providers::new([], None);
    other.services = services(&other.ports, &settings());
    other.poll_providers().await;
    stage.grants("access");
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn a_replica_without_the_new_secret_key_leaves_the_link_to_others() {
    let stage = Stage::new().await;
    let newer = stage.replica_with_a_newer_key().await;
    let (code, key) = authorizing(&newer).await;
    stage.poll_providers().await;
    newer.grants("access");
    newer.poll_providers().await;
    assert!(newer.is_linked(&code, &key).await);
}

/// Returns two running replicas. The second one has another client id.
async fn while_the_client_id_is_rolled_out() -> (Stage, Stage) {
    let stage = Stage::new().await;
    let other = stage.replica_with_another_client().await;
    stage.check_in("one").await;
    stage.check_in("two").await;
    (stage, other)
}

#[tokio::test]
async fn a_replica_with_another_client_leaves_the_link_to_others() {
    let (stage, other) = while_the_client_id_is_rolled_out().await;
    let (code, key) = authorizing(&stage).await;
    other.grants("access");
    other.poll_providers().await;
    assert_eq!(other.provider.times_redeemed(), 0);
    stage.grants("access");
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn tokens_of_another_client_are_left_to_others() {
    let (stage, other) = while_the_client_id_is_rolled_out().await;
    let (code, key) = authorizing(&stage).await;
    stage.grants("access");
    stage.provider.answer_identify(Err(unavailable(None)));
    stage.poll_providers().await;
    other
        .provider
        .answer_identify(Err(refused(ProviderError::INVALID_ID_TOKEN)));
    other.poll_providers().await;
    assert_eq!(other.status(&code, &key).await, LinkStatus::Authorizing);
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn a_link_of_another_client_ends_at_its_deadline() {
    let (stage, other) = while_the_client_id_is_rolled_out().await;
    let (code, key) = authorizing(&stage).await;
    let mut polls = 0;
    let fault = loop {
        match other.status(&code, &key).await {
            LinkStatus::Failed(fault) => break fault,
            LinkStatus::Authorizing => {
                stage.check_in("one").await;
                stage.check_in("two").await;
                other.poll_providers().await;
            }
            ended => panic!("{ended:?} after {polls} polls"),
        }
        polls += 1;
    };
    assert_eq!(fault.code, FaultCode::ClientChanged);
    assert!(polls > 10);
    assert_eq!(other.provider.times_redeemed(), 0);
}

#[tokio::test]
async fn a_link_of_a_client_that_no_replica_has_ends_at_once() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    let other = stage.replica_with_another_client().await;
    stage.clock.advance(secs(1));
    other.check_in("two").await;
    other.grants("access");
    other.poll_providers().await;
    let LinkStatus::Failed(fault) = other.status(&code, &key).await else {
        panic!("the link goes on");
    };
    assert_eq!(fault.code, FaultCode::ClientChanged);
    assert_eq!(other.provider.times_redeemed(), 0);
}

/// A new replica may poll before it has checked in, so the store does not list it yet.
#[tokio::test]
async fn a_replica_that_has_just_started_leaves_the_link_to_an_older_one() {
    let stage = Stage::new().await;
    stage.check_in("one").await;
    let (code, key) = authorizing(&stage).await;
    let other = stage.replica_with_another_client().await;
    other.poll_providers().await;
    assert_eq!(other.status(&code, &key).await, LinkStatus::Authorizing);
}

/// After an outage of the store, no replica has checked in lately, but other replicas may be running.
#[tokio::test]
async fn a_replica_is_not_alone_when_none_has_reported_lately() {
    let (stage, other) = while_the_client_id_is_rolled_out().await;
    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(secs(60));
    other.poll_providers().await;
    assert_eq!(other.status(&code, &key).await, LinkStatus::Authorizing);
}

#[tokio::test]
async fn slow_down_adds_five_seconds_for_good() {
    let stage = Stage::new().await;
    authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(Redemption::SlowDown { interval: None }));
    stage.poll_providers().await;
    assert_eq!(pause(&stage).await, secs(10));
    stage.poll_providers().await;
    assert_eq!(pause(&stage).await, secs(10));
}

#[tokio::test]
async fn silence_backs_off_and_retry_after_is_honoured() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    for (retry_after, expected) in [(None, 10), (None, 20), (Some(45), 45)] {
        stage
            .provider
            .answer_redeem(Err(unavailable(retry_after.map(secs))));
        stage.poll_providers().await;
        assert_eq!(pause(&stage).await, secs(expected));
    }
    stage.grants("a");
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn answers_that_end_the_flow() {
    let cases = [
        (
            Ok(Redemption::Denied(None)),
            LinkStatus::Denied(Some(Fault::new(FaultCode::AccessDenied, Fault::DECLINED))),
        ),
        (
            Ok(Redemption::Denied(Some("not assigned".to_owned()))),
            LinkStatus::Denied(Some(Fault::new(FaultCode::AccessDenied, "not assigned"))),
        ),
        (Ok(Redemption::Expired), LinkStatus::Expired),
    ];
    for (answer, expected) in cases {
        let stage = Stage::new().await;
        let (code, key) = authorizing(&stage).await;
        stage.provider.answer_redeem(answer);
        stage.poll_providers().await;
        assert_eq!(stage.status(&code, &key).await, expected);
    }
}

#[tokio::test]
async fn a_definite_refusal_fails_the_link_and_says_why() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.provider.answer_redeem(Err(refused("invalid_grant")));
    stage.poll_providers().await;
    let LinkStatus::Failed(fault) = stage.status(&code, &key).await else {
        panic!()
    };
    assert_eq!(fault.code, FaultCode::ProviderError);
    assert!(fault.detail.contains("invalid_grant"));
}

/// The process that sent the first request was killed before it got the response.
#[tokio::test]
async fn a_refusal_after_a_lapsed_lease_means_that_the_answer_was_lost() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(pause(&stage).await);
    assert_eq!(stage.redeemer.claim_due(1, &[]).await.unwrap().len(), 1);
    stage.provider.answer_redeem(Err(refused("invalid_grant")));
    stage.poll_providers().await;
    let LinkStatus::Failed(fault) = stage.status(&code, &key).await else {
        panic!("the link goes on");
    };
    assert_eq!(fault.code, FaultCode::ResponseLost);
}

#[tokio::test]
async fn an_expired_device_code_may_be_called_invalid_grant() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(ScriptedProvider::EXPIRES_IN - secs(3));
    stage.provider.answer_redeem(Err(refused("invalid_grant")));
    stage.poll_providers().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
}

#[tokio::test]
async fn the_provider_is_asked_a_last_time_at_the_deadline() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(ScriptedProvider::EXPIRES_IN);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    stage.poll_providers().await;
    assert_eq!(stage.provider.times_redeemed(), 1);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);

    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(ScriptedProvider::EXPIRES_IN);
    stage.grants("just in time");
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn the_service_keeps_its_own_deadline() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage
        .clock
        .advance(ScriptedProvider::EXPIRES_IN + Link::FINAL_POLL_GRACE);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    stage.grants("late");
    let claimed = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    stage.redeem_to_end(claimed).await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    assert_eq!(stage.provider.times_redeemed(), 0);
}

#[tokio::test]
async fn a_deadline_during_an_outage_is_an_expiry() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.clock.advance(ScriptedProvider::EXPIRES_IN);
    stage.provider.answer_redeem(Err(unavailable(None)));
    stage.poll_providers().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
}

#[tokio::test]
async fn tokens_are_not_given_up_because_their_owner_cannot_be_found_out_yet() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    stage
        .provider
        .answer_identify(Err(refused("insufficient_scope")));
    stage.poll_providers().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);

    let (code, key) = authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    for _ in 0..200 {
        stage
            .provider
            .answer_identify(Err(refused("insufficient_scope")));
        stage.poll_providers().await;
    }
    let LinkStatus::Failed(fault) = stage.status(&code, &key).await else {
        panic!()
    };
    assert_eq!(
        fault.code,
        FaultCode::ProviderError,
        "for good after ten minutes"
    );
}

#[tokio::test]
async fn an_id_token_that_does_not_verify_ends_the_link_at_once() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    let forged = refused(ProviderError::INVALID_ID_TOKEN);
    stage.provider.answer_identify(Err(forged));
    stage.poll_providers().await;
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Failed(_)), "{status:?}");
    assert!(stage.store.accounts(None, 1).await.unwrap().is_empty());
    assert_eq!(stage.revocations().await.len(), 1, "its tokens go back");
}

#[tokio::test]
async fn userinfo_names_the_owner_of_tokens_with_an_invalid_id_token() {
    let stage = Stage::new().await;
    let bob = ScriptedProvider::person("bob");
    stage.provider.answer_identify(Ok(bob));
    stage.linked().await;
    authorizing(&stage).await;
    let mut tokens = ScriptedProvider::tokens("a", Some("r"));
    tokens.id_token = Some(IdToken::new("forged"));
    let granted = Redemption::Granted(Box::new(tokens));
    stage.provider.answer_redeem(Ok(granted));
    for _ in ["the link", "the revocation"] {
        let forged = refused(ProviderError::INVALID_ID_TOKEN);
        stage.provider.answer_identify(Err(forged));
    }
    stage.poll_providers().await;
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["r", "a"]);
}

/// Some providers revoke all tokens of a person. If accounts at this provider exist, one of them may be that person's.
#[tokio::test]
async fn tokens_of_an_unknown_owner_are_revoked_only_if_the_provider_has_no_account() {
    for has_account in [false, true] {
        let stage = Stage::new().await;
        if has_account {
            stage.linked().await;
        }
        authorizing(&stage).await;
        let granted = ScriptedProvider::grant("a", Some("r"));
        stage.provider.answer_redeem(Ok(granted));
        for code in [
            ProviderError::INVALID_ID_TOKEN,
            ProviderError::INVALID_TOKEN,
        ] {
            stage.provider.answer_identify(Err(refused(code)));
        }
        stage.poll_providers().await;
        assert_eq!(stage.revoke_due().await, 1);
        assert_eq!(stage.provider.revoked().is_empty(), has_account);
    }
}

#[tokio::test]
async fn tokens_outlive_a_userinfo_that_is_away() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    stage.provider.answer_identify(Err(unavailable(None)));
    stage.poll_providers().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    stage.poll_providers().await;
    assert!(stage.is_linked(&code, &key).await);
    assert_eq!(
        stage.provider.times_redeemed(),
        1,
        "the device code is spent once"
    );
}

#[tokio::test]
async fn a_short_trouble_of_userinfo_costs_seconds() {
    let stage = Stage::new().await;
    authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    for seconds in [1, 2, 4, 8, 15, 15] {
        stage.provider.answer_identify(Err(unavailable(None)));
        stage.poll_providers().await;
        assert_eq!(pause(&stage).await, secs(seconds));
    }
}

#[tokio::test]
async fn tokens_are_kept_even_when_the_lease_ran_out() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage
        .provider
        .answer_redeem(Ok(ScriptedProvider::grant("a", Some("r"))));
    stage.clock.advance(secs(5));
    let stalled = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    let outcome = stage.redeemer.advance(&stalled).await;
    stage.clock.advance(secs(60));
    let taken_over = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    assert!(!stage.redeemer.holds_lease(&stalled));
    let kept = stage
        .redeemer
        .record_result(&stalled, &outcome)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(kept.state, LinkState::Redeemed(_)));
    let late = stage
        .redeemer
        .record_result(
            &taken_over,
            &RedeemResult::Over(crate::link::Ending::Denied(None)),
        )
        .await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    stage.redeem_to_end(kept).await;
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn cancelling_wins_over_an_answer_that_comes_later() {
    let stage = Stage::new().await;
    let (code, key) = authorizing(&stage).await;
    stage.grants("a");
    stage.clock.advance(secs(5));
    let claimed = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    let outcome = stage.redeemer.advance(&claimed).await;
    stage
        .consents
        .cancel(&code, &stage.visitor())
        .await
        .unwrap();
    let next = stage
        .redeemer
        .record_result(&claimed, &outcome)
        .await
        .unwrap();
    assert!(next.is_none());
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Denied(None));
}

#[tokio::test]
async fn a_relink_by_another_person_fails_and_changes_nothing() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let relink = stage.link_for(&stage.caller(&key).await).await.unwrap();
    stage.confirm(relink.code.digits()).await.unwrap();
    stage.grants("mallory's");
    stage
        .provider
        .answer_identify(Ok(ScriptedProvider::person("mallory")));
    stage.poll_providers().await;
    let LinkStatus::Failed(fault) = stage.status(relink.code.digits(), &key).await else {
        panic!()
    };
    assert_eq!(fault.code, FaultCode::AccountMismatch);
    let token = stage
        .tokens
        .hand_out(&stage.caller(&key).await, secs(0), HOME)
        .await
        .unwrap();
    assert_eq!(token.access_token.expose(), "access-1");
}

#[tokio::test]
async fn the_same_person_gets_the_same_account_and_both_keys_work() {
    let stage = Stage::new().await;
    let (first_code, first) = stage.linked().await;
    let (second_code, second) = stage.linked().await;
    let one = stage.report(&first_code, &first).await.account.unwrap();
    let two = stage.report(&second_code, &second).await.account.unwrap();
    assert_eq!(one.id, two.id);
    for key in [first, second] {
        assert!(
            stage
                .tokens
                .hand_out(&stage.caller(&key).await, secs(0), HOME)
                .await
                .is_ok()
        );
    }
}

/// The operator has configured another server under the same name. On that server, the same id may belong to another
/// person.
#[tokio::test]
async fn a_person_with_the_same_id_at_another_server_gets_no_account_of_the_first() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let mut elsewhere = ScriptedProvider::tokens("stranger-1", Some("stranger-refresh"));
    elsewhere.origin.token_endpoint = "https://elsewhere.test/token".to_owned();
    let granted = || Redemption::Granted(Box::new(elsewhere.clone()));

    let (code, strangers) = authorizing(&stage).await;
    stage.provider.answer_redeem(Ok(granted()));
    stage.poll_providers().await;
    let LinkStatus::Failed(fault) = stage.status(&code, &strangers).await else {
        panic!("the link goes on");
    };
    assert_eq!(fault.code, FaultCode::ClientChanged);
    let caller = stage.caller(&key).await;
    let token = stage.tokens.hand_out(&caller, secs(0), HOME).await;
    assert_eq!(token.unwrap().access_token.expose(), "access-1");
    // The stranger's tokens are revoked instead of used.
    assert_eq!(stage.revocations().await.len(), 1);

    let relink = stage.link_for(&caller).await.unwrap();
    stage.confirm(relink.code.digits()).await.unwrap();
    stage.provider.answer_redeem(Ok(granted()));
    stage.poll_providers().await;
    assert!(stage.is_linked(relink.code.digits(), &key).await);
}

#[tokio::test]
async fn people_without_a_name_get_accounts_of_their_own_repaired_only_by_relink() {
    let stage = Stage::new().await;
    stage.provider.answer_identify(Ok(Identity::Unknown));
    let (code, key) = stage.linked().await;
    stage.provider.answer_identify(Ok(Identity::Unknown));
    let (other_code, other) = stage.linked().await;
    let account = stage.report(&code, &key).await.account.unwrap();
    assert_ne!(
        account.id,
        stage.report(&other_code, &other).await.account.unwrap().id
    );

    let relink = stage.link_for(&stage.caller(&key).await).await.unwrap();
    stage.confirm(relink.code.digits()).await.unwrap();
    stage.grants("again");
    stage.provider.answer_identify(Ok(Identity::Unknown));
    stage.poll_providers().await;
    let relinked = stage
        .report(relink.code.digits(), &key)
        .await
        .account
        .unwrap();
    assert_eq!(relinked.id, account.id);
}
