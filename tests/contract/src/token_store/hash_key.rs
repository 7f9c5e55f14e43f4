//! The sealed hash key.

use central_oauth_domain::ports::StoreError;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::{pending, sealed};

pub(super) async fn answers(fixture: &dyn Fixture) {
    fixture.store().hash_key().await.unwrap();
}

pub(super) async fn the_first_candidate_is_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let (first, second) = (sealed("first"), sealed("second"));
    assert_eq!(store.hash_key().await.unwrap(), None);
    assert_eq!(store.init_hash_key(first.clone()).await.unwrap(), first);
    assert_eq!(store.init_hash_key(second).await.unwrap(), first);
    assert_eq!(store.hash_key().await.unwrap(), Some(first));
}

pub(super) async fn one_of_many_candidates_is_kept(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let store = fixture.store();
        tasks.spawn(async move { store.init_hash_key(sealed(&n.to_string())).await });
    }
    let answers: Result<Vec<_>, _> = tasks.join_all().await.into_iter().collect();
    let kept = fixture.store().hash_key().await.unwrap().unwrap();
    assert!(answers.unwrap().into_iter().all(|answer| answer == kept));
}

/// Rows without a hash key remain after an interrupted copy.
pub(super) async fn a_store_with_rows_gets_no_new_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    let refused = store.init_hash_key(sealed("late")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(store.hash_key().await.unwrap(), None);
}

pub(super) async fn a_store_with_rows_keeps_its_own(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = sealed("first");
    store.init_hash_key(first.clone()).await.unwrap();
    pending(&*store, 1).await;
    let kept = store.init_hash_key(sealed("second")).await.unwrap();
    assert_eq!(kept, first);
}

pub(super) async fn it_is_replaced_if_it_is_still_the_one_that_was_read(fixture: &dyn Fixture) {
    let store = fixture.store();
    let [first, second, third] = ["first", "second", "third"].map(sealed);
    assert!(!store.replace_hash_key(&first, &second).await.unwrap());
    assert_eq!(store.hash_key().await.unwrap(), None);
    store.init_hash_key(first.clone()).await.unwrap();
    assert!(store.replace_hash_key(&first, &second).await.unwrap());
    assert!(!store.replace_hash_key(&first, &third).await.unwrap());
    assert_eq!(store.hash_key().await.unwrap(), Some(second));
}
