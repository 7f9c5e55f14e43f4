//! A clock that was ahead stores times too far ahead. They delay nobody once the clock is right.

use std::time::Duration;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::clock_step::Horizon;
use central_oauth_domain::grant::refresh::{
    Outage, PROBE_HORIZON, REFRESH_HORIZON, RefreshFailure,
};
use central_oauth_domain::grant::revocation::{NewRevocation, REVOCATION_HORIZON};
use central_oauth_domain::grant::{NewGrant, ProviderName, RefreshedTokens};
use central_oauth_domain::link::polling::{POLL_HORIZON, STORED_WITHIN};
use central_oauth_domain::link::{Link, LinkStatus, PollSchedule};
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::{Fault, FaultCode, Timestamp};

use super::Fixture;
use super::samples::*;

const HOUR: u64 = 3600;
const MOMENT: Duration = Duration::from_millis(1);

async fn undo(store: &dyn TokenStore, now: Timestamp) -> u64 {
    let pause = Duration::MAX;
    store.undo_clock_steps(now, pause, 10).await.unwrap()
}

/// Returns the last time at which a stored time is further ahead than `longest`.
fn before(time: Timestamp, longest: Duration) -> Timestamp {
    time - longest - MOMENT
}

async fn due(store: &dyn TokenStore, now: Timestamp) -> usize {
    let lease_until = now + Duration::from_secs(15);
    let due = store.claim_due_refreshes(now, Duration::ZERO, lease_until, 10, &[]);
    due.await.unwrap().len()
}

pub(super) async fn a_pause_is_over(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 2 * HOUR, 2 * HOUR + 15).await;
    let pause_ends = at(2 * HOUR + 300);
    let failed = RefreshFailure {
        next_refresh_at: Some(pause_ends),
        ..failure(0)
    };
    assert!(record_failure(&*store, &claimed, failed).await);
    let longest = REFRESH_HORIZON.pause;
    assert_eq!(undo(&*store, pause_ends - longest).await, 0);
    let now = before(pause_ends, longest);
    assert_eq!(undo(&*store, now).await, 1);
    assert_eq!(undo(&*store, now).await, 0);
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(now));
    assert_eq!(due(&*store, now).await, 1);
}

/// A small step is within the horizon. If it was noticed, a shorter `pause` than the horizon applies.
pub(super) async fn a_pause_is_cut_after_a_small_step(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 600, 615).await;
    let failed = RefreshFailure {
        next_refresh_at: Some(at(602)),
        ..failure(0)
    };
    assert!(record_failure(&*store, &claimed, failed).await);
    let link = unanswered(&*store, 2, 602).await;
    let undo = async |pause| {
        let undone = store.undo_clock_steps(at(100), pause, 10);
        undone.await.unwrap()
    };
    assert_eq!(undo(secs(502)).await, 0);
    assert_eq!(undo(secs(501)).await, 2);
    assert_eq!(due(&*store, at(100)).await, 1);
    let found = store.find_link(&link.code).await.unwrap().unwrap();
    assert_eq!(found.due_at(), Some(at(100)));
}

pub(super) async fn a_lease_is_over_and_counts_as_lapsed(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 2 * HOUR, 2 * HOUR + 15).await;
    let until = claimed.lease.until.unwrap();
    let longest = REFRESH_HORIZON.lease;
    assert_eq!(undo(&*store, until - longest).await, 0);
    let version = claimed.lease.version;
    let held = store.claim_refresh(id, version, until - longest, until);
    assert_conflict(held.await);
    let now = before(until, longest);
    assert_eq!(undo(&*store, now).await, 1);
    assert_eq!(due(&*store, now).await, 1);
    let again = stored(&*store, id).await;
    assert!(again.attempts.ambiguous && again.lease.version > version);
}

/// A request for one account need not wait for the repair.
pub(super) async fn one_account_is_claimed_over_such_a_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 2 * HOUR, 2 * HOUR + 15).await;
    let now = before(claimed.lease.until.unwrap(), REFRESH_HORIZON.lease);
    let version = claimed.lease.version;
    let again = store.claim_refresh(id, version, now, now + MOMENT).await;
    assert!(again.unwrap().attempts.ambiguous);
}

