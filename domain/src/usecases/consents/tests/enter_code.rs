//! A person at the page.

use crate::link::LinkState;
use crate::ports::{Prompt, ProviderError};
use crate::usecases::LinkView;
use crate::usecases::tests::*;

fn unavailable() -> ProviderError {
    ProviderError::unavailable("connection refused")
}

async fn view(stage: &Stage, code: &str) -> LinkView {
    stage
        .consents
        .look_up(code, &stage.visitor())
        .await
        .unwrap()
}

#[tokio::test]
async fn nothing_starts_before_the_person_confirms() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let before = view(&stage, &format!("{} {}", &code[..4], &code[4..])).await;
    assert_eq!(before.link.requester.client_name.as_deref(), Some("cron"));
    assert!(before.prompt.is_none());
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Pending);

    stage.confirm(&code).await.unwrap();
    let after = view(&stage, &code).await;
    let Some(Prompt::UserCode { user_code, .. }) = after.prompt else {
        panic!("no user code")
    };
    assert_eq!(user_code.expose(), "BCDF-GHJK");
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
}

#[tokio::test]
async fn confirming_moves_the_deadline_to_the_provider_s() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.clock.advance(secs(590));
    assert_eq!(stage.report(&code, &key).await.expires_in, secs(10));
    stage.confirm(&code).await.unwrap();
    assert_eq!(
        stage.report(&code, &key).await.expires_in,
        ScriptedProvider::EXPIRES_IN
    );
}

#[tokio::test]
async fn a_confirmed_code_belongs_to_that_browser() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let other = stage.consents.new_browser();
    let stranger = Visitor {
        browser: &other,
        address: address(2),
    };
    let refused = stage.consents.look_up(&code, &stranger).await;
    assert!(matches!(refused, Err(Refusal::CodeInUse)));
    assert!(matches!(
        stage.consents.cancel(&code, &stranger).await,
        Err(Refusal::CodeInUse)
    ));
    assert!(
        stage
            .consents
            .confirmed_by(&code, &other)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        stage
            .consents
            .confirmed_by(&code, &stage.browser)
            .await
            .unwrap()
            .is_some()
    );
}

fn parsed(code: &str) -> LinkCode {
    LinkCode::parse(code).unwrap()
}

#[tokio::test]
async fn pressing_twice_starts_one_flow() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    let first = stage
        .consents
        .confirm(&code, &stage.visitor())
        .await
        .unwrap();
    let second = stage
        .consents
        .confirm(&code, &stage.visitor())
        .await
        .unwrap();
    stage.consents.start(&parsed(&code), &first).await.unwrap();
    stage.consents.start(&parsed(&code), &second).await.unwrap();
    assert!(matches!(
        view(&stage, &code).await.link.state,
        LinkState::Authorizing(_)
    ));
    assert_eq!(stage.redeemer.claim_due(10, &[]).await.unwrap().len(), 0);
    stage.clock.advance(ScriptedProvider::INTERVAL);
    assert_eq!(stage.redeemer.claim_due(10, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_leaves_the_link_pending() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.provider.refuse_consent(unavailable());
    assert!(matches!(
        stage.confirm(&code).await,
        Err(Refusal::ProviderUnavailable { .. })
    ));
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Pending);
    stage.confirm(&code).await.unwrap();
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
}

#[tokio::test]
async fn a_provider_that_refuses_the_service_fails_the_link() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let (error, detail) = (
        "unauthorized_client".to_owned(),
        "no device flow".to_owned(),
    );
    stage
        .provider
        .refuse_consent(ProviderError::misconfigured(error, detail));
    assert!(matches!(
        stage.confirm(&code).await,
        Err(Refusal::ProviderRefused(_))
    ));
    let report = stage.report(&code, &key).await;
    assert_eq!(report.error.unwrap().code, "provider_error".into());
}

#[tokio::test]
async fn cancelling_denies_before_and_after_confirming() {
    let stage = Stage::new().await;
    for confirmed in [false, true] {
        let (code, key) = stage.started().await;
        if confirmed {
            stage.confirm(&code).await.unwrap();
        }
        stage
            .consents
            .cancel(&code, &stage.visitor())
            .await
            .unwrap();
        assert_eq!(stage.status(&code, &key).await, LinkStatus::Denied(None));
        let refused = stage
            .tokens
            .hand_out(&stage.caller(&key).await, secs(0), HOME)
            .await;
        assert!(matches!(refused, Err(Refusal::Unauthorized(_))));
    }
}

#[tokio::test]
async fn an_expired_code_starts_nothing() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let confirmed = stage
        .consents
        .confirm(&code, &stage.visitor())
        .await
        .unwrap();
    stage.clock.advance(secs(600));
    stage
        .consents
        .start(&parsed(&code), &confirmed)
        .await
        .unwrap();
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    assert_eq!(view(&stage, &code).await.status, LinkStatus::Expired);
}

#[tokio::test]
async fn a_second_press_that_the_provider_refuses_leaves_the_first_flow_alone() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let pressed = stage
        .consents
        .confirm(&code, &stage.visitor())
        .await
        .unwrap();
    stage
        .consents
        .start(&parsed(&code), &pressed)
        .await
        .unwrap();
    let (error, detail) = ("invalid_client".to_owned(), "no".to_owned());
    stage
        .provider
        .refuse_consent(ProviderError::misconfigured(error, detail));
    let refused = stage.consents.start(&parsed(&code), &pressed).await;
    assert!(matches!(refused, Err(Refusal::ProviderRefused(_))));
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Authorizing);
}
