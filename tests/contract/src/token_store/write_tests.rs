//! Write tests.

use std::time::Duration;

use central_oauth_domain::ports::TokenStore;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

pub(super) async fn a_store_that_works_passes(fixture: &dyn Fixture) {
    let store = fixture.store();
    for within in [None, MINUTE, Some(Duration::ZERO), None] {
        store.test_write(within).await.unwrap();
    }
}

pub(super) async fn a_test_leaves_an_empty_store_empty(fixture: &dyn Fixture) {
    let store = fixture.store();
    store.test_write(Some(Duration::ZERO)).await.unwrap();
    // A store with rows refuses a new hash key, so the test has left no row.
    let key = sealed("first");
    assert_eq!(store.init_hash_key(key.clone()).await.unwrap(), key);
}

pub(super) async fn many_test_at_once(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = fixture.store();
        tasks.spawn(async move { store.test_write(Some(Duration::ZERO)).await });
    }
    for tested in tasks.join_all().await {
        tested.unwrap();
    }
    let store: &dyn TokenStore = &*fixture.store();
    store.test_write(MINUTE).await.unwrap();
}
