//! Tokens of a person who is not identified yet.

use central_oauth_domain::link::{Link, LinkState, SealedGrant};
use central_oauth_domain::ports::{StoreError, TokenStore};

use super::Fixture;
use super::samples::*;

pub(super) async fn keeps_the_tokens_and_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    let bare = SealedGrant {
        refresh_token: None,
        id_token: None,
        scopes: Vec::new(),
        extra: None,
        access_token_expires_at: None,
        access_token_hinted_end: None,
        refresh_token_expires_at: None,
        grant_expires_at: None,
        ..sealed_grant()
    };
    for (n, tokens) in [(1, sealed_grant()), (2, bare)] {
        authorizing(&*store, n, 5).await;
        let link = claim_one(&*store, 5, 60).await;
        let kept = store
            .store_redeemed(&link, tokens.clone(), poll(30), at(900))
            .await
            .unwrap();
        assert_eq!(kept.state, LinkState::Redeemed(tokens));
        assert_eq!(
            (kept.poll, kept.lease_until),
            (Some(poll(30)), Some(at(60)))
        );
        assert_eq!(kept.expires_at, at(900));
        assert!(kept.version > link.version);
        assert_eq!(found(&*store, n).await, kept);
    }
}

pub(super) async fn a_later_deadline_stands(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = authorizing(&*store, 1, 5).await;
    let kept = store.store_redeemed(&link, sealed_grant(), poll(9), at(1));
    assert_eq!(kept.await.unwrap().expires_at, link.expires_at);
}

async fn keep_tokens(store: &dyn TokenStore, link: &Link) -> Result<Link, StoreError> {
    let kept = store.store_redeemed(link, sealed_grant(), poll(9), at(9));
    kept.await
}

pub(super) async fn only_once_and_only_authorizing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let idle = pending(&*store, 1).await;
    assert_conflict(keep_tokens(&*store, &idle).await);
    let link = begin(&*store, &idle, 5).await;
    let kept = keep_tokens(&*store, &link).await.unwrap();
    assert_conflict(keep_tokens(&*store, &link).await);
    assert_conflict(keep_tokens(&*store, &kept).await);
    assert_eq!(found(&*store, 1).await, kept);
}

pub(super) async fn the_next_question_waits_for_schedule_and_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let link = claim_one(&*store, 5, 20).await;
    let kept = store
        .store_redeemed(&link, sealed_grant(), poll(30), at(900))
        .await
        .unwrap();
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(30)));
    assert_eq!(
        store.claim_due_polls(at(29), at(60), 1, &[]).await.unwrap(),
        []
    );
    let claimed = claim_one(&*store, 30, 60).await;
    assert_eq!(claimed.state, kept.state);
    store.postpone_poll(&claimed, poll(40)).await.unwrap();
    assert_eq!(found(&*store, 1).await.state, kept.state);
}

pub(super) async fn a_refresh_replaces_the_tokens(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let link = claim_one(&*store, 5, 20).await;
    assert_conflict(store.store_refreshed(&link, sealed_grant()).await);
    let kept = store.store_redeemed(&link, sealed_grant(), poll(30), at(900));
    let kept = kept.await.unwrap();
    let fresh = SealedGrant {
        access_token: sealed("fresh access"),
        refresh_token: Some(sealed("fresh refresh")),
        requested_at: at(12),
        access_token_expires_at: None,
        ..sealed_grant()
    };
    let renewed = store.store_refreshed(&kept, fresh.clone()).await.unwrap();
    let expected = Link {
        version: kept.version.next(),
        state: LinkState::Redeemed(fresh),
        ..kept.clone()
    };
    assert_eq!(renewed, expected);
    assert_eq!(found(&*store, 1).await, renewed);
    assert_conflict(store.store_refreshed(&kept, sealed_grant()).await);
}
