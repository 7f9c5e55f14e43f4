//! Consents through a redirect.

use crate::fault::{Fault, FaultCode};
use crate::ports::{Prompt, ProviderError, Redemption};
use crate::secret::CallbackQuery;
use crate::usecases::Callback;
use crate::usecases::tests::*;

/// Starts a link, and confirms it so that the person is at the provider of a redirect flow. Returns the code, the key
/// and the state.
async fn away(stage: &Stage) -> (String, AccessKey, String) {
    stage.provider.send_people_back();
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let view = stage.consents.confirmed_by(&code, &stage.browser).await;
    let Some(Prompt::Visit { uri }) = view.unwrap().unwrap().prompt else {
        panic!("nothing to visit");
    };
    let state = uri.expose().split("state=").nth(1).unwrap();
    let (state, back) = state.split_once("&redirect_uri=").unwrap();
    assert_eq!(back, "https://auth.example/callback/one");
    (code, key, state.to_owned())
}

fn callback<'a>(provider: &'a str, state: &'a str, answer: &str) -> Callback<'a> {
    Callback {
        provider,
        state,
        answer: CallbackQuery::new(answer),
        query: CallbackQuery::new(answer),
    }
}

#[track_caller]
fn assert_refused(taken: Result<LinkCode, Refusal>) {
    let refused = taken.map(|code| code.digits().to_owned());
    assert!(
        matches!(refused, Err(Refusal::ForeignCallback(_))),
        "{refused:?}"
    );
}

impl Stage {
    async fn back(&self, provider: &str, state: &str) -> Result<LinkCode, Refusal> {
        self.back_with(provider, state, "code=c0de").await
    }

    async fn back_with(
        &self,
        provider: &str,
        state: &str,
        answer: &str,
    ) -> Result<LinkCode, Refusal> {
        let callback = callback(provider, state, answer);
        self.consents.take_callback(&callback, &self.browser).await
    }
}

#[tokio::test]
async fn what_the_browser_brings_back_is_redeemed() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    assert!(
        stage.redeemer.idle_for(&[]).await.unwrap().is_none(),
        "nothing to poll"
    );
    let granted = ScriptedProvider::grant("access-1", Some("refresh-1"));
    stage.provider.answer_redeem(Ok(granted));
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    stage.poll_providers().await;
    assert_eq!(stage.provider.callbacks(), ["code=c0de"]);
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)));
}

/// A repeated callback returns the code of its link as long as the link is stored, in every state of the link.
#[tokio::test]
async fn the_same_callback_again_leads_to_the_same_link() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    for _ in 0..3 {
        assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    }
    let granted = ScriptedProvider::grant("access-1", None);
    stage.provider.answer_redeem(Ok(granted));
    let unknown = ProviderError::unavailable("userinfo is down");
    stage.provider.answer_identify(Err(unknown));
    let claimed = stage.redeemer.claim_due(10, &[]).await.unwrap();
    // The code is being redeemed.
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    for link in claimed {
        stage.redeem_to_end(link).await;
    }
    // The tokens are stored, but their owner is not known yet.
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    stage.poll_providers().await;
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)));
    stage.clock.advance(Link::KEPT_AFTER_END);
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    assert_eq!(stage.provider.times_redeemed(), 1);

    stage.clock.advance(secs(1));
    assert_eq!(stage.links.purge(10).await.unwrap(), 1);
    assert_refused(stage.back("one", &state).await);
}

#[tokio::test]
async fn two_that_come_at_once_are_one() {
    let stage = Stage::new().await;
    let (code, _, state) = away(&stage).await;
    let (first, second) = tokio::join!(stage.back("one", &state), stage.back("one", &state));
    assert_eq!(first.unwrap().digits(), code);
    assert_eq!(second.unwrap().digits(), code);
    stage.poll_providers().await;
    assert_eq!(stage.provider.callbacks(), ["code=c0de"]);
}