pub(super) async fn a_plan_for_tokens_of_the_future_is_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ahead = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let right = linked(&*store, 2, grant("bob", "one"), 10).await;
    let claimed = claim_refresh(&*store, ahead, 20, 35).await;
    let tokens = RefreshedTokens {
        requested_at: at(2 * HOUR),
        next_refresh_at: Some(at(3 * HOUR)),
        ..fresh("two")
    };
    let (generation, lease) = (claimed.generation, claimed.lease.version);
    let recorded = store.record_refresh(ahead, generation, lease, tokens, audit());
    recorded.await.unwrap();
    let before = stored(&*store, ahead).await;
    assert_eq!(undo(&*store, at(2 * HOUR) - secs(5)).await, 0);
    assert_eq!(undo(&*store, at(100)).await, 1);
    assert_eq!(undo(&*store, at(100)).await, 0);
    let after = stored(&*store, ahead).await;
    assert_eq!(Some(&after), before.after_clock_step(at(100)).as_ref());
    let account = &after.account;
    assert_eq!(account.access_token_expires_at, Some(at(100)), "unknown");
    assert_eq!(due(&*store, at(100)).await, 1);
    assert_eq!(store.account(right.id).await.unwrap(), Some(right));
}

pub(super) async fn a_failed_account_with_tokens_of_the_future_keeps_its_pause(
    fixture: &dyn Fixture,
) {
    let store = fixture.store();
    let ahead = NewGrant {
        requested_at: at(2 * HOUR),
        access_token_expires_at: Some(at(3 * HOUR)),
        ..grant("ada", "one")
    };
    let id = linked(&*store, 1, ahead, 2 * HOUR).await.id;
    let claimed = claim_refresh(&*store, id, 90, 105).await;
    let failed = RefreshFailure {
        next_refresh_at: Some(at(120)),
        ..failure(0)
    };
    assert!(record_failure(&*store, &claimed, failed).await);
    let before = stored(&*store, id).await;
    assert_eq!(undo(&*store, at(100)).await, 1);
    let after = stored(&*store, id).await;
    assert_eq!(Some(&after), before.after_clock_step(at(100)).as_ref());
    let account = &after.account;
    assert_eq!(account.access_token_expires_at, Some(at(100)));
    assert_eq!(account.next_refresh_at, Some(at(120)));
}

pub(super) async fn a_probe_is_not_awaited_longer_than_any_rule_allows(fixture: &dyn Fixture) {
    let store = fixture.store();
    let provider = ProviderName::new("github");
    let fault = Fault::new(FaultCode::ProviderUnavailable, "HTTP 503");
    let outage = Outage::begin(provider, fault, Some(secs(60)), at(240));
    let begun = store.begin_outage(outage).await.unwrap().unwrap();
    assert_eq!(begun.probe_at, at(300));
    assert_eq!(undo(&*store, at(300) - PROBE_HORIZON).await, 0);
    let pause = secs(150);
    let undo = async |now| store.undo_clock_steps(now, pause, 10).await.unwrap();
    assert_eq!(undo(at(150)).await, 0);
    assert_eq!(undo(at(149)).await, 1);
    assert_eq!(undo(at(149)).await, 0);
    let repaired = store.outages().await.unwrap();
    assert_eq!(repaired[0].probe_at, at(149));
    // A change that was read before the repair is dropped.
    assert!(!store.change_outage(&begun).await.unwrap());
    assert!(store.change_outage(&repaired[0]).await.unwrap());
}

pub(super) async fn what_is_planned_by_the_rules_stays(fixture: &dyn Fixture) {
    let store = fixture.store();
    let far = NewGrant {
        next_refresh_at: Some(at(365 * 24 * HOUR)),
        ..grant("ada", "one")
    };
    let ada = linked(&*store, 1, far, 10).await.id;
    let busy = linked(&*store, 2, grant("bob", "one"), 10).await.id;
    let kept = claim_refresh(&*store, busy, 20, 145).await;
    let link = unanswered(&*store, 3, 20 + POLL_HORIZON.pause.as_secs()).await;
    let polled = authorizing(&*store, 4, 20 + INTERVAL.as_secs()).await;
    let before = stored(&*store, ada).await;
    assert_eq!(undo(&*store, at(20)).await, 0);
    assert_eq!(stored(&*store, ada).await, before);
    assert_eq!(stored(&*store, busy).await, kept);
    let found = store.find_link(&code(3)).await.unwrap().unwrap();
    assert_eq!(found.poll, link.poll);
    let found = store.find_link(&code(4)).await.unwrap().unwrap();
    assert_eq!(found.poll, polled.poll);
}

