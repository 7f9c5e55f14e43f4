//! Leases for polling the provider.

use std::time::Duration;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Confirmation, Ending, Link, PollSchedule};

use super::Fixture;
use super::samples::*;

pub(super) async fn nothing_is_due_at_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
    let claimed = store.claim_due_polls(at(9999), at(9999), 10, &[]).await;
    assert_eq!(claimed.unwrap(), []);
}

pub(super) async fn the_longest_due_comes_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (n, due) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        authorizing(&*store, n, due).await;
    }
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(10)));
    assert_eq!(
        store.claim_due_polls(at(9), at(60), 10, &[]).await.unwrap(),
        []
    );
    assert_eq!(
        store.claim_due_polls(at(30), at(60), 0, &[]).await.unwrap(),
        []
    );
    let codes = |links: Vec<Link>| links.iter().map(|link| link.code).collect::<Vec<_>>();
    let first = store.claim_due_polls(at(30), at(60), 2, &[]).await.unwrap();
    assert_eq!(codes(first), [code(2), code(3)]);
    let second = store.claim_due_polls(at(30), at(60), 2, &[]).await.unwrap();
    assert_eq!(codes(second), [code(1)]);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(40)));
}

pub(super) async fn networks_take_turns(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=8 {
        let link = pending(&*store, n).await;
        let by = Confirmation {
            browser: browser(n),
            network: network(if n > 6 { n } else { 1 }),
        };
        let link = store.reserve_link(&link, &by, at(1)).await.unwrap();
        begin(&*store, &link.unwrap(), 10 + u64::from(n)).await;
    }
    let claim = async || store.claim_due_polls(at(60), at(90), 3, &[]).await.unwrap();
    let codes = |links: Vec<Link>| links.iter().map(|link| link.code).collect::<Vec<_>>();
    assert_eq!(codes(claim().await), [code(1), code(7), code(8)]);
    assert_eq!(codes(claim().await), [code(2), code(3), code(4)]);
}

pub(super) async fn links_at_busy_providers_wait(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = authorizing(&*store, 1, 10).await;
    let busy = [link.provider.clone()];
    assert_eq!(store.next_poll_at(&busy).await.unwrap(), None);
    let claimed = store.claim_due_polls(at(30), at(60), 10, &busy).await;
    assert_eq!(claimed.unwrap(), []);
    let others = [ProviderName::new("another")];
    let claimed = store.claim_due_polls(at(30), at(60), 10, &others).await;
    assert_eq!(claimed.unwrap().len(), 1);
}

pub(super) async fn a_lease_keeps_others_away(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5, 20).await;
    assert_eq!(link.claim(at(5), at(20)), Ok(claimed.clone()));
    assert_eq!(found(&*store, 1).await, claimed);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(20)));
    assert_eq!(
        store
            .claim_due_polls(at(19), at(40), 10, &[])
            .await
            .unwrap(),
        []
    );
    let again = claim_one(&*store, 20, 40).await;
    assert_eq!(claimed.claim(at(20), at(40)), Ok(again.clone()));
    assert_eq!(found(&*store, 1).await, again);
    // The takeover counts as a failure, because the first holder may have lost a response.
    let failures = [claimed, again].map(|link| link.poll.unwrap().failures);
    assert_eq!(failures, [0, 1]);
}

pub(super) async fn a_lapsed_lease_records_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let mine = claim_one(&*store, 5, 20).await;
    let theirs = claim_one(&*store, 20, 40).await;
    assert_conflict(store.postpone_poll(&mine, poll(50)).await);
    let kept = store.store_redeemed(&mine, sealed_grant(), poll(50), at(900));
    assert_conflict(kept.await);
    let completed = store.complete_link(
        &mine,
        grant("ada", "late"),
        at(21),
        macs(),
        draft(Actor::Service),
    );
    assert_conflict(completed.await);
    let ended = store.end_link(&mine, Ending::Expired, None, at(21));
    assert_conflict(ended.await);
    assert_eq!(found(&*store, 1).await, theirs);
    // An expired lease that nobody took over still counts.
    let postponed = store.postpone_poll(&theirs, poll(50));
    postponed.await.unwrap();
}

pub(super) async fn postponing_ends_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5, 60).await;
    let slower = PollSchedule {
        interval: Duration::from_millis(10_500),
        failures: u32::MAX,
        next_at: at(16),
    };
    let postponed = store.postpone_poll(&claimed, slower);
    postponed.await.unwrap();
    let link = found(&*store, 1).await;
    assert_eq!((link.poll, link.lease_until), (Some(slower), None));
    assert!(link.version > claimed.version);
    assert_eq!(link.state, claimed.state);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), Some(at(16)));
    claim_one(&*store, 16, 60).await;
    // A link that is not polled cannot be postponed.
    let idle = pending(&*store, 2).await;
    assert_conflict(store.postpone_poll(&idle, poll(9)).await);
}

pub(super) async fn a_flow_without_questions_is_never_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let begun = store.begin_consent(&link, consent(), None, at(900), at(0));
    assert_eq!(begun.await.unwrap().poll, None);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
    let claimed = store.claim_due_polls(at(9999), at(9999), 10, &[]).await;
    assert_eq!(claimed.unwrap(), []);
}

pub(super) async fn expired_links_are_asked_about_too(fixture: &dyn Fixture) {
    let store = fixture.store();
    authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5000, 5020).await;
    assert!(claimed.expires_at < at(5000));
}

pub(super) async fn nobody_gets_the_same_link_twice(fixture: &dyn Fixture) {
    for n in 1..=60 {
        authorizing(&*fixture.store(), n, u64::from(n % 7)).await;
    }
    assert_each_is_claimed_once(fixture, 60, |store| async move {
        let claimed = store.claim_due_polls(at(10), at(60), 4, &[]).await;
        Vec::from_iter(claimed.unwrap().iter().map(|link| link.id))
    })
    .await;
}