#[tokio::test]
async fn another_answer_for_the_same_state_leads_to_the_link_and_harms_nothing() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    stage.back("one", &state).await.unwrap();
    let others = ["code=other", "error=access_denied", "code=c0de&iss=evil"];
    for other in others {
        let led = stage.back_with("one", &state, other).await;
        assert_eq!(led.unwrap().digits(), code);
    }
    let granted = ScriptedProvider::grant("access-1", None);
    stage.provider.answer_redeem(Ok(granted));
    stage.poll_providers().await;
    for other in others {
        let led = stage.back_with("one", &state, other).await;
        assert_eq!(led.unwrap().digits(), code);
    }
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)));
    assert_eq!(stage.provider.callbacks(), ["code=c0de"]);
}

#[tokio::test]
async fn the_callback_of_a_link_that_failed_leads_to_it_too() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    let answer = "error=access_denied";
    stage.back_with("one", &state, answer).await.unwrap();
    stage.provider.answer_redeem(Ok(Redemption::Denied(None)));
    stage.poll_providers().await;
    let declined = Fault::new(FaultCode::AccessDenied, Fault::DECLINED);
    let status = stage.status(&code, &key).await;
    assert_eq!(status, LinkStatus::Denied(Some(declined)));
    for again in [answer, "code=c0de"] {
        let led = stage.back_with("one", &state, again).await;
        assert_eq!(led.unwrap().digits(), code);
    }
    assert_eq!(stage.provider.callbacks(), [answer]);
}

#[tokio::test]
async fn inspecting_a_callback_takes_nothing() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    let inspect = async |answer| {
        let callback = callback("one", &state, answer);
        let found = stage.consents.inspect_callback(&callback, &stage.browser);
        found.await
    };
    assert_eq!(inspect("code=first").await.unwrap().digits(), code);
    assert!(stage.redeemer.idle_for(&[]).await.unwrap().is_none());
    stage.back("one", &state).await.unwrap();
    for answer in ["code=c0de", "code=first"] {
        assert_eq!(inspect(answer).await.unwrap().digits(), code);
    }
    let granted = ScriptedProvider::grant("access-1", None);
    stage.provider.answer_redeem(Ok(granted));
    stage.poll_providers().await;
    let status = stage.status(&code, &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)));
    assert_eq!(stage.provider.callbacks(), ["code=c0de"]);
}

#[tokio::test]
async fn another_browser_another_provider_and_made_up_states_are_refused() {
    let stage = Stage::new().await;
    let (code, key, state) = away(&stage).await;
    let mut tampered = state.clone();
    let last = tampered.pop().unwrap();
    tampered.push(if last == '0' { '1' } else { '0' });
    let made_up = [
        "",
        "0",
        "zz",
        "00".repeat(40).as_str(),
        &tampered,
        "\u{e9}\u{e9}",
    ]
    .map(str::to_owned);
    for state in made_up {
        let refused = stage.back("one", &state).await;
        assert!(
            matches!(refused, Err(Refusal::ForeignCallback(_))),
            "{state:?}"
        );
    }
    let elsewhere = stage.back("two", &state).await;
    assert!(matches!(elsewhere, Err(Refusal::ForeignCallback(_))));
    let thief = stage.consents.new_browser();
    let stolen = callback("one", &state, "code=stolen");
    assert_refused(stage.consents.take_callback(&stolen, &thief).await);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
    assert_eq!(stage.provider.times_redeemed(), 0);
}

#[tokio::test]
async fn a_link_that_has_ended_takes_nothing() {
    let stage = Stage::new().await;
    let (code, _, state) = away(&stage).await;
    stage
        .consents
        .cancel(&code, &stage.visitor())
        .await
        .unwrap();
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);

    let (code, _, state) = away(&stage).await;
    stage.clock.advance(ScriptedProvider::EXPIRES_IN);
    assert_eq!(stage.back("one", &state).await.unwrap().digits(), code);
    stage.poll_providers().await;
    assert_eq!(stage.provider.times_redeemed(), 0);
}

#[tokio::test]
async fn the_state_of_a_device_flow_brings_nothing_back() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let link = stage.consents.confirmed_by(&code, &stage.browser).await;
    let browser = link.unwrap().unwrap().link.browser.unwrap();
    let code = LinkCode::parse(&code).unwrap();
    let state = stage.ports.vault.seal_state(&code, &browser).unwrap();
    let led = stage.back("one", &state).await;
    assert_eq!(led.unwrap().digits(), code.digits());
    stage.poll_providers().await;
    assert!(stage.provider.callbacks().is_empty());
}

