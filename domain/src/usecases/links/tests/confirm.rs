//! Links that wait for a return code.

use crate::clock_step::SYNCHRONISED_WITHIN;
use crate::fault::FaultCode;
use crate::link::{Link, LinkCode, LinkState, ReturnCode, ReturnCodePolicy};
use crate::ports::{LinkStore, Prompt};
use crate::secret::CallbackQuery;
use crate::usecases::Callback;
use crate::usecases::tests::*;

impl Stage {
    async fn asked(&self, caller: &Caller) -> Result<StartedLink, Refusal> {
        let request = LinkRequest {
            return_code: true,
            ..LinkRequest::default()
        };
        self.links.start(caller, request).await
    }

    /// Starts a link whose person has consented and sees the return code. Returns its code and its key.
    async fn confirming(&self, caller: &Caller) -> (String, Option<AccessKey>) {
        self.provider.send_people_back();
        let started = self.asked(caller).await.unwrap();
        let code = started.code.digits().to_owned();
        self.confirm(&code).await.unwrap();
        self.bring_back(&code).await;
        (code, started.access_key)
    }

    async fn bring_back(&self, code: &str) {
        let view = self.consents.confirmed_by(code, &self.browser).await;
        let Some(Prompt::Visit { uri }) = view.unwrap().unwrap().prompt else {
            panic!("nothing to visit");
        };
        let state = uri.expose().split("state=").nth(1).unwrap();
        let (state, _) = state.split_once('&').unwrap();
        let callback = Callback {
            provider: "one",
            state,
            answer: CallbackQuery::new("code=c0de"),
            query: CallbackQuery::new("code=c0de"),
        };
        let taken = self.consents.take_callback(&callback, &self.browser).await;
        taken.unwrap();
        let granted = ScriptedProvider::grant("held-access", Some("held-refresh"));
        self.provider.answer_redeem(Ok(granted));
        self.poll_providers().await;
    }

    /// Returns the return code as the page shows it.
    async fn return_code(&self, code: &str) -> String {
        let view = self.consents.confirmed_by(code, &self.browser).await;
        view.unwrap().unwrap().return_code.unwrap().grouped()
    }

    async fn send(&self, code: &str, key: &AccessKey, typed: &str) -> Result<LinkStatus, Refusal> {
        let caller = self.caller(key).await;
        let report = self.links.confirm(code, &caller, typed, address(9)).await?;
        Ok(report.status)
    }

    async fn tries_left(&self, code: &str, key: &AccessKey, typed: &str) -> u32 {
        match self.send(code, key, typed).await {
            Err(Refusal::WrongReturnCode(tries_left)) => tries_left,
            other => panic!("not wrong: {other:?}"),
        }
    }

    async fn assert_not_confirmed(&self, code: &str, key: &AccessKey) {
        let LinkStatus::Failed(fault) = self.status(code, key).await else {
            panic!("not failed");
        };
        assert_eq!(fault.code, FaultCode::NotConfirmed);
    }
}

#[tokio::test]
async fn the_key_is_inert_until_the_code_of_the_page_is_sent() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let key = key.unwrap();
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Confirming);
    let caller = stage.caller(&key).await;
    let refused = stage
        .tokens
        .hand_out(&caller, secs(0), address(9))
        .await
        .map(drop);
    assert!(matches!(refused, Err(Refusal::LinkPending)), "{refused:?}");
    assert!(stage.store.accounts(None, 9).await.unwrap().is_empty());

    for empty in ["", " ", "\n", "\t"] {
        let refused = stage.send(&code, &key, empty).await;
        assert!(
            matches!(refused, Err(Refusal::Unprocessable(_))),
            "{refused:?}"
        );
    }
    let shown = stage.return_code(&code).await;
    let confirmed = stage.send(&code, &key, &shown.to_lowercase()).await;
    let account = stage.last_account().await;
    assert_eq!(confirmed.unwrap(), LinkStatus::Linked(account));
    // Repeating a success changes nothing, whatever code is sent.
    let again = stage.send(&code, &key, "nonsense").await;
    assert_eq!(again.unwrap(), LinkStatus::Linked(account));
    let caller = stage.caller(&key).await;
    let token = stage
        .tokens
        .hand_out(&caller, secs(0), address(9))
        .await
        .unwrap();
    assert_eq!(token.access_token.expose(), "held-access");
    assert!(
        stage.provider.presented().is_empty(),
        "nothing was refreshed"
    );
}

