//! An operator asks a person to consent again.

use crate::grant::AccountStatus;
use crate::ports::{KeyStore as _, ProviderError};
use crate::usecases::KeyRequest;
use crate::usecases::tests::*;

/// Makes the account of Alice impossible to refresh.
async fn given_up(stage: &Stage) -> (AccountId, AccessKey) {
    let (_, key) = stage.linked().await;
    let id = stage.last_account().await;
    let over = ProviderError::refused("invalid_grant", "no");
    stage.provider.answer_refresh(Err(over.into()));
    let refused = stage.accounts.refresh(&Caller::ADMIN, id, HOME).await;
    assert!(matches!(refused, Err(Refusal::RelinkRequired(_))));
    (id, key)
}

#[tokio::test]
async fn the_account_is_active_again_and_its_key_stays() {
    let stage = Stage::new().await;
    let (id, key) = given_up(&stage).await;
    let started = stage.links.start_relink(&Caller::ADMIN, id, HOME).await;
    let started = started.unwrap();
    assert!(started.access_key.is_none());
    stage.confirm(started.code.digits()).await.unwrap();
    let grant = ScriptedProvider::grant("access-2", Some("refresh-2"));
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    let account = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    assert_eq!(account.status, AccountStatus::Active);
    let caller = stage.caller(&key).await;
    let handed = stage.tokens.hand_out(&caller, secs(0), HOME).await;
    assert_eq!(handed.unwrap().access_token.expose(), "access-2");
    assert_eq!(stage.store.keys(id, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_readers_key_serves_where_no_other_is_left() {
    let stage = Stage::new().await;
    let (id, _) = given_up(&stage).await;
    let owner = stage.store.keys(id, None, 1).await.unwrap()[0].id;
    let request = KeyRequest {
        name: "report".to_owned(),
        expires_at: None,
        limits: crate::grant::KeyLimits::default(),
    };
    let made = stage.keys.create(&Caller::ADMIN, id, request, HOME).await;
    let reader = made.unwrap().record.id;
    let delete = |key| (stage.keys).delete(&Caller::ADMIN, id, key, Descendants::Kept, HOME);
    delete(owner).await.unwrap();
    let started = stage.links.start_relink(&Caller::ADMIN, id, HOME).await;
    assert!(started.is_ok());
    delete(reader).await.unwrap();
    let refused = stage.links.start_relink(&Caller::ADMIN, id, HOME).await;
    assert!(matches!(refused, Err(Refusal::Unprocessable(_))));
}

#[tokio::test]
async fn only_the_admin_asks() {
    let stage = Stage::new().await;
    let (id, key) = given_up(&stage).await;
    for (caller, is_known) in [
        (Caller::Nobody, false),
        (Caller::ENROLLER, true),
        (Caller::AUDITOR, true),
        (stage.caller(&key).await, true),
    ] {
        let refused = stage.links.start_relink(&caller, id, HOME).await.err();
        let is_expected = match refused {
            Some(Refusal::Unauthorized(_)) => !is_known,
            Some(Refusal::Forbidden(_)) => is_known,
            _ => false,
        };
        assert!(is_expected);
    }
    let nobodys = AccountId(id.0 + 1);
    let refused = stage.links.start_relink(&Caller::ADMIN, nobodys, HOME);
    assert!(matches!(refused.await, Err(Refusal::NotFound(_))));
}

#[tokio::test]
async fn the_admin_polls_relinks_and_no_other_link() {
    let stage = Stage::new().await;
    let (id, _) = given_up(&stage).await;
    let started = stage.links.start_relink(&Caller::ADMIN, id, HOME).await;
    let code = started.unwrap().code.digits().to_owned();
    stage.confirm(&code).await.unwrap();
    let grant = ScriptedProvider::grant("access-2", Some("refresh-2"));
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    let report = stage.links.poll(&code, &Caller::ADMIN, HOME).await.unwrap();
    assert_eq!(report.account.unwrap().id, id);
    let inspected = stage.links.inspect(&code, &Caller::ADMIN).await.unwrap();
    assert_eq!(inspected.account.unwrap().id, id);
    for other in [Caller::AUDITOR, Caller::ENROLLER, Caller::Nobody] {
        let report = stage.links.poll(&code, &other, HOME).await.unwrap();
        assert!(report.account.is_none());
        assert!(stage.links.inspect(&code, &other).await.is_err());
    }
    let (code, _) = stage.linked().await;
    let report = stage.links.poll(&code, &Caller::ADMIN, HOME).await.unwrap();
    assert!(report.account.is_none());
    assert!(stage.links.inspect(&code, &Caller::ADMIN).await.is_err());
}

#[tokio::test]
async fn guesses_of_others_do_not_keep_the_admin_from_polling() {
    let stage = Stage::new().await;
    let (id, _) = given_up(&stage).await;
    let started = stage.links.start_relink(&Caller::ADMIN, id, HOME).await;
    let code = started.unwrap().code.digits().to_owned();
    let is_limited = async |caller: &Caller, code: &str| {
        let polled = stage.links.poll(code, caller, HOME).await;
        matches!(polled, Err(Refusal::RateLimited(_)))
    };
    while !is_limited(&Caller::Nobody, "00000000").await {}
    assert!(is_limited(&Caller::Nobody, &code).await);
    assert!(!is_limited(&Caller::ADMIN, &code).await);
}
