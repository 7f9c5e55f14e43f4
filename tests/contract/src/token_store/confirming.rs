//! Links that wait for their return code.

use central_oauth_domain::grant::{AccountKey, KeyBinding, ProviderName};
use central_oauth_domain::link::{
    HeldGrant, Link, LinkState, LinkStatus, Owner, PollSchedule, ReturnCode,
};
use central_oauth_domain::ports::{NewLink, StoreError, TokenStore};
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

pub(super) fn owner() -> Owner {
    Owner {
        key: AccountKey {
            provider: ProviderName::new("github"),
            account_id: "ada".to_owned(),
        },
        identified: true,
        display_name: "Ada 🌙".to_owned(),
    }
}

/// Stores link number `n` and its tokens, which are held since second 10.
async fn held(store: &dyn TokenStore, n: u8) -> Link {
    let link = NewLink {
        return_code: true,
        ..new_link(n)
    };
    let link = keep(store, link).await;
    assert_eq!(link.return_code_tries, Some(ReturnCode::TRIES));
    begin(store, &link, 5).await;
    let link = claim_one(store, 5, 65).await;
    let redeemed = store.store_redeemed(&link, sealed_grant(), poll(6), at(700));
    let redeemed = redeemed.await.unwrap();
    store
        .hold_grant(&redeemed, owner(), key(77), at(10))
        .await
        .unwrap()
}

pub(super) async fn holds_the_tokens_and_their_owner(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = held(&*store, 1).await;
    let held = HeldGrant {
        grant: sealed_grant(),
        owner: owner(),
        owner_mac: Some(key(77)),
    };
    assert_eq!(link.state, LinkState::Confirming(held));
    assert_eq!(link.expires_at, at(190));
    assert_eq!(link.poll, Some(PollSchedule::at_once(at(190))));
    assert_eq!(link.lease_until, None);
    assert_eq!(found(&*store, 1).await, link);
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    assert_eq!(holder.binding, KeyBinding::Link(Box::new(link)));
    // An expired link keeps its tokens until it is ended.
    assert_eq!(
        store.purge_links(at(9_000), at(9_000), 10).await.unwrap(),
        0
    );
    let due = claim_one(&*store, 190, 200).await;
    assert!(matches!(due.status(at(190)), LinkStatus::Failed(_)));
}

pub(super) async fn only_tokens_of_a_link_with_a_return_code_are_held(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = redeemed(&*store, 1).await;
    assert_conflict(store.hold_grant(&link, owner(), key(77), at(10)).await);
    let pending = pending(&*store, 2).await;
    assert_conflict(store.hold_grant(&pending, owner(), key(77), at(10)).await);
    assert_conflict(store.count_wrong_return_code(&pending, at(10)).await);
}

pub(super) async fn is_completed_in_time(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = held(&*store, 1).await;
    assert_conflict(complete(&*store, &link, grant("ada", "one"), 190).await);
    let account = complete(&*store, &link, grant("ada", "one"), 189).await;
    let (account, at) = (account.unwrap().id, at(189));
    assert_closed(&found(&*store, 1).await, &LinkState::Linked { account, at });
}

pub(super) async fn the_person_s_tokens_are_held_until_the_deadline(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = owner().key;
    let until = async |person: &AccountKey, now| {
        let until = store.tokens_held_until(person, at(now)).await;
        until.unwrap()
    };
    redeemed(&*store, 1).await;
    assert_eq!(until(&ada, 10).await, None);
    let link = held(&*store, 2).await;
    assert_eq!(until(&ada, 189).await, Some(at(190)));
    assert_eq!(until(&ada, 190).await, None);
    let bob = AccountKey {
        account_id: "bob".to_owned(),
        ..ada.clone()
    };
    assert_eq!(until(&bob, 11).await, None);
    let elsewhere = AccountKey {
        provider: ProviderName::new("gitlab"),
        ..ada.clone()
    };
    assert_eq!(until(&elsewhere, 11).await, None);
    complete(&*store, &link, grant("ada", "one"), 12)
        .await
        .unwrap();
    assert_eq!(until(&ada, 13).await, None);
}

pub(super) async fn wrong_codes_at_once_are_all_counted(fixture: &dyn Fixture) {
    let store = fixture.store();
    held(&*store, 1).await;
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = fixture.store();
        tasks.spawn(async move {
            let link = found(&*store, 1).await;
            store.count_wrong_return_code(&link, at(11)).await
        });
    }
    let counted = tasks.join_all().await;
    let (counted, refused): (Vec<_>, Vec<_>) = counted.into_iter().partition(Result::is_ok);
    assert!(
        refused
            .iter()
            .all(|answer| matches!(answer, Err(StoreError::Conflict)))
    );
    let link = found(&*store, 1).await;
    let left = ReturnCode::TRIES - u32::try_from(counted.len()).unwrap();
    assert_eq!(link.return_code_tries, Some(left));
    assert!((1..3).contains(&left), "{left}");
}
