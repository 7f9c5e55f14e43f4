//! Ends of grants, and which of them were announced.

use std::ops::Range;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::Actor;
use central_oauth_domain::clock_step::MAX_CLOCK_DIFFERENCE;
use central_oauth_domain::grant::{Account, AccountId, AccountStatus, NewGrant};
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::testing::audit_draft;

use super::Fixture;
use super::audit::{chain_all, entry, log};
use super::samples::*;

const DAY: u64 = 86_400;

/// Returns the week that begins at second 30.
fn week() -> Range<Timestamp> {
    at(30)..at(30 + 7 * DAY)
}

async fn unannounced(store: &dyn TokenStore) -> Vec<AccountId> {
    let found = store.unannounced_ends(week(), 10).await.unwrap();
    found.iter().map(|account| account.id).collect()
}

async fn announce(store: &dyn TokenStore, account: &Account, n: u64) -> bool {
    let end = account.known_end().unwrap();
    store.announce_end(account.id, end, entry(n)).await.unwrap()
}

pub(super) async fn one_is_announced_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    assert_eq!(unannounced(&*store).await, [ada.id, bob.id]);
    assert_eq!(store.unannounced_ends(week(), 1).await.unwrap().len(), 1);
    let before = log(&*store).await.len();
    assert!(announce(&*store, &ada, 1).await);
    assert!(!announce(&*store, &ada, 2).await);
    // A provider that states a remaining lifetime yields an end that moves a little. It is still the same end.
    let moved = ada.known_end().unwrap() + Duration::from_millis(700);
    let again = store.announce_end(ada.id, moved, entry(3));
    assert!(!again.await.unwrap());
    assert_eq!(unannounced(&*store).await, [bob.id]);
    chain_all(&*store).await;
    assert_eq!(log(&*store).await.len(), before + 1);
}

pub(super) async fn another_end_is_announced_again(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    assert!(announce(&*store, &ada, 1).await);
    let later = NewGrant {
        grant_expires_at: Some(at(270_000)),
        ..grant("ada", "two")
    };
    let again = linked(&*store, 2, later, 20).await;
    assert_eq!(unannounced(&*store).await, [ada.id]);
    assert!(announce(&*store, &again, 2).await);
    assert!(unannounced(&*store).await.is_empty());
}

pub(super) async fn an_end_that_moves_a_little_is_the_same(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    assert!(announce(&*store, &ada, 1).await);
    let moved = NewGrant {
        grant_expires_at: Some(at(180_001)),
        ..grant("ada", "two")
    };
    linked(&*store, 2, moved, 20).await;
    assert!(unannounced(&*store).await.is_empty());
}

pub(super) async fn each_kind_of_end_counts(fixture: &dyn Fixture) {
    let store = fixture.store();
    let last_token = NewGrant {
        grant_expires_at: None,
        refresh_token: None,
        next_refresh_at: None,
        ..grant("ada", "one")
    };
    let ada = linked(&*store, 1, last_token, 10).await;
    let without = NewGrant {
        grant_expires_at: None,
        ..grant("bob", "one")
    };
    linked(&*store, 2, without, 10).await;
    assert_eq!(unannounced(&*store).await, [ada.id]);
    let far = NewGrant {
        grant_expires_at: Some(at(30 + 8 * DAY)),
        ..grant("eve", "one")
    };
    linked(&*store, 3, far, 10).await;
    assert_eq!(unannounced(&*store).await, [ada.id]);
}

pub(super) async fn what_is_given_up_or_gone_is_not_announced(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    require_relink(&*store, ada.id).await;
    assert!(unannounced(&*store).await.is_empty());
    let gone = AccountId(ada.id.0 + 1000);
    let announced = store.announce_end(gone, at(40), entry(1));
    assert!(!announced.await.unwrap());
}

pub(super) async fn an_expired_one_is_given_up_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let last = NewGrant {
        refresh_token: None,
        ..grant("ada", "one")
    };
    let ada = linked(&*store, 1, last, 10).await;
    linked(&*store, 2, grant("bob", "one"), 10).await;
    let end = ada.access_token_expires_at.unwrap();
    let expired = async |now| store.expired_accounts(now, 10).await.unwrap();
    let expire = async |now| {
        let draft = audit_draft(Actor::Service, now);
        store.expire_account(ada.id, now, draft).await.unwrap()
    };
    let before = at(20);
    assert!(expired(before).await.is_empty());
    assert_eq!(expire(before).await, None);
    assert_eq!(expired(end).await, [ada.id]);
    assert_eq!(expire(end).await, Some(AccountStatus::RelinkRequired));
    assert_eq!(expire(end).await, None);
    assert!(expired(end).await.is_empty());
    let stored = store.account(ada.id).await.unwrap().unwrap();
    assert_eq!(stored.status, AccountStatus::RelinkRequired);
    assert_eq!(recorded(&*store, "refresh.relink_required").await, 1);
    // The clock was ahead, by more than the clocks of two replicas may differ, so the account becomes active again.
    let latest = end - MAX_CLOCK_DIFFERENCE;
    assert!(expired(latest).await.is_empty());
    assert_eq!(expire(latest).await, None);
    assert_eq!(expired(before).await, [ada.id]);
    assert_eq!(expire(before).await, Some(AccountStatus::Active));
    assert!(expired(before).await.is_empty());
    assert_eq!(store.account(ada.id).await.unwrap(), Some(ada));
    assert_eq!(recorded(&*store, "refresh.recovered").await, 1);
}

async fn recorded(store: &dyn TokenStore, kind: &str) -> usize {
    chain_all(store).await;
    let entries = log(store).await.into_iter();
    entries.filter(|entry| entry.content.kind == kind).count()
}
