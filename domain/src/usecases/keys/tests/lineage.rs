//! Which key made which, and which keys are deleted together.

use crate::grant::{AccessKeyId, KeyLimits, KeyMaker};
use crate::usecases::tests::*;
use crate::usecases::{HandedKey, KeyRequest};

async fn reader(stage: &Stage, caller: &Caller) -> HandedKey {
    let request = KeyRequest {
        name: "reader".to_owned(),
        expires_at: None,
        limits: KeyLimits::default(),
    };
    let account = stage.last_account().await;
    stage
        .keys
        .create(caller, account, request, HOME)
        .await
        .unwrap()
}

async fn makers(stage: &Stage) -> Vec<(AccessKeyId, Option<KeyMaker>)> {
    let account = stage.last_account().await;
    let keys = stage.keys.list(&Caller::ADMIN, account, None, 100).await;
    let keys = keys.unwrap().items.into_iter();
    keys.map(|key| (key.id, key.maker)).collect()
}

async fn works(stage: &Stage, key: &AccessKey) -> bool {
    let caller = stage
        .keys
        .authenticate_for_token(Some(key), address(9))
        .await;
    caller.is_ok()
}

#[tokio::test]
async fn a_key_tells_who_made_it() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let owner = stage.caller(&key).await;
    let Caller::Key(ref presented) = owner else {
        panic!("no key");
    };
    let by_owner = reader(&stage, &owner).await.record.id;
    let by_operator = reader(&stage, &Caller::ADMIN).await.record.id;
    let expected = [
        (presented.id, Some(KeyMaker::Link)),
        (by_owner, Some(KeyMaker::Key(presented.id))),
        (by_operator, Some(KeyMaker::Operator)),
    ];
    assert_eq!(makers(&stage).await, expected);
}

#[tokio::test]
async fn what_a_leaked_key_has_made_goes_with_it_if_asked_to() {
    for with in [Descendants::Kept, Descendants::Deleted] {
        let stage = Stage::new().await;
        let (_, leaked) = stage.linked().await;
        let (_, own) = stage.linked().await;
        let account = stage.last_account().await;
        let made = reader(&stage, &stage.caller(&leaked).await).await;
        let others = reader(&stage, &stage.caller(&own).await).await;
        let Caller::Key(key) = stage.caller(&leaked).await else {
            panic!("no key");
        };
        stage.clock.advance(crate::link::Link::KEPT_AFTER_END);
        // The open relink that the leaked key has started is deleted with the key, for both values of `with`.
        let relink = stage.link_for(&stage.caller(&leaked).await).await.unwrap();
        let owner = stage.caller(&own).await;
        let deleted = stage.keys.delete(&owner, account, key.id, with, HOME).await;
        deleted.unwrap();
        assert!(!works(&stage, &leaked).await);
        let stays = with == Descendants::Kept;
        assert_eq!(works(&stage, &made.access_key).await, stays, "{with:?}");
        for key in [&own, &others.access_key] {
            assert!(works(&stage, key).await, "{with:?}");
        }
        let code = relink.code.digits();
        let polled = stage.links.poll(code, &owner, address(9)).await;
        assert!(matches!(polled, Err(Refusal::NotFound(_))));
    }
}

#[tokio::test]
async fn a_link_can_give_a_reader_and_a_key_that_expires() {
    let stage = Stage::new().await;
    let ends = stage.clock_now() + secs(3600);
    let request = LinkRequest {
        role: Some(crate::grant::KeyRole::Reader),
        key_expires_at: Some(ends),
        ..LinkRequest::default()
    };
    let started = stage.links.start(&Caller::Nobody, request.clone()).await;
    let started = started.unwrap();
    let (code, key) = (started.code.digits(), started.access_key.unwrap());
    stage.confirm(code).await.unwrap();
    let grant = ScriptedProvider::grant("access-1", Some("refresh-1"));
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    assert!(stage.is_linked(code, &key).await);
    let caller = stage.caller(&key).await;
    assert!(stage.tokens.hand_out(&caller, secs(0), HOME).await.is_ok());
    let account = stage.last_account().await;
    let forbidden = [
        stage.keys.list(&caller, account, None, 9).await.err(),
        stage.accounts.delete(&caller, account, HOME).await.err(),
        stage.link_for(&caller).await.err(),
    ];
    for refusal in forbidden {
        assert!(
            matches!(refusal, Some(Refusal::Forbidden(_))),
            "{refusal:?}"
        );
    }
    stage.clock.advance(secs(3600));
    assert!(!works(&stage, &key).await);
    // The requested expiry of the key is in the past by now.
    let late = stage.links.start(&Caller::Nobody, request.clone()).await;
    assert!(matches!(late.err(), Some(Refusal::Unprocessable(_))));
    // A relink creates no key, so its request must not have an expiry or a role.
    let (_, owner) = stage.linked().await;
    let again = stage
        .links
        .start(&stage.caller(&owner).await, request)
        .await;
    assert!(matches!(again.err(), Some(Refusal::Unprocessable(_))));
}
