//! The person withdraws a consent.

use crate::grant::{AccessKeyId, KeyLimits};
use crate::link::Link;
use crate::ports::Descendants;
use crate::usecases::Disowned;
use crate::usecases::KeyRequest;
use crate::usecases::tests::*;

impl Stage {
    async fn disown(&self, code: &str) -> Result<Disowned, Refusal> {
        self.consents.disown(code, &self.visitor()).await
    }

    async fn is_known(&self, key: &AccessKey) -> bool {
        self.keys.authenticate(Some(key), HOME).await.is_ok()
    }
}

async fn made_by(stage: &Stage, key: &AccessKey) -> (AccessKeyId, AccessKey) {
    let caller = stage.caller(key).await;
    let Caller::Key(ref presented) = caller else {
        panic!("no key");
    };
    let request = KeyRequest {
        name: "made".to_owned(),
        expires_at: None,
        limits: KeyLimits::default(),
    };
    let account = stage.last_account().await;
    let made = stage.keys.create(&caller, account, request, HOME).await;
    (presented.id, made.unwrap().access_key)
}

#[tokio::test]
async fn the_account_goes_that_the_link_created() {
    let stage = Stage::new().await;
    let (code, key) = stage.linked().await;
    assert_eq!(stage.disown(&code).await.unwrap(), Disowned::Account);
    assert!(!stage.is_known(&key).await);
    assert!(stage.store.accounts(None, 9).await.unwrap().is_empty());
    assert_eq!(stage.provider.revoked(), ["refresh-1", "access-1"]);
    let again = stage.disown(&code).await;
    assert!(matches!(again, Err(Refusal::NotFound(_))), "{again:?}");
}

#[tokio::test]
async fn of_an_account_that_was_there_before_only_the_key_goes() {
    let stage = Stage::new().await;
    let (_, first) = stage.linked().await;
    stage.clock.advance(secs(1));
    let (code, second) = stage.linked().await;
    let (_, kept) = made_by(&stage, &first).await;
    let (_, made) = made_by(&stage, &second).await;
    assert_eq!(stage.disown(&code).await.unwrap(), Disowned::Key);
    assert!(stage.is_known(&kept).await && !stage.is_known(&made).await);
    assert!(stage.is_known(&first).await && !stage.is_known(&second).await);
    assert_eq!(stage.store.accounts(None, 9).await.unwrap().len(), 1);
    assert!(stage.provider.revoked().is_empty());
}

/// An admin starts the relink, so it belongs to an existing key of the account. Disowning the relink must not delete
/// this key.
#[tokio::test]
async fn a_relink_that_no_program_asked_for_ends_no_key() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let (own, made) = made_by(&stage, &key).await;
    stage.clock.advance(Link::KEPT_AFTER_END);
    let account = stage.last_account().await;
    let started = stage.links.start_relink(&Caller::ADMIN, account, HOME);
    let code = started.await.unwrap().code.digits().to_owned();
    stage.confirm(&code).await.unwrap();
    stage.grants("access-2");
    stage.poll_providers().await;
    let refused = stage.disown(&code).await;
    assert!(matches!(refused, Err(Refusal::NotFound(_))), "{refused:?}");
    let deleted = stage
        .keys
        .delete(&Caller::ADMIN, account, own, Descendants::Kept, HOME);
    deleted.await.unwrap();
    assert!(!stage.is_known(&key).await && stage.is_known(&made).await);
}

#[tokio::test]
async fn only_the_browser_that_confirmed_may_and_only_for_a_day() {
    let stage = Stage::new().await;
    let (code, key) = stage.linked().await;
    let other = stage.consents.new_browser();
    let visitor = Visitor {
        browser: &other,
        address: address(1),
    };
    let refused = stage.consents.disown(&code, &visitor).await;
    assert!(matches!(refused, Err(Refusal::NotFound(_))));
    let (pending, _) = stage.started().await;
    stage.confirm(&pending).await.unwrap();
    let refused = stage.disown(&pending).await;
    assert!(matches!(refused, Err(Refusal::NotFound(_))));
    stage.clock.advance(Link::KEPT_AFTER_END);
    let late = stage.disown(&code).await;
    assert!(matches!(late, Err(Refusal::NotFound(_))));
    assert!(stage.is_known(&key).await);
}

#[tokio::test]
async fn a_key_that_deletes_itself_saves_nothing_that_it_has_made() {
    let stage = Stage::new().await;
    stage.linked().await;
    for (age, is_saved) in [(secs(0), false), (Link::KEPT_AFTER_END, true)] {
        let (_, key) = stage.linked().await;
        let (id, made) = made_by(&stage, &key).await;
        stage.clock.advance(age);
        let (account, own) = (stage.last_account().await, stage.caller(&key).await);
        let deleted = stage
            .keys
            .delete(&own, account, id, Descendants::Kept, HOME);
        deleted.await.unwrap();
        assert_eq!(stage.is_known(&made).await, is_saved, "{age:?}");
    }
}