#[tokio::test]
async fn of_two_right_codes_at_once_both_succeed() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let shown = stage.return_code(&code).await;
    // Both requests have read the key before one of them completes the link.
    let caller = stage.caller(&key.unwrap()).await;
    for _ in 0..2 {
        let confirmed = stage.links.confirm(&code, &caller, &shown, address(9));
        let account = confirmed.await.unwrap().account;
        assert_eq!(account.unwrap().id, stage.last_account().await);
    }
}

/// Some providers end a person's older grant at a new consent, so the older tokens must not replace the newer ones.
#[tokio::test]
async fn an_older_consent_that_is_confirmed_last_replaces_no_tokens() {
    let stage = Stage::new().await;
    let older = stage.confirming(&Caller::Nobody).await;
    stage.clock.advance(SYNCHRONISED_WITHIN + secs(1));
    let newer = stage.confirming(&Caller::Nobody).await;
    let mut stored = Vec::new();
    for (code, key) in [newer, older] {
        let shown = stage.return_code(&code).await;
        let confirmed = stage.send(&code, &key.unwrap(), &shown).await;
        let account = stage.last_account().await;
        assert_eq!(confirmed.unwrap(), LinkStatus::Linked(account));
        stored.push(stage.store.tokens(account).await.unwrap());
    }
    assert_eq!(stored[0], stored[1]);
    assert!(stage.revocations().await.is_empty());
}

#[tokio::test]
async fn nobody_else_can_try_or_read_it() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let shown = stage.return_code(&code).await;
    let (_, other) = stage.started().await;
    let other = stage.caller(&other).await;
    for stranger in [Caller::Nobody, Caller::ADMIN, Caller::ENROLLER, other] {
        for typed in ["BBB-BBB", &shown] {
            let refused = stage
                .links
                .confirm(&code, &stranger, typed, address(9))
                .await;
            assert!(matches!(refused, Err(Refusal::NotFound(_))));
        }
    }
    let elsewhere = stage.consents.new_browser();
    let view = stage.consents.confirmed_by(&code, &elsewhere).await;
    assert!(view.unwrap().is_none());
    // None of these attempts was counted, so one wrong code leaves two of three attempts.
    assert_eq!(stage.tries_left(&code, &key.unwrap(), "wrong").await, 2);
}

#[tokio::test]
async fn three_wrong_codes_end_the_link_and_revoke_the_tokens() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let key = key.unwrap();
    let shown = stage.return_code(&code).await;
    for left in [2, 1, 0] {
        assert_eq!(stage.tries_left(&code, &key, "BBB-BBB").await, left);
    }
    stage.assert_not_confirmed(&code, &key).await;
    let late = stage.send(&code, &key, &shown).await;
    assert!(matches!(late, Err(Refusal::LinkEnded)), "{late:?}");
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["held-refresh", "held-access"]);
}

#[tokio::test]
async fn wrong_codes_at_the_same_time_are_all_counted() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let key = key.unwrap();
    let wrong = (0..9).map(|_| stage.send(&code, &key, "BBB-BBB"));
    let answers = futures_of(wrong).await;
    let counted = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Refusal::WrongReturnCode(_))));
    assert_eq!(counted.count(), 3);
    stage.assert_not_confirmed(&code, &key).await;
}

/// Awaits the futures one after the other, because the fakes never wait. The stores' own tests run them concurrently.
async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut outputs = Vec::new();
    for future in futures {
        outputs.push(future.await);
    }
    outputs
}

