//! Links that end without an account.

use central_oauth_domain::Fault;
use central_oauth_domain::grant::KeyBinding;
use central_oauth_domain::grant::revocation::NewRevocation;
use central_oauth_domain::link::{Ending, Link, LinkState};
use central_oauth_domain::ports::{StoreError, TokenStore};

use super::Fixture;
use super::samples::*;

pub(super) async fn every_ending_is_remembered(fixture: &dyn Fixture) {
    let store = fixture.store();
    let links = [
        pending(&*store, 1).await,
        redeemed(&*store, 2).await,
        authorizing(&*store, 3, 5).await,
        authorizing(&*store, 4, 5).await,
    ];
    let why = Fault::new("access_denied", "not assigned to the client");
    let failed = Ending::Failed(Fault::new("account_mismatch", "somebody else consented"));
    for (n, ending) in (1..).zip([
        Ending::Denied(None),
        Ending::Expired,
        failed,
        Ending::Denied(Some(why)),
    ]) {
        let link = &links[usize::from(n) - 1];
        let ended = store.end_link(link, ending.clone(), None, at(20));
        ended.await.unwrap();
        let after = found(&*store, n).await;
        assert_closed(&after, &LinkState::Ended { ending, at: at(20) });
        assert!(after.version > link.version);
        assert_eq!(after.requester, link.requester);
        let holder = store.find_key(&key(n)).await.unwrap().unwrap();
        assert_eq!(holder.binding, KeyBinding::Link(Box::new(after)));
    }
}

async fn end(
    store: &dyn TokenStore,
    link: &Link,
    stray: Option<NewRevocation>,
) -> Result<(), StoreError> {
    let ended = store.end_link(link, Ending::Denied(None), stray, at(30));
    ended.await
}

pub(super) async fn nothing_follows_the_end(fixture: &dyn Fixture) {
    let store = fixture.store();
    let unknown = unknown(&*store, 9).await;
    assert_conflict(end(&*store, &unknown, None).await);
    let stale = pending(&*store, 1).await;
    let link = begin(&*store, &stale, 5).await;
    assert_conflict(end(&*store, &stale, None).await);
    end(&*store, &link, None).await.unwrap();
    let ended = found(&*store, 1).await;
    assert_conflict(end(&*store, &ended, None).await);
    assert_conflict(complete(&*store, &ended, grant("ada", "one"), 31).await);
    assert_conflict(store.postpone_poll(&ended, poll(40)).await);
    for read in [&stale, &link, &ended] {
        assert_conflict(reserve(&*store, read, 1, at(31)).await);
    }
    assert_eq!(found(&*store, 1).await, ended);

    linked(&*store, 2, grant("ada", "one"), 10).await;
    let done = found(&*store, 2).await;
    assert_conflict(end(&*store, &done, None).await);
    assert_eq!(found(&*store, 2).await, done);
}

pub(super) async fn nothing_is_asked_afterwards(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let link = claim_one(&*store, 5, 20).await;
    let ended = store.end_link(&link, Ending::Denied(None), None, at(6));
    ended.await.unwrap();
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
    let claimed = store.claim_due_polls(at(9999), at(9999), 10, &[]).await;
    assert_eq!(claimed.unwrap(), []);
}

pub(super) async fn tokens_that_it_held_are_to_be_revoked(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = redeemed(&*store, 1).await;
    let ahead = Link {
        version: link.version.next(),
        ..link.clone()
    };
    let stray = new_revocation(1, None);
    assert_conflict(end(&*store, &ahead, Some(stray.clone())).await);
    assert_eq!(store.revocations(None, 10).await.unwrap(), []);
    end(&*store, &link, Some(stray.clone())).await.unwrap();
    assert_eq!(claim_revocation(&*store, 20, 30).await.tokens, stray.tokens);

    linked(&*store, 2, grant("ada", "one"), 21).await;
    let link = authorizing(&*store, 3, 22).await;
    let hers = Some(new_revocation(3, Some("ada")));
    let ended = store.end_link(&link, Ending::Denied(None), hers, at(23));
    ended.await.unwrap();
    let revocations = store.revocations(None, 10).await.unwrap();
    assert_eq!(revocations.len(), 1, "she has a live account");
}