// If the response to the redemption was lost, the authorization code is used up (RFC 6749 section 4.1.2).
#[tokio::test]
async fn a_no_after_a_lost_answer_says_to_link_again() {
    let lost = ProviderError::unavailable("time-out");
    for (first, code) in [(Some(lost), "answer_lost"), (None, "provider_error")] {
        let stage = Stage::new().await;
        let (link, key, state) = away(&stage).await;
        stage.back("one", &state).await.unwrap();
        let used = ProviderError::refused("invalid_grant", "used");
        for answer in first.into_iter().chain([used]) {
            stage.provider.answer_redeem(Err(answer));
            stage.poll_providers().await;
        }
        let Fault {
            code: reported,
            detail,
        } = stage.report(&link, &key).await.error.unwrap();
        assert_eq!(&*reported, code);
        let says_so = detail.contains("first response was lost") && detail.contains("link again");
        assert_eq!(says_so, code == "answer_lost", "{detail}");
        assert!(detail.contains("invalid_grant"), "{detail}");
    }
}

// Authorization codes are short-lived (RFC 6749 section 4.1.2). Keycloak's expire after a minute.
#[tokio::test]
async fn a_code_is_redeemed_again_before_it_expires() {
    let stage = Stage::new().await;
    let (_, _, state) = away(&stage).await;
    stage.back("one", &state).await.unwrap();
    for pause in [1, 2, 4] {
        let lost = ProviderError::unavailable("time-out");
        stage.provider.answer_redeem(Err(lost));
        stage.poll_providers().await;
        let idle = stage.redeemer.idle_for(&[]).await.unwrap();
        assert_eq!(idle, Some(secs(pause)));
    }
    let delayed = ProviderError::Unavailable {
        detail: "503".to_owned(),
        retry_after: Some(secs(20)),
    };
    stage.provider.answer_redeem(Err(delayed));
    stage.poll_providers().await;
    let idle = stage.redeemer.idle_for(&[]).await.unwrap();
    assert_eq!(idle, Some(secs(20)));
}

/// During a rollout, a replica whose configuration lacks the provider redeems no code. So a later `invalid_grant` is
/// not reported as a lost response.
#[tokio::test]
async fn nothing_is_lost_where_nothing_was_sent() {
    let stage = Stage::new().await;
    let (link, key, state) = away(&stage).await;
    stage.back("one", &state).await.unwrap();
    let mut other = stage.another_replica().await;
    other.ports.providers = Providers::new([], None);
    other.services = services(&other.ports, &settings());
    let before = stage.clock_now();
    other.poll_providers().await;
    other.poll_providers().await;
    assert!(stage.clock_now().since(before) <= secs(10));
    stage.provider.answer_redeem(Err(ProviderError::Refused {
        code: "invalid_grant".to_owned(),
        detail: "over".to_owned(),
    }));
    stage.poll_providers().await;
    let error = stage.report(&link, &key).await.error.unwrap();
    assert_eq!(&*error.code, "provider_error");
}

#[tokio::test]
async fn tokens_that_are_not_to_be_used_are_given_back() {
    let stage = Stage::new().await;
    let (link, key, state) = away(&stage).await;
    stage.back("one", &state).await.unwrap();
    let why = ProviderError::refused(ProviderError::INVALID_ID_TOKEN, "nonce");
    let grant = Box::new(ScriptedProvider::tokens(
        "foreign",
        Some("foreign's refresh"),
    ));
    stage
        .provider
        .answer_redeem(Ok(Redemption::Unusable { grant, why }));
    stage.poll_providers().await;
    let error = stage.report(&link, &key).await.error.unwrap();
    assert_eq!(error.code, FaultCode::ProviderError);
    assert!(error.detail.contains("nonce"), "{}", error.detail);
    assert_eq!(stage.revoke_due().await, 1);
    assert_eq!(stage.provider.revoked(), ["foreign's refresh", "foreign"]);
}
