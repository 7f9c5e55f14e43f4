//! Callbacks of providers.

use central_oauth_domain::link::{Ending, Link, LinkState, SealedConsent, SealedPrompt};
use central_oauth_domain::ports::{OwnerKind, SecretKind, StoreError, TokenStore};
use central_oauth_domain::secret::SealId;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

/// Returns a consent for which the person visits an address at the provider.
fn visit() -> SealedConsent {
    SealedConsent {
        prompt: SealedPrompt::Visit { uri: sealed("uri") },
        ..consent()
    }
}

/// Starts link number `n` at a provider with a redirect flow: until the callback there is nothing to poll.
async fn visiting(store: &dyn TokenStore, n: u8) -> Link {
    let link = pending(store, n).await;
    let begun = store.begin_consent(&link, visit(), None, link.expires_at, at(0));
    begun.await.unwrap()
}

/// Stores a callback; the request is due at second 20.
async fn keep(store: &dyn TokenStore, link: &Link, callback: &str) -> Result<Link, StoreError> {
    let kept = store.store_callback(link, sealed(callback), answer(1), poll(20));
    kept.await
}

/// Starts link number `n`, and stores its callback.
async fn returned(store: &dyn TokenStore, n: u8) -> Link {
    let link = visiting(store, n).await;
    keep(store, &link, "callback").await.unwrap()
}

fn with(callback: &str) -> LinkState {
    LinkState::Authorizing(SealedConsent {
        callback: Some(sealed(callback)),
        ..visit()
    })
}

/// Returns whether a link that has not ended holds a callback.
async fn any_held(store: &dyn TokenStore) -> bool {
    // No value is sealed with this key, so all rows are returned.
    let unused = SealId([0xff; SealId::LENGTH]);
    let rows = store.rows_sealed_otherwise(OwnerKind::Link, unused, 0, u64::MAX);
    let rows = rows.await.unwrap();
    let mut values = rows.iter().flatten().flat_map(|row| &row.values);
    values.any(|value| value.kind == SecretKind::Callback)
}

pub(super) async fn one_is_kept_and_plans_the_question(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = visiting(&*store, 1).await;
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
    let kept = keep(&*store, &link, "callback").await.unwrap();
    let expected = Link {
        version: kept.version,
        callback: Some(answer(1)),
        poll: Some(poll(20)),
        state: with("callback"),
        ..link.clone()
    };
    assert_eq!(kept, expected);
    assert!(kept.version > link.version);
    assert_eq!(found(&*store, 1).await, kept);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(20)));
    let early = store.claim_due_polls(at(19), at(60), 10, &[]).await;
    assert_eq!(early.unwrap(), []);
    assert_eq!(claim_one(&*store, 20, 60).await.state, kept.state);
}

pub(super) async fn the_question_waits_for_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5, 60).await;
    let kept = keep(&*store, &claimed, "callback").await.unwrap();
    assert_eq!(kept.lease_until, Some(at(60)));
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(60)));
    // A holder of the old version can no longer change the link.
    let asked = store.postpone_poll(&claimed, poll(30));
    assert_conflict(asked.await);
    assert_eq!(found(&*store, 1).await, kept);
}

pub(super) async fn putting_off_the_question_keeps_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    returned(&*store, 1).await;
    let claimed = claim_one(&*store, 20, 60).await;
    let postponed = store.postpone_poll(&claimed, poll(30));
    postponed.await.unwrap();
    assert_eq!(claim_one(&*store, 30, 60).await.state, with("callback"));
}

pub(super) async fn only_the_first_is_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let kept = returned(&*store, 1).await;
    assert_conflict(keep(&*store, &kept, "another").await);
    assert_conflict(keep(&*store, &kept, "callback").await);
    assert_eq!(found(&*store, 1).await, kept);
}

pub(super) async fn the_hash_of_the_answer_outlives_the_answer(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(visiting(&*store, 1).await.callback, None);
    let ended = returned(&*store, 2).await;
    let ended = store.end_link(&ended, Ending::Expired, None, at(20));
    ended.await.unwrap();
    returned(&*store, 3).await;
    let link = claim_one(&*store, 20, 60).await;
    let redeemed = store.store_redeemed(&link, sealed_grant(), poll(21), at(900));
    let redeemed = redeemed.await.unwrap();
    assert_eq!(redeemed.callback, Some(answer(1)));
    let linked = complete(&*store, &redeemed, grant("ada", "one"), 22);
    linked.await.unwrap();
    for n in [2, 3] {
        assert_eq!(found(&*store, n).await.callback, Some(answer(1)));
    }
    assert!(!any_held(&*store).await);
}

pub(super) async fn of_many_at_once_one_is_kept(fixture: &dyn Fixture) {
    let link = visiting(&*fixture.store(), 1).await;
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let (store, link) = (fixture.store(), link.clone());
        tasks.spawn(async move { keep(&*store, &link, &format!("callback {n}")).await });
    }
    let outcomes = tasks.join_all().await.into_iter();
    let (kept, refused): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
    refused.into_iter().for_each(assert_conflict);
    let [kept] = <[_; 1]>::try_from(kept).unwrap();
    assert_eq!(found(&*fixture.store(), 1).await, kept.unwrap());
}

pub(super) async fn only_at_the_present_version(fixture: &dyn Fixture) {
    let store = fixture.store();
    let seen = authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5, 60).await;
    let ahead = Link {
        version: claimed.version.next(),
        ..claimed.clone()
    };
    for other in [&seen, &ahead] {
        assert_conflict(keep(&*store, other, "callback").await);
    }
    assert_eq!(found(&*store, 1).await, claimed);
    keep(&*store, &claimed, "callback").await.unwrap();
}

pub(super) async fn only_while_authorizing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let unknown = Link {
        id: unknown(&*store, 9).await.id,
        ..visiting(&*store, 1).await
    };
    assert_conflict(keep(&*store, &unknown, "callback").await);
    pending(&*store, 2).await;
    redeemed(&*store, 3).await;
    linked(&*store, 4, grant("ada", "one"), 10).await;
    let link = visiting(&*store, 5).await;
    let ended = store.end_link(&link, Ending::Denied(None), None, at(20));
    ended.await.unwrap();
    for n in 2..=5 {
        let link = found(&*store, n).await;
        assert_conflict(keep(&*store, &link, "callback").await);
        assert_eq!(found(&*store, n).await, link);
    }
}

pub(super) async fn redeemed_links_hold_none(fixture: &dyn Fixture) {
    let store = fixture.store();
    returned(&*store, 1).await;
    assert!(any_held(&*store).await);
    let link = claim_one(&*store, 20, 60).await;
    let kept = store.store_redeemed(&link, sealed_grant(), poll(21), at(900));
    let kept = kept.await.unwrap();
    assert_eq!(kept.state, LinkState::Redeemed(sealed_grant()));
    assert!(!any_held(&*store).await);
}

pub(super) async fn ended_links_hold_none(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = returned(&*store, 1).await;
    let account = complete(&*store, &link, grant("ada", "one"), 21);
    let account = account.await.unwrap().id;
    let linked = LinkState::Linked {
        account,
        at: at(21),
    };
    assert_closed(&found(&*store, 1).await, &linked);
    let endings = [Ending::Denied(None), Ending::Expired];
    for (n, ending) in (2..).zip(endings) {
        let link = returned(&*store, n).await;
        let ended = store.end_link(&link, ending.clone(), None, at(21));
        ended.await.unwrap();
        let over = LinkState::Ended { ending, at: at(21) };
        assert_closed(&found(&*store, n).await, &over);
    }
    assert!(!any_held(&*store).await);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
}