#[tokio::test]
async fn a_link_that_nobody_confirms_fails_after_three_minutes() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let key = key.unwrap();
    let shown = stage.return_code(&code).await;
    stage.clock.advance(ReturnCode::LIFETIME);
    stage.assert_not_confirmed(&code, &key).await;
    let late = stage.send(&code, &key, &shown).await;
    assert!(matches!(late, Err(Refusal::LinkEnded)), "{late:?}");
    stage.poll_providers().await;
    let link = LinkCode::parse(&code).unwrap();
    let link = stage.ports.vault.hash_link_code(&link);
    let link = stage.store.find_link(&link).await.unwrap().unwrap();
    assert!(matches!(link.state, LinkState::Ended { .. }), "{link:?}");
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["held-refresh", "held-access"]);
}

#[tokio::test]
async fn a_relink_keeps_the_old_tokens_until_it_is_confirmed() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let (code, _) = stage.confirming(&stage.caller(&key).await).await;
    let token = async || {
        let caller = stage.caller(&key).await;
        let token = stage
            .tokens
            .hand_out(&caller, secs(0), address(9))
            .await
            .unwrap();
        token.access_token.expose().to_owned()
    };
    assert_eq!(token().await, "access-1");
    let shown = stage.return_code(&code).await;
    stage.send(&code, &key, &shown).await.unwrap();
    assert_eq!(token().await, "held-access");
}

#[tokio::test]
async fn tokens_of_a_person_with_a_live_account_are_not_revoked() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let (code, _) = stage.confirming(&stage.caller(&key).await).await;
    for _ in 0..ReturnCode::TRIES {
        stage.tries_left(&code, &key, "wrong").await;
    }
    assert!(stage.revocations().await.is_empty());
    let caller = stage.caller(&key).await;
    assert!(
        stage
            .tokens
            .hand_out(&caller, secs(0), address(9))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn tokens_that_a_relink_holds_are_revoked_with_the_account() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.confirming(&stage.caller(&key).await).await;
    let account = stage.last_account().await;
    let deleted = stage.accounts.delete(&Caller::ADMIN, account, HOME).await;
    deleted.unwrap();
    stage.clock.advance(secs(60));
    stage.revoke_due().await;
    let mut revoked = stage.provider.revoked();
    revoked.sort_unstable();
    assert_eq!(
        revoked,
        ["access-1", "held-access", "held-refresh", "refresh-1"]
    );
}

#[tokio::test]
async fn tokens_that_a_relink_holds_are_revoked_if_the_deletion_fails_at_first() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.confirming(&stage.caller(&key).await).await;
    let account = stage.last_account().await;
    stage.store.refuse_deletions(1);
    for is_deleted in [false, true] {
        let deleted = stage.accounts.delete(&Caller::ADMIN, account, HOME).await;
        assert_eq!(deleted.is_ok(), is_deleted);
        stage.revoke_due().await;
    }
    stage.clock.advance(secs(60));
    assert_eq!(stage.revoke_due().await, 1);
    let revoked = stage.provider.revoked();
    assert_eq!(
        revoked,
        ["refresh-1", "access-1", "held-refresh", "held-access"]
    );
}

/// Deletes Alice's account while another link holds tokens of Alice. Returns the code and the key of that link.
async fn held_beside_a_revocation(stage: &Stage) -> (String, AccessKey) {
    stage.linked().await;
    let account = stage.last_account().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let deleted = stage.accounts.delete(&Caller::ADMIN, account, HOME).await;
    assert_eq!(deleted.unwrap(), RevocationStatus::Pending);
    assert!(stage.provider.revoked().is_empty());
    let postponed = stage.revocations().await.remove(0);
    assert_eq!(postponed.failures, 0);
    let fault = postponed.last_error.unwrap();
    assert_eq!(fault.code, FaultCode::LinkInProgress);
    (code, key.unwrap())
}

#[tokio::test]
async fn no_revocation_ends_the_grant_that_a_link_holds() {
    let stage = Stage::new().await;
    let (code, key) = held_beside_a_revocation(&stage).await;
    let shown = stage.return_code(&code).await;
    let sent = stage.send(&code, &key, &shown).await.unwrap();
    assert_eq!(sent, LinkStatus::Linked(stage.last_account().await));
    stage.clock.advance(ReturnCode::LIFETIME);
    assert_eq!(stage.revoke_due().await, 0);
    assert!(stage.provider.revoked().is_empty());
    let revocation = stage.revocations().await.remove(0);
    assert_eq!(revocation.status, RevocationStatus::Cancelled);
}

