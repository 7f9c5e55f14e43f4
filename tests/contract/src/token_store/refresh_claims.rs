//! Leases for refreshing an account's tokens.

use std::time::Duration;

use central_oauth_domain::grant::{AccountId, LeaseVersion, NewGrant, ProviderName, StoredTokens};
use central_oauth_domain::ports::TokenStore;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

/// Links an account whose refresh is due this many seconds after the start of the case.
async fn due(store: &dyn TokenStore, n: u8, person: &str, due: u64) -> AccountId {
    let grant = NewGrant {
        next_refresh_at: Some(at(due)),
        ..grant(person, "one")
    };
    linked(store, n, grant, 1).await.id
}

async fn claim_due(store: &dyn TokenStore, now: u64, until: u64, limit: u64) -> Vec<StoredTokens> {
    let claimed = store.claim_due_refreshes(at(now), Duration::ZERO, at(until), limit, &[]);
    claimed.await.unwrap()
}

fn ids(claimed: &[StoredTokens]) -> Vec<AccountId> {
    claimed.iter().map(|tokens| tokens.account.id).collect()
}

pub(super) async fn linking_plans_the_first_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), None);
    let id = due(&*store, 1, "ada", 50).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.account.next_refresh_at, Some(at(50)));
    assert_eq!((tokens.lease.until, tokens.attempts.failures), (None, 0));
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(50)));
    assert_eq!(claim_due(&*store, 49, 60, 10).await, []);
    // Linking again reschedules the refresh.
    due(&*store, 2, "ada", 90).await;
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(90)));
}

pub(super) async fn without_a_refresh_token_nothing_is_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let bare = |which| NewGrant {
        refresh_token: None,
        ..grant("ada", which)
    };
    let account = linked(&*store, 1, bare("one"), 1).await;
    assert_eq!(account.next_refresh_at, None);
    assert_eq!(claim_due(&*store, 9999, 9999, 10).await, []);
    let claimed = store.claim_refresh(
        account.id,
        stored(&*store, account.id).await.lease.version,
        at(9),
        at(20),
    );
    assert_conflict(claimed.await);
    // If a consent brings no refresh token, the kept one is used, and the refresh is scheduled.
    linked(&*store, 2, grant("ada", "two"), 2).await;
    let account = linked(&*store, 3, bare("three"), 3).await;
    assert_eq!(account.next_refresh_at, Some(at(3400)));
}

pub(super) async fn the_longest_due_comes_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut accounts = Vec::new();
    for (n, (person, when)) in (1..).zip([("ada", 30), ("bob", 10), ("cid", 20), ("dan", 40)]) {
        accounts.push(due(&*store, n, person, when).await);
    }
    assert_eq!(claim_due(&*store, 30, 60, 0).await, []);
    let first = claim_due(&*store, 30, 60, 2).await;
    assert_eq!(ids(&first), [accounts[1], accounts[2]]);
    let second = claim_due(&*store, 30, 60, 2).await;
    assert_eq!(ids(&second), [accounts[0]]);
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(40)));
}

pub(super) async fn what_is_due_can_be_left_for_a_while(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = due(&*store, 1, "ada", 10).await;
    due(&*store, 2, "bob", 25).await;
    for busy in [&[][..], &[ProviderName::new("gitlab")]] {
        let overdue_by = Duration::from_secs(20);
        let early = store.claim_due_refreshes(at(29), overdue_by, at(60), 10, busy);
        assert_eq!(early.await.unwrap(), []);
    }
    let overdue_by = Duration::from_secs(20);
    let claimed = store.claim_due_refreshes(at(30), overdue_by, at(60), 10, &[]);
    let claimed = claimed.await.unwrap();
    assert_eq!(ids(&claimed), [first]);
    assert_eq!(claimed[0].lease.until, Some(at(60)));
}

pub(super) async fn busy_providers_are_left_alone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = due(&*store, 1, "ada", 10).await;
    let elsewhere = NewGrant {
        account: central_oauth_domain::grant::AccountKey {
            provider: ProviderName::new("gitlab"),
            account_id: "ada".to_owned(),
        },
        next_refresh_at: Some(at(20)),
        ..grant("ada", "two")
    };
    let other = linked(&*store, 2, elsewhere, 1).await.id;
    let github = [ProviderName::new("github")];
    assert_eq!(store.next_refresh_at(&github).await.unwrap(), Some(at(20)));
    let claimed = store.claim_due_refreshes(at(30), Duration::ZERO, at(60), 10, &github);
    assert_eq!(ids(&claimed.await.unwrap()), [other]);
    let both = [ProviderName::new("github"), ProviderName::new("gitlab")];
    assert_eq!(store.next_refresh_at(&both).await.unwrap(), None);
    assert_eq!(ids(&claim_due(&*store, 30, 60, 10).await), [ada]);
}

