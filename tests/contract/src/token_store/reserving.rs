//! Assigning links to browsers.

use central_oauth_domain::link::{Confirmation, ConsentLimit, Ending};
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

pub(super) async fn one_browser_has_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let mine = reserve(&*store, &link, 1, at(1)).await.unwrap();
    assert!(mine.belongs_to(&browser(1)));
    assert!(mine.version > link.version);
    assert_eq!(found(&*store, 1).await, mine);
    // The same person may come back any number of times; everything that they have started stays valid.
    let again = reserve(&*store, &mine, 1, at(2)).await;
    assert_eq!(again.unwrap(), mine);
    for read in [&link, &mine] {
        assert_conflict(reserve(&*store, read, 2, at(2)).await);
    }
    assert_eq!(found(&*store, 1).await, mine);
}

pub(super) async fn it_is_there_to_be_had(fixture: &dyn Fixture) {
    let store = fixture.store();
    let unknown = unknown(&*store, 9).await;
    assert_conflict(reserve(&*store, &unknown, 1, at(1)).await);
    let link = pending(&*store, 1).await;
    assert_conflict(reserve(&*store, &link, 1, at(600)).await);
    let mine = reserve(&*store, &link, 1, at(599)).await.unwrap();
    assert_conflict(reserve(&*store, &mine, 1, at(600)).await);
    let begun = begin(&*store, &mine, 5).await;
    assert!(begun.belongs_to(&browser(1)));
    for read in [&link, &mine, &begun] {
        assert_conflict(reserve(&*store, read, 2, at(1)).await);
    }
}

pub(super) async fn of_two_browsers_one_gets_it(fixture: &dyn Fixture) {
    let link = pending(&*fixture.store(), 1).await;
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let (store, link) = (fixture.store(), link.clone());
        tasks.spawn(async move { reserve(&*store, &link, n, at(1)).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(assert_conflict);
}

pub(super) async fn a_network_has_so_many_consents_under_way(fixture: &dyn Fixture) {
    let store = fixture.store();
    let most = ConsentLimit::PER_NETWORK as u8;
    for n in 1..=most {
        let link = pending(&*store, n).await;
        reserve(&*store, &link, n, at(1)).await.unwrap();
    }
    let link = pending(&*store, 100).await;
    let from = |n| Confirmation {
        browser: browser(n),
        network: network(n),
    };
    let refused = store.reserve_link(&link, &from(1), at(2)).await.unwrap();
    assert!(refused.is_err());
    assert_eq!(found(&*store, 100).await, link);
    // A browser that has a link can continue.
    let first = found(&*store, 1).await;
    assert_eq!(reserve(&*store, &first, 1, at(2)).await.unwrap(), first);
    // An ended link frees its place.
    let ended = store.end_link(&first, Ending::Denied(None), None, at(3));
    ended.await.unwrap();
    let borne = store.reserve_link(&link, &from(1), at(3)).await.unwrap();
    assert_eq!(borne.unwrap().confirmed_from, Some(network(1)));
    let other = pending(&*store, 101).await;
    let borne = store.reserve_link(&other, &from(2), at(3)).await.unwrap();
    assert!(borne.is_ok());
}
