//! Whose browser a link belongs to.

use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

pub(super) async fn one_browser_has_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let mine = store.reserve_link(&link, browser(1), at(1)).await.unwrap();
    assert!(mine.belongs_to(&browser(1)));
    assert!(mine.version > link.version);
    assert_eq!(found(&*store, 1).await, mine);
    // The same person may come back, as often as they like; whatever they had under way stays valid.
    let again = store.reserve_link(&mine, browser(1), at(2)).await;
    assert_eq!(again.unwrap(), mine);
    for read in [&link, &mine] {
        assert_conflict(store.reserve_link(read, browser(2), at(2)).await);
    }
    assert_eq!(found(&*store, 1).await, mine);
}

pub(super) async fn it_is_there_to_be_had(fixture: &dyn Fixture) {
    let store = fixture.store();
    let unknown = unknown(&*store, 9).await;
    assert_conflict(store.reserve_link(&unknown, browser(1), at(1)).await);
    let link = pending(&*store, 1).await;
    assert_conflict(store.reserve_link(&link, browser(1), at(600)).await);
    let mine = store
        .reserve_link(&link, browser(1), at(599))
        .await
        .unwrap();
    assert_conflict(store.reserve_link(&mine, browser(1), at(600)).await);
    let begun = begin(&*store, &mine, 5).await;
    assert!(begun.belongs_to(&browser(1)));
    for read in [&link, &mine, &begun] {
        assert_conflict(store.reserve_link(read, browser(2), at(1)).await);
    }
}

pub(super) async fn of_two_browsers_one_gets_it(fixture: &dyn Fixture) {
    let link = pending(&*fixture.store(), 1).await;
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let (store, link) = (fixture.store(), link.clone());
        tasks.spawn(async move { store.reserve_link(&link, browser(n), at(1)).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(assert_conflict);
}