#[tokio::test]
async fn a_revocation_goes_on_after_a_link_that_held_tokens() {
    let stage = Stage::new().await;
    let (code, _) = held_beside_a_revocation(&stage).await;
    stage
        .consents
        .cancel(&code, &stage.visitor())
        .await
        .unwrap();
    assert_eq!(stage.revoke_due().await, 1);
    stage.clock.advance(ReturnCode::LIFETIME);
    assert_eq!(stage.revoke_due().await, 1);
    let revoked = stage.provider.revoked();
    assert_eq!(
        revoked,
        ["held-refresh", "held-access", "refresh-1", "access-1"]
    );
}

#[tokio::test]
async fn tokens_whose_owner_is_found_out_wait_for_a_link_too() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let granted = ScriptedProvider::grant("late", None);
    stage.provider.answer_redeem(Ok(granted));
    stage.clock.advance(ScriptedProvider::INTERVAL);
    let link = stage.redeemer.claim_due(1, &[]).await.unwrap().remove(0);
    let outcome = stage.redeemer.advance(&link).await;
    stage
        .consents
        .cancel(&code, &stage.visitor())
        .await
        .unwrap();
    let recorded = stage.redeemer.record_result(&link, &outcome).await;
    assert!(recorded.unwrap().is_none());
    stage.confirming(&Caller::Nobody).await;
    assert_eq!(stage.revoke_due().await, 1);
    assert!(stage.provider.revoked().is_empty());
    stage.clock.advance(ReturnCode::LIFETIME);
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["late"]);
}

#[tokio::test]
async fn the_person_may_cancel_instead() {
    let stage = Stage::new().await;
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    stage
        .consents
        .cancel(&code, &stage.visitor())
        .await
        .unwrap();
    let status = stage.status(&code, &key.unwrap()).await;
    assert_eq!(status, LinkStatus::Denied(None));
    assert_eq!(stage.revoke_due().await, 1);
}

#[tokio::test]
async fn it_is_too_early_before_the_consent() {
    let stage = Stage::new().await;
    stage.provider.send_people_back();
    let started = stage.asked(&Caller::Nobody).await.unwrap();
    let (code, key) = (started.code.digits(), started.access_key.unwrap());
    let early = stage.send(code, &key, "BBB-BBB").await;
    assert!(matches!(early, Err(Refusal::LinkPending)), "{early:?}");
    stage.confirm(code).await.unwrap();
    let early = stage.send(code, &key, "BBB-BBB").await;
    assert!(matches!(early, Err(Refusal::LinkPending)), "{early:?}");
    stage.bring_back(code).await;
    assert_eq!(stage.tries_left(code, &key, "wrong").await, 2);
}

#[tokio::test]
async fn the_device_flow_has_none() {
    let stage = Stage::new().await;
    let refused = stage.asked(&Caller::Nobody).await.map(drop);
    assert!(
        matches!(&refused, Err(Refusal::Unprocessable(why)) if why.contains("device flow")),
        "{refused:?}"
    );
    // The link is requested at a redirect flow and confirmed at a device flow, because the operator has changed the
    // flow.
    let replica = stage.another_replica().await;
    stage.provider.send_people_back();
    let started = stage.asked(&Caller::Nobody).await.unwrap();
    let code = started.code.digits();
    replica.confirm(code).await.unwrap();
    let status = stage.status(code, &started.access_key.unwrap()).await;
    assert!(matches!(&status, LinkStatus::Failed(fault) if fault.code == FaultCode::ProviderError));
}

