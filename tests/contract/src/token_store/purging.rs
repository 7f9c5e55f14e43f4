//! Deleting ended links.

use central_oauth_domain::link::Ending;
use central_oauth_domain::ports::TokenStore;

use super::Fixture;
use super::samples::*;

async fn ended(store: &dyn TokenStore, n: u8, when: u64) {
    let link = pending(store, n).await;
    let ended = store.end_link(&link, Ending::Expired, None, at(when));
    ended.await.unwrap();
}

async fn is_kept(store: &dyn TokenStore, n: u8) -> bool {
    store.find_link(&code(n)).await.unwrap().is_some()
}

pub(super) async fn ended_links_go(fixture: &dyn Fixture) {
    let store = fixture.store();
    ended(&*store, 1, 10).await;
    ended(&*store, 2, 20).await;
    linked(&*store, 3, grant("ada", "one"), 15).await;
    pending(&*store, 4).await;
    assert_eq!(store.purge_links(at(10), at(10), 10).await.unwrap(), 0);
    assert_eq!(store.purge_links(at(20), at(20), 10).await.unwrap(), 2);
    for (n, kept) in [(1, false), (2, true), (3, false), (4, true)] {
        assert_eq!(is_kept(&*store, n).await, kept, "link {n}");
    }
    assert_eq!(store.purge_links(at(20), at(20), 10).await.unwrap(), 0);
    // A deleted code may be used again.
    pending(&*store, 1).await;
}

pub(super) async fn with_their_inert_keys(fixture: &dyn Fixture) {
    let store = fixture.store();
    ended(&*store, 1, 10).await;
    let account = linked(&*store, 2, grant("ada", "one"), 10).await;
    assert_eq!(store.purge_links(at(11), at(11), 10).await.unwrap(), 2);
    assert_eq!(store.find_key(&key(1)).await.unwrap(), None);
    let holder = store.find_key(&key(2)).await.unwrap().unwrap();
    assert_eq!(holder.binding.account(), Some(account.id));
    assert!(store.tokens(account.id).await.unwrap().is_some());
}

pub(super) async fn time_ends_links_too(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    authorizing(&*store, 2, 5).await;
    assert_eq!(store.purge_links(at(600), at(600), 10).await.unwrap(), 0);
    assert_eq!(store.purge_links(at(601), at(601), 10).await.unwrap(), 2);
    assert_eq!(store.find_key(&key(1)).await.unwrap(), None);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
}

pub(super) async fn leased_and_redeemed_links_stay(fixture: &dyn Fixture) {
    let store = fixture.store();
    redeemed(&*store, 1).await;
    authorizing(&*store, 2, 5).await;
    claim_one(&*store, 5, 9000).await;
    assert_eq!(store.purge_links(at(9000), at(9000), 10).await.unwrap(), 0);
    assert_eq!(store.purge_links(at(9001), at(9001), 10).await.unwrap(), 1);
    assert!(is_kept(&*store, 1).await);
}

pub(super) async fn no_more_than_asked_for(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=5 {
        ended(&*store, n, 10).await;
    }
    assert_eq!(store.purge_links(at(20), at(20), 0).await.unwrap(), 0);
    for gone in [2, 2, 1, 0] {
        assert_eq!(store.purge_links(at(20), at(20), 2).await.unwrap(), gone);
    }
}

pub(super) async fn what_led_to_no_account_goes_sooner(fixture: &dyn Fixture) {
    let store = fixture.store();
    ended(&*store, 1, 10).await;
    ended(&*store, 2, 300).await;
    linked(&*store, 3, grant("ada", "one"), 10).await;
    pending(&*store, 4).await;
    redeemed(&*store, 5).await;
    for (now, left_over) in [(10, 0), (11, 1), (301, 2), (600, 2), (601, 3)] {
        let counted = store.count_left_over(at(now)).await.unwrap();
        assert_eq!(counted, left_over, "at {now}");
    }
    assert_eq!(store.purge_links(at(5), at(200), 10).await.unwrap(), 1);
    assert_eq!(store.purge_links(at(5), at(601), 10).await.unwrap(), 2);
    for (n, kept) in [(1, false), (2, false), (3, true), (4, false), (5, true)] {
        assert_eq!(is_kept(&*store, n).await, kept, "link {n}");
    }
}