pub(super) async fn a_lease_keeps_others_away(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 10).await;
    let before = stored(&*store, id).await;
    let [claimed] = <[StoredTokens; 1]>::try_from(claim_due(&*store, 10, 25, 10).await).unwrap();
    assert_eq!(claimed, stored(&*store, id).await);
    assert!(claimed.lease.version > before.lease.version);
    assert_eq!(claimed.lease.until, Some(at(25)));
    assert_eq!(claimed.generation, before.generation);
    assert_eq!(claimed.refresh_token, before.refresh_token);
    assert_eq!(claimed.attempts, before.attempts);
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(25)));
    assert_eq!(claim_due(&*store, 24, 60, 10).await, []);
    let theirs = store.claim_refresh(id, claimed.lease.version, at(24), at(60));
    assert_conflict(theirs.await);
}

pub(super) async fn a_lapsed_lease_is_ambiguous(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 10).await;
    let first = claim_due(&*store, 10, 25, 10).await.remove(0);
    let second = claim_due(&*store, 25, 40, 10).await.remove(0);
    assert_eq!(
        second.refresh_token, first.refresh_token,
        "the same one again"
    );
    assert_eq!(second.generation, first.generation);
    assert!(second.lease.version > first.lease.version);
    assert!(!first.attempts.ambiguous && second.attempts.ambiguous);
    let third = claim_refresh(&*store, id, 40, 50).await;
    assert!(third.attempts.ambiguous);
}

pub(super) async fn one_account_can_be_claimed_at_any_time(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 500).await;
    let claimed = claim_refresh(&*store, id, 10, 25).await;
    assert_eq!(claimed, stored(&*store, id).await);
    assert_eq!(claimed.lease.until, Some(at(25)));
    assert!(!claimed.attempts.ambiguous);
    // An interrupted refresh continues when the lease expires, not when it had been scheduled.
    assert_eq!(claim_due(&*store, 24, 40, 10).await, []);
    assert_eq!(ids(&claim_due(&*store, 25, 40, 10).await), [id]);
    // So does an unscheduled refresh: its response may be lost as well.
    require_relink_after(&*store, id, 40).await;
    let again = claim_refresh(&*store, id, 41, 50).await;
    assert_eq!(again.account.next_refresh_at, Some(at(41)));
    assert_eq!(claim_due(&*store, 49, 60, 10).await, []);
    assert_eq!(ids(&claim_due(&*store, 50, 60, 10).await), [id]);
}

async fn require_relink_after(store: &dyn TokenStore, id: AccountId, lapsed: u64) {
    let claimed = claim_refresh(store, id, lapsed, lapsed + 15).await;
    let over = central_oauth_domain::grant::refresh::RefreshFailure {
        next_refresh_at: None,
        ..failure(0)
    };
    assert!(record_failure(store, &claimed, over).await);
}

/// A claim skips locked rows, so a refused claim must not keep its row locked after its result.
pub(super) async fn a_refused_one_hides_nothing_that_is_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 10).await;
    for round in 0..50 {
        let refused = store.claim_refresh(id, LeaseVersion(777), at(10), at(25));
        assert_conflict(refused.await);
        let claimed = claim_due(&*store, 10, 25, 10).await;
        assert_eq!(ids(&claimed), [id], "round {round}");
        let released = store.release_refresh(id, claimed[0].lease.version);
        released.await.unwrap();
    }
}

pub(super) async fn only_by_who_saw_the_present_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 500).await;
    let seen = stored(&*store, id).await.lease.version;
    let claimed = claim_refresh(&*store, id, 10, 25).await;
    store
        .release_refresh(id, claimed.lease.version)
        .await
        .unwrap();
    assert_conflict(store.claim_refresh(id, seen, at(11), at(30)).await);
    assert_conflict(
        store
            .claim_refresh(AccountId(777), NO_LEASE, at(11), at(30))
            .await,
    );
}

pub(super) async fn a_lease_can_be_given_back(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = due(&*store, 1, "ada", 10).await;
    let claimed = claim_due(&*store, 10, 25, 10).await.remove(0);
    store
        .release_refresh(id, claimed.lease.version)
        .await
        .unwrap();
    let again = claim_due(&*store, 11, 26, 10).await.remove(0);
    assert!(!again.attempts.ambiguous, "nothing was sent");
    // The lease of another holder stays.
    store
        .release_refresh(id, claimed.lease.version)
        .await
        .unwrap();
    assert_eq!(stored(&*store, id).await, again);
    store
        .release_refresh(AccountId(777), NO_LEASE)
        .await
        .unwrap();
}

pub(super) async fn nobody_gets_the_same_account_twice(fixture: &dyn Fixture) {
    for n in 1..=60 {
        due(
            &*fixture.store(),
            n,
            &format!("person {n}"),
            u64::from(n % 7),
        )
        .await;
    }
    assert_each_is_claimed_once(fixture, 60, |store| async move {
        ids(&claim_due(&*store, 10, 60, 4).await)
    })
    .await;
}

pub(super) async fn of_many_claims_of_one_account_one_succeeds(fixture: &dyn Fixture) {
    let id = due(&*fixture.store(), 1, "ada", 10).await;
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let store = fixture.store();
        tasks.spawn(async move {
            if n % 2 == 0 {
                return claim_due(&*store, 10, 60, 4).await.len();
            }
            let seen = stored(&*store, id).await.lease.version;
            let claimed = store.claim_refresh(id, seen, at(10), at(60)).await;
            usize::from(claimed.is_ok())
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 1);
}
