//! Additional keys of an account.

use crate::grant::KeyLimits;
use crate::usecases::tests::*;
use crate::usecases::{HandedKey, KeyRequest, Keys};

fn request(name: &str) -> KeyRequest {
    KeyRequest {
        name: name.to_owned(),
        expires_at: None,
        limits: KeyLimits::default(),
    }
}

impl Stage {
    async fn create(&self, caller: &Caller, request: KeyRequest) -> Result<HandedKey, Refusal> {
        let account = self.last_account().await;
        self.keys.create(caller, account, request, HOME).await
    }
}

#[tokio::test]
async fn a_further_key_reads_and_does_nothing_else() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let owner = stage.caller(&key).await;
    let handed = stage.create(&owner, request(" backup ")).await.unwrap();
    assert_eq!(handed.record.name.as_deref(), Some("backup"));
    let (reader, account) = (
        stage.caller(&handed.access_key).await,
        stage.last_account().await,
    );
    let services = &stage.services;
    assert!(
        services
            .tokens
            .hand_out(&reader, secs(0), HOME)
            .await
            .is_ok()
    );
    assert!(services.accounts.get(&reader, account).await.is_ok());
    let forbidden = [
        services
            .keys
            .create(&reader, account, request("x"), HOME)
            .await
            .err(),
        services.keys.list(&reader, account, None, 9).await.err(),
        services
            .keys
            .delete(&reader, account, handed.record.id, Descendants::Kept, HOME)
            .await
            .err(),
        services.accounts.delete(&reader, account, HOME).await.err(),
        services
            .accounts
            .refresh(&reader, account, HOME)
            .await
            .err(),
        stage.link_for(&reader).await.err(),
    ];
    for refusal in forbidden {
        assert!(
            matches!(refusal, Some(Refusal::Forbidden(_))),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn keys_expire_and_are_deleted() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let owner = stage.caller(&key).await;
    let expires_at = Some(stage.clock_now() + secs(60));
    let short = KeyRequest {
        expires_at,
        ..request("short")
    };
    let short = stage.create(&owner, short).await.unwrap();
    let long = stage.create(&owner, request("long")).await.unwrap();
    assert!(
        stage
            .keys
            .authenticate(Some(&short.access_key), address(9))
            .await
            .is_ok()
    );
    stage.clock.advance(secs(60));
    let expired = stage
        .keys
        .authenticate(Some(&short.access_key), address(9))
        .await;
    assert!(matches!(expired, Err(Refusal::Unauthorized(_))));
    let account = stage.last_account().await;
    let delete = async |id| {
        let kept = Descendants::Kept;
        stage.keys.delete(&owner, account, id, kept, HOME).await
    };
    delete(long.record.id).await.unwrap();
    let deleted = stage
        .keys
        .authenticate(Some(&long.access_key), address(9))
        .await;
    assert!(matches!(deleted, Err(Refusal::Unauthorized(_))));
    let again = delete(long.record.id).await;
    assert!(matches!(again, Err(Refusal::NotFound(_))));
    let over = KeyRequest {
        expires_at,
        ..request("over")
    };
    let refused = stage.create(&owner, over).await.err();
    assert!(matches!(refused, Some(Refusal::Unprocessable(_))));
}

#[tokio::test]
async fn keys_are_deleted_a_month_after_they_have_expired() {
    const DAY: u64 = 24 * 3600;
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let owner = stage.caller(&key).await;
    for days in [1, 60] {
        let job = KeyRequest {
            expires_at: Some(stage.clock_now() + secs(days * DAY)),
            ..request("job")
        };
        stage.create(&owner, job).await.unwrap();
    }
    stage.audit.store(true).await.unwrap();
    let purged = async || stage.housekeeping.purge_keys(100).await.unwrap();
    let now = stage.clock_now();
    // While the clock is a year ahead, no key is deleted. Then the clock is set right.
    stage.clock.set(now + secs(365 * DAY));
    assert_eq!(purged().await, 0);
    stage.clock.set(now);
    for (days, expected) in [(0, 0), (30, 0), (2, 1), (1, 0)] {
        stage.clock.advance(secs(days * DAY));
        assert_eq!(purged().await, expected, "{days} days later");
    }
    let account = stage.last_account().await;
    let left = stage.keys.list(&owner, account, None, 9).await.unwrap();
    assert_eq!(left.items.len(), 2);
}

#[tokio::test]
async fn names_are_checked_and_keys_are_not_without_number() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let owner = stage.caller(&key).await;
    for bad in ["", "  ", "a\nb", &"x".repeat(101)] {
        let refused = stage.create(&owner, request(bad)).await.err();
        assert!(
            matches!(refused, Some(Refusal::Unprocessable(_))),
            "{bad:?}"
        );
    }
    for _ in 1..Keys::MOST_PER_ACCOUNT {
        stage.create(&owner, request("one more")).await.unwrap();
    }
    let refused = stage.create(&owner, request("too many")).await.err();
    assert!(matches!(refused, Some(Refusal::Unprocessable(_))));
}

#[tokio::test]
async fn uses_are_noted_without_a_write_for_each() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let account = stage.last_account().await;
    let listed = async || {
        let keys = stage.keys.list(&Caller::ADMIN, account, None, 9).await;
        keys.unwrap().items[0].clone()
    };
    assert_eq!(listed().await.name.as_deref(), Some("cron"));
    stage.clock.advance(secs(30));
    stage.caller(&key).await;
    let noted = Some(stage.clock_now());
    assert_eq!(listed().await.last_used_at, noted, "before it is written");
    stage.keys.store_uses().await.unwrap();
    assert_eq!(listed().await.last_used_at, noted);
    stage.clock.advance(secs(30));
    let recognised = stage.keys.recognise(Some(&key), address(9)).await;
    assert!(matches!(recognised, Ok(Caller::Key(_))));
    assert_eq!(listed().await.last_used_at, noted);
}

#[tokio::test]
async fn a_use_by_a_clock_that_was_ahead_is_replaced() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let account = stage.last_account().await;
    let now = stage.clock_now();
    for is_stored in [false, true] {
        stage.clock.set(now + secs(365 * 24 * 3600));
        stage.caller(&key).await;
        if is_stored {
            stage.keys.store_uses().await.unwrap();
        }
        stage.clock.set(now);
        stage.caller(&key).await;
        let keys = stage.keys.list(&Caller::ADMIN, account, None, 9).await;
        assert_eq!(keys.unwrap().items[0].last_used_at, Some(now));
    }
}

#[tokio::test]
async fn keys_of_others_do_not_exist() {
    let stage = Stage::new().await;
    let (_, alice) = stage.linked().await;
    let alice_s = stage.last_account().await;
    let bob = ScriptedProvider::person("bob");
    stage.provider.answer_identify(Ok(bob));
    let (_, bob) = stage.linked().await;
    let (alice, bob) = (stage.caller(&alice).await, stage.caller(&bob).await);
    let keys = stage.keys.list(&alice, alice_s, None, 9).await.unwrap();
    let foreign = stage.keys.list(&bob, alice_s, None, 9).await;
    assert!(matches!(foreign, Err(Refusal::NotFound(_))));
    let bob_s = stage.last_account().await;
    let id = keys.items[0].id;
    let deleted = stage
        .keys
        .delete(&bob, bob_s, id, Descendants::Kept, HOME)
        .await;
    assert!(matches!(deleted, Err(Refusal::NotFound(_))));
}
