//! When a grant ends and cannot be extended.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountId, NewGrant, RefreshedTokens};
use central_oauth_domain::ports::TokenStore;

use super::Fixture;
use super::samples::*;

/// Returns when the grant ends. The account and the row of tokens must agree.
async fn ends(store: &dyn TokenStore, id: AccountId) -> Option<Timestamp> {
    let account = store.account(id).await.unwrap().unwrap();
    let stored = store.tokens(id).await.unwrap().unwrap().account;
    assert_eq!(account, stored);
    account.grant_expires_at
}

async fn refresh(store: &dyn TokenStore, id: AccountId, tokens: RefreshedTokens) {
    let generation = stored(store, id).await.generation;
    record(store, id, generation, tokens).await;
}

fn new_grant(which: &str, ends_at: Option<Timestamp>) -> NewGrant {
    NewGrant {
        grant_expires_at: ends_at,
        ..grant("ada", which)
    }
}

pub(super) async fn no_refresh_moves_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    assert_eq!(ends(&*store, id).await, Some(at(180_000)));
    for which in ["two", "three"] {
        refresh(&*store, id, fresh(which)).await;
        assert_eq!(ends(&*store, id).await, Some(at(180_000)));
    }
    require_relink(&*store, id).await;
    assert_eq!(ends(&*store, id).await, Some(at(180_000)));
}

pub(super) async fn a_consent_brings_its_own(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    for (n, end) in [(2, Some(at(270_000))), (3, None), (4, Some(at(360_000)))] {
        linked(&*store, n, new_grant(&n.to_string(), end), n.into()).await;
        assert_eq!(ends(&*store, id).await, end);
    }
    // The refresh token of an ended grant cannot be used, and its expiry does not count.
    require_relink(&*store, id).await;
    let last = NewGrant {
        refresh_token: None,
        ..new_grant("five", Some(at(450_000)))
    };
    linked(&*store, 5, last, 50).await;
    assert_eq!(ends(&*store, id).await, Some(at(450_000)));
}

pub(super) async fn it_stays_with_a_refresh_token_that_stays(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let silent = NewGrant {
        refresh_token: None,
        ..new_grant("two", Some(at(270_000)))
    };
    linked(&*store, 2, silent, 20).await;
    assert_eq!(ends(&*store, id).await, Some(at(180_000)));
}
