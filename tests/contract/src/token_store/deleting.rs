//! Deleting accounts.

use std::time::Duration;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::revocation::{NewRevocation, RevocationStatus};
use central_oauth_domain::grant::{AccountId, Lease, LeaseVersion, StoredTokens};
use central_oauth_domain::link::Ending;
use central_oauth_domain::ports::{RecordedRefresh, StoreError, TokenStore};
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

/// Returns the revocation of an account that is deleted at second 10, leased until second 40.
fn left_by(seen: &StoredTokens, n: u8) -> NewRevocation {
    NewRevocation {
        account: Some(seen.account.id),
        lease_until: Some(at(40)),
        ..new_revocation(n, Some(&seen.account.key.account_id))
    }
}

async fn delete(store: &dyn TokenStore, account: AccountId) {
    let seen = stored(store, account).await;
    let deleted = store
        .delete_account(&seen, left_by(&seen, 9), draft(Actor::ADMIN))
        .await;
    deleted.unwrap();
}

pub(super) async fn takes_keys_and_links_along(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("ada", "two"), 10).await;
    let bob = linked(&*store, 3, grant("bob", "one"), 10).await.id;
    let hers = found(&*store, 1).await.key;
    keep(&*store, new_relink(4, hers, ada.id)).await;
    let created = store.create_key(new_key(5, ada.id), PLENTY, macs(), draft(Actor::ADMIN));
    let reader = created.await;
    reader.unwrap();
    let bobs = stored(&*store, bob).await;

    delete(&*store, ada.id).await;
    assert_eq!(store.account(ada.id).await.unwrap(), None);
    assert_eq!(store.tokens(ada.id).await.unwrap(), None);
    assert_eq!(
        store.account(bob).await.unwrap().as_ref(),
        Some(&bobs.account)
    );
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);
    for n in [1, 2, 4, 5] {
        assert_eq!(store.find_link(&code(n)).await.unwrap(), None, "link {n}");
        assert_eq!(store.find_key(&key(n)).await.unwrap(), None, "key {n}");
    }
    assert_eq!(stored(&*store, bob).await, bobs);
    assert!(store.find_key(&key(3)).await.unwrap().is_some());
    let due = store.claim_due_refreshes(at(9000), Duration::ZERO, at(9001), 10, &[]);
    assert_eq!(due.await.unwrap().len(), 1);
}

pub(super) async fn leaves_a_leased_revocation(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let seen = stored(&*store, ada.id).await;
    let new = left_by(&seen, 1);
    let lease = store
        .delete_account(&seen, new.clone(), draft(Actor::ADMIN))
        .await
        .unwrap();
    assert_eq!(
        (lease.reference, &lease.tokens),
        (new.reference, &new.tokens)
    );
    assert_eq!((&lease.origin, lease.requested_at), (&new.origin, at(8)));
    let revocation = &lease.revocation;
    assert_eq!(revocation.provider, new.provider);
    assert_eq!(revocation.person.as_deref(), Some("ada"));
    assert_eq!(revocation.account, Some(ada.id));
    assert_eq!(revocation.status, RevocationStatus::Pending);
    assert_eq!((revocation.created_at, revocation.ended_at), (at(10), None));
    assert_eq!((revocation.failures, &revocation.last_error), (0, &None));
    let until = Some(at(40));
    assert_eq!(
        revocation.lease,
        Lease {
            version: LeaseVersion(1),
            until
        }
    );
    let kept = store.revocation(revocation.id).await.unwrap();
    assert_eq!(kept.as_ref(), Some(revocation));
    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), Some(at(40)));
    assert_eq!(claim_revocations(&*store, 39, 60, 10).await, []);
    // The caller that deleted the account has died, so another one claims the revocation when the lease expires.
    let again = claim_revocation(&*store, 40, 60).await;
    assert_eq!(again.tokens, lease.tokens);
    assert!(again.revocation.lease.version > LeaseVersion(1));
}

pub(super) async fn what_has_changed_since_is_a_conflict(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let first = stored(&*store, ada.id).await;
    record(&*store, ada.id, first.generation, fresh("two")).await;
    let second = stored(&*store, ada.id).await;
    let sealed_anew = StoredTokens {
        access_token: sealed("the same under another key"),
        ..second.clone()
    };
    for stale in [first, sealed_anew] {
        let refused = store
            .delete_account(&stale, left_by(&stale, 1), draft(Actor::ADMIN))
            .await;
        assert_conflict(refused);
    }
    assert_eq!(stored(&*store, ada.id).await, second);
    assert!(store.find_key(&key(1)).await.unwrap().is_some());
    assert_eq!(store.revocations(None, 10).await.unwrap(), []);
}