#[tokio::test]
async fn the_operator_decides() {
    let with = async |policy| {
        let stage = Stage::new().await;
        stage.provider.send_people_back();
        let settings = Settings {
            return_code: policy,
            ..settings()
        };
        services(&stage.ports, &settings)
    };
    let ask = async |services: &Services, return_code| {
        let request = LinkRequest {
            return_code,
            ..LinkRequest::default()
        };
        services
            .links
            .start(&Caller::Nobody, request)
            .await
            .map(drop)
    };
    let off = with(ReturnCodePolicy::Off).await;
    assert!(ask(&off, false).await.is_ok());
    assert!(matches!(
        ask(&off, true).await,
        Err(Refusal::Unprocessable(_))
    ));
    let offered = with(ReturnCodePolicy::Offered).await;
    assert!(ask(&offered, false).await.is_ok() && ask(&offered, true).await.is_ok());
    let required = with(ReturnCodePolicy::Required).await;
    let refused = ask(&required, false).await;
    assert!(matches!(refused, Err(Refusal::ReturnCodeRequired)));
    assert!(ask(&required, true).await.is_ok());
}

#[tokio::test]
async fn a_link_that_was_given_to_another_key_ends() {
    let stage = Stage::new().await;
    let (_, eves) = stage.linked().await;
    let Caller::Key(eve) = stage.caller(&eves).await else {
        panic!("no access key");
    };
    let bob = ScriptedProvider::person("bob");
    stage.provider.answer_identify(Ok(bob));
    let (code, _) = stage.confirming(&Caller::Nobody).await;
    let hash = LinkCode::parse(&code).unwrap();
    let hash = stage.ports.vault.hash_link_code(&hash);
    let link = stage.store.find_link(&hash).await.unwrap().unwrap();
    stage.store.replace_link(Link {
        key: eve.id,
        ..link
    });
    let typed = stage.return_code(&code).await;
    let refused = stage.send(&code, &eves, &typed).await;
    assert!(matches!(refused, Err(Refusal::LinkEnded)), "{refused:?}");
    let LinkStatus::Failed(fault) = stage.status(&code, &eves).await else {
        panic!("not failed");
    };
    assert_eq!(fault.code, FaultCode::KeyAltered);
    assert_eq!(stage.revocations().await.len(), 1);
}

#[tokio::test]
async fn another_person_in_a_held_link_gets_nothing() {
    let stage = Stage::new().await;
    stage.linked().await;
    let alice = stage.last_account().await;
    let alices = stage.store.accounts(None, 9).await.unwrap().remove(0).key;
    let eves = ScriptedProvider::person("eve");
    stage.provider.answer_identify(Ok(eves));
    let (code, key) = stage.confirming(&Caller::Nobody).await;
    let key = key.unwrap();
    let shown = stage.return_code(&code).await;
    let held = stage.stored_link(&code).await;
    let LinkState::Confirming(mut grant) = held.state.clone() else {
        panic!("not held");
    };
    // An attacker without the secret key changes the owner in the link's row to Alice.
    grant.owner.key = alices;
    let state = LinkState::Confirming(grant);
    stage.store.replace_link(Link { state, ..held });
    let refused = stage.send(&code, &key, &shown).await;
    assert!(matches!(refused, Err(Refusal::LinkEnded)), "{refused:?}");
    let LinkStatus::Failed(fault) = stage.status(&code, &key).await else {
        panic!("not failed");
    };
    assert_eq!(fault.code, FaultCode::KeyAltered);
    assert_eq!(stage.last_account().await, alice);
    assert_eq!(stage.revocations().await.len(), 1);
}

#[tokio::test]
async fn a_link_from_which_somebody_removed_the_return_code_opens_nothing() {
    let stage = Stage::new().await;
    stage.provider.send_people_back();
    let started = stage.asked(&Caller::Nobody).await.unwrap();
    let code = started.code.digits().to_owned();
    stage.confirm(&code).await.unwrap();
    let link = stage.stored_link(&code).await;
    stage.store.replace_link(Link {
        return_code_tries: None,
        ..link
    });
    stage.bring_back(&code).await;
    let link = stage.stored_link(&code).await;
    let LinkStatus::Failed(fault) = link.status(stage.clock_now()) else {
        panic!("not failed");
    };
    assert_eq!(fault.code, FaultCode::KeyAltered);
    assert!(stage.store.accounts(None, 9).await.unwrap().is_empty());
}