/// Starts a link whose provider has not answered the last poll.
async fn unanswered(store: &dyn TokenStore, n: u8, due: u64) -> Link {
    let link = pending(store, n).await;
    let poll = PollSchedule {
        failures: 1,
        ..poll(due)
    };
    let begun = store.begin_consent(&link, consent(), Some(poll), link.expires_at, at(0));
    begun.await.unwrap()
}

/// Even a small step would keep a person waiting.
pub(super) async fn the_next_poll_is_one_interval_ahead(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = authorizing(&*store, 1, 300).await;
    let latest = at(300) - INTERVAL - STORED_WITHIN;
    assert_eq!(undo(&*store, latest).await, 0);
    let now = latest - MOMENT;
    assert_eq!(undo(&*store, now).await, 1);
    assert_eq!(undo(&*store, now).await, 0);
    let found = store.find_link(&link.code).await.unwrap().unwrap();
    assert_eq!(found.poll.unwrap().next_at, now + INTERVAL);
    let due = store.claim_due_polls(now + INTERVAL, at(600), 10, &[]);
    assert_eq!(due.await.unwrap().len(), 1);
}

pub(super) async fn polls_are_due_again(fixture: &dyn Fixture) {
    let Horizon { lease, pause } = POLL_HORIZON;
    let store = fixture.store();
    let paused = unanswered(&*store, 1, 2 * HOUR).await;
    let now = before(at(2 * HOUR), pause);
    assert_eq!(undo(&*store, now + MOMENT).await, 0);
    assert_eq!(undo(&*store, now).await, 1);
    let due = store.claim_due_polls(now, at(2 * HOUR), 10, &[]);
    let claimed = due.await.unwrap();
    assert_eq!(claimed[0].id, paused.id);
    // Now the lease is too far ahead.
    let now = before(at(2 * HOUR), lease);
    assert_eq!(undo(&*store, now + MOMENT).await, 0);
    assert_eq!(undo(&*store, now).await, 1);
    let due = store.claim_due_polls(now, now + secs(15), 10, &[]);
    assert_eq!(due.await.unwrap().len(), 1);
    let stale = claimed[0].poll.unwrap();
    let late = store.postpone_poll(&claimed[0], stale);
    assert_conflict(late.await);
}

pub(super) async fn revocations_are_due_again(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let seen = stored(&*store, ada.id).await;
    let lease = store
        .delete_account(
            &seen,
            NewRevocation {
                lease_until: Some(at(40)),
                ..new_revocation(1, None)
            },
            draft(Actor::ADMIN),
        )
        .await
        .unwrap();
    let until = lease.revocation.lease.until.unwrap();
    let now = before(until, REVOCATION_HORIZON.lease);
    assert_eq!(undo(&*store, now + MOMENT).await, 0);
    assert_eq!(undo(&*store, now).await, 1);
    let due = store.claim_due_revocations(now, now + secs(15), 10, &[]);
    assert_eq!(due.await.unwrap().len(), 1);
}

pub(super) async fn links_that_would_never_expire_have_expired(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    assert_eq!(undo(&*store, link.expires_at - Link::LONGEST).await, 0);
    let now = before(link.expires_at, Link::LONGEST);
    assert_eq!(undo(&*store, now).await, 1);
    assert_eq!(undo(&*store, now).await, 0);
    let stored = store.find_link(&link.code).await.unwrap().unwrap();
    assert_eq!(stored.status(now), LinkStatus::Expired);
    assert!(
        stored.is_over(now),
        "no last word of the provider is awaited"
    );
    assert_eq!(store.count_left_over(now).await.unwrap(), 1);
    assert_eq!(store.purge_links(now, now, 10).await.unwrap(), 1);
}