pub(super) async fn a_relink_that_holds_tokens_ends_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let hers = found(&*store, 1).await.key;
    let relink = keep(&*store, new_relink(2, hers, ada.id)).await;
    begin(&*store, &relink, 20).await;
    let relink = claim_one(&*store, 20, 65).await;
    let held = store.store_redeemed(&relink, sealed_grant(), poll(21), at(700));
    let held = held.await.unwrap();
    let seen = stored(&*store, ada.id).await;
    let refused = store
        .delete_account(&seen, left_by(&seen, 1), draft(Actor::ADMIN))
        .await;
    assert_conflict(refused);
    assert_eq!(store.revocations(None, 10).await.unwrap(), []);
    let ended = store.end_link(&held, Ending::Denied(None), None, at(22));
    ended.await.unwrap();
    delete(&*store, ada.id).await;
}

pub(super) async fn a_refresh_under_way_does_not_keep_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let seen = stored(&*store, ada.id).await;
    let claimed = claim_refresh(&*store, ada.id, 19, 34).await;
    let deleted = store
        .delete_account(&seen, left_by(&seen, 1), draft(Actor::ADMIN))
        .await;
    deleted.unwrap();
    let late = store.record_refresh(ada.id, claimed.generation, NO_LEASE, fresh("two"), audit());
    assert_conflict(late.await);
    assert_eq!(store.account(ada.id).await.unwrap(), None);
}

pub(super) async fn an_account_is_deleted_once(fixture: &dyn Fixture) {
    let ada = linked(&*fixture.store(), 1, grant("ada", "one"), 10).await;
    let seen = stored(&*fixture.store(), ada.id).await;
    let mut tasks = JoinSet::new();
    for n in 1..=12 {
        let (store, seen) = (fixture.store(), seen.clone());
        tasks.spawn(async move {
            store
                .delete_account(&seen, left_by(&seen, n), draft(Actor::ADMIN))
                .await
        });
    }
    let (deleted, refused): (Vec<_>, Vec<_>) =
        tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(deleted.len(), 1);
    refused.into_iter().for_each(assert_conflict);
    let kept = fixture.store().revocations(None, 20).await.unwrap();
    assert_eq!(kept.len(), 1);
}

/// Either the new tokens are stored, or they arrive too late and their caller learns that: none is lost.
pub(super) async fn a_refresh_at_the_same_time_loses_no_tokens(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for n in 1..=16 {
        let person = format!("person {n}");
        let id = linked(&*fixture.store(), n, grant(&person, "one"), 10)
            .await
            .id;
        let seen = stored(&*fixture.store(), id).await;
        let (deleter, refresher) = (fixture.store(), fixture.store());
        let (deleting, generation) = (seen.clone(), seen.generation);
        tasks.spawn(async move {
            let deleted = tokio::spawn(async move {
                let revocation = left_by(&deleting, n);
                deleter
                    .delete_account(&deleting, revocation, draft(Actor::ADMIN))
                    .await
            });
            let recorded =
                refresher.record_refresh(id, generation, NO_LEASE, fresh("two"), audit());
            match (deleted.await.unwrap(), recorded.await) {
                (Ok(_), Err(StoreError::Conflict)) => {
                    assert_eq!(refresher.tokens(id).await.unwrap(), None);
                }
                (Err(StoreError::Conflict), Ok(RecordedRefresh::Stored)) => {
                    let now = stored(&*refresher, id).await;
                    assert_eq!(now.access_token, sealed("access two"));
                }
                other => panic!("{other:?}"),
            }
        });
    }
    tasks.join_all().await;
}

pub(super) async fn a_person_who_links_again_has_a_new_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    delete(&*store, ada.id).await;
    let again = linked(&*store, 2, grant("ada", "two"), 20).await;
    assert_ne!(again.id, ada.id);
    assert_eq!(again.created_at, at(20));
    let revocations = store.revocations(None, 10).await.unwrap();
    assert_eq!(revocations[0].status, RevocationStatus::Cancelled);
    assert_eq!(revocations[0].ended_at, Some(at(20)));
}
