//! Results of refreshes: the generation decides whether a result is stored.

use std::time::Duration;

use central_oauth_domain::Fault;
use central_oauth_domain::grant::refresh::SuspectGrant;
use central_oauth_domain::grant::{
    Account, AccountId, AccountStatus, Generation, NewGrant, RefreshedTokens, TokenOrigin,
};
use central_oauth_domain::ports::{RecordedRefresh, TokenStore};
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

async fn ada(store: &dyn TokenStore) -> Account {
    linked(store, 1, grant("ada", "one"), 10).await
}

pub(super) async fn a_success_replaces_the_tokens(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    let recorded = record_for(&*store, &claimed, fresh("two")).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert!(now.generation > claimed.generation);
    assert_eq!(now.access_token, sealed("access two"));
    assert_eq!(now.refresh_token, Some(sealed("refresh two")));
    assert_eq!((now.obtained_at, now.lease.until), (at(20), None));
    assert_eq!(now.attempts, Default::default());
    assert_eq!(now.account.scopes, ["repo", "more"]);
    assert_eq!(now.account.access_token_expires_at, Some(at(7200)));
    assert_eq!(now.account.last_refreshed_at, Some(at(20)));
    assert_eq!(now.account.next_refresh_at, Some(at(7000)));
    assert_eq!(now.account.linked_at, at(0));
    assert_eq!(store.account(id).await.unwrap(), Some(now.account));
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(7000)));
}

pub(super) async fn the_old_refresh_token_may_stay(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    let bare = RefreshedTokens {
        refresh_token: None,
        access_token_expires_at: None,
        refresh_token_expires_at: None,
        next_refresh_at: None,
        ..fresh("two")
    };
    record_for(&*store, &claimed, bare).await;
    let now = stored(&*store, id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh one")));
    assert!(now.generation > claimed.generation);
    assert_eq!(now.account.access_token_expires_at, None);
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), None);
}

pub(super) async fn a_success_counts_without_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 20).await;
    let theirs = claim_refresh(&*store, id, 20, 40).await;
    assert_eq!(late.generation, theirs.generation);
    let recorded = record_for(&*store, &late, fresh("late")).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.access_token, sealed("access late"));
}

/// While the retry of the old refresh token is in progress, nobody uses the new refresh token.
pub(super) async fn a_late_success_leaves_the_lease_of_another(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 20).await;
    let retry = claim_refresh(&*store, id, 20, 40).await;
    let due_soon = RefreshedTokens {
        next_refresh_at: Some(at(25)),
        ..fresh("late")
    };
    record_for(&*store, &late, due_soon).await;
    let now = stored(&*store, id).await;
    assert_eq!(now.lease, retry.lease);
    let due = store.claim_due_refreshes(at(39), Duration::ZERO, at(60), 10, &[]);
    assert_eq!(due.await.unwrap(), []);
    let theirs = store.claim_refresh(id, now.lease.version, at(39), at(60));
    assert_conflict(theirs.await);
    // A second late result does not end the lease of the retry either.
    record_for(&*store, &late, fresh("again")).await;
    assert_eq!(stored(&*store, id).await.lease, retry.lease);
    assert!(!record_failure(&*store, &late, failure(22)).await);
    assert_eq!(stored(&*store, id).await.lease, retry.lease);
}

/// Whatever the retry returns, nobody has to wait for its lease afterwards, and the attempts are not ambiguous.
pub(super) async fn the_second_result_ends_only_its_own_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (n, person) in [(1, "ada"), (2, "bob"), (3, "cid")] {
        let id = linked(&*store, n, grant(person, "one"), 10).await.id;
        let late = claim_refresh(&*store, id, 10, 20).await;
        let retry = claim_refresh(&*store, id, 20, 40).await;
        record_for(&*store, &late, fresh(person)).await;
        match n {
            1 => {
                let earlier = record_for(&*store, &retry, fresh("earlier")).await;
                assert_eq!(earlier, RecordedRefresh::Superseded);
            }
            2 => {
                let later = RefreshedTokens {
                    requested_at: at(25),
                    ..fresh("later")
                };
                let later = record_for(&*store, &retry, later).await;
                assert_eq!(later, RecordedRefresh::Stored);
            }
            _ => {
                assert!(!record_failure(&*store, &retry, failure(22)).await);
            }
        }
        let now = stored(&*store, id).await;
        assert_eq!(
            (now.lease.until, now.lease.version),
            (None, retry.lease.version)
        );
        assert!(!claim_refresh(&*store, id, 30, 50).await.attempts.ambiguous);
    }
}

pub(super) async fn a_success_heals(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let before = stored(&*store, id).await;
    require_relink(&*store, id).await;
    record(&*store, id, before.generation, fresh("two")).await;
    let account = store.account(id).await.unwrap().unwrap();
    assert_eq!(account.status, AccountStatus::Active);
    assert_eq!(account.last_error, None);
    assert_eq!(account.next_refresh_at, Some(at(7000)));
}

pub(super) async fn how_long_the_refresh_token_lasts_goes_with_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let lasts = async || stored(&*store, id).await.account.refresh_token_expires_at;
    assert_eq!(lasts().await, Some(at(90_000)));
    let silent = RefreshedTokens {
        refresh_token_expires_at: None,
        ..fresh("two")
    };
    let renewed = async || stored(&*store, id).await.account.renewed_by_use;
    assert_eq!(renewed().await, None);
    let generation = stored(&*store, id).await.generation;
    record(&*store, id, generation, silent).await;
    assert_eq!(lasts().await, Some(at(90_000)), "nothing else is known");
    assert_eq!(renewed().await, Some(false));
    record(&*store, id, generation.next(), fresh("three")).await;
    assert_eq!(lasts().await, Some(at(7200)));
    let later = RefreshedTokens {
        requested_at: at(3000),
        refresh_token_expires_at: Some(at(10_000)),
        ..fresh("later")
    };
    record(&*store, id, generation.next().next(), later).await;
    assert_eq!(renewed().await, Some(true));
    let lasts_as_before = RefreshedTokens {
        requested_at: at(3001),
        ..fresh("as before")
    };
    record(
        &*store,
        id,
        generation.next().next().next(),
        lasts_as_before,
    )
    .await;
    assert_eq!(renewed().await, Some(true), "too soon to tell");
    let kept = NewGrant {
        refresh_token: None,
        refresh_token_expires_at: None,
        ..grant("ada", "four")
    };
    linked(&*store, 7, kept, 30).await;
    assert_eq!(lasts().await, Some(at(7200)), "the refresh token stays");
    assert_eq!(renewed().await, Some(true));
    let replaced = NewGrant {
        refresh_token_expires_at: None,
        ..grant("ada", "five")
    };
    linked(&*store, 8, replaced, 40).await;
    assert_eq!(lasts().await, Some(at(7170)), "as long as the one before");
    assert_eq!(renewed().await, None);
}

pub(super) async fn a_late_success_is_dropped(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 20).await;
    let theirs = claim_refresh(&*store, id, 20, 40).await;
    record_for(&*store, &theirs, fresh("theirs")).await;
    let before = stored(&*store, id).await;
    let recorded = record_for(&*store, &late, fresh("late")).await;
    assert_eq!(recorded, RecordedRefresh::Superseded);
    assert_eq!(stored(&*store, id).await, before);
}

/// A provider that answers a retry invalidates the first response, which may be recorded first or last.
pub(super) async fn of_two_answers_the_later_one_stands(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let first = claim_refresh(&*store, id, 10, 20).await;
    let retry = claim_refresh(&*store, id, 20, 40).await;
    assert_eq!(first.generation, retry.generation);
    let later = RefreshedTokens {
        requested_at: at(25),
        ..fresh("later")
    };
    record_for(&*store, &first, fresh("earlier")).await;
    let recorded = record_for(&*store, &retry, later.clone()).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.access_token, sealed("access later"));
    assert_eq!(now.refresh_token, Some(sealed("refresh later")));
    assert_eq!(now.generation, first.generation.next().next());
    // Recording both again changes nothing.
    record_for(&*store, &retry, later).await;
    record_for(&*store, &first, fresh("earlier")).await;
    assert_eq!(
        stored(&*store, id).await.access_token,
        sealed("access later")
    );
}

/// The refresh token stays, and so does its age: a consent at second 30 does not make an answer of second 25 outdated.
pub(super) async fn a_consent_without_a_refresh_token_makes_no_answer_older(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let first = claim_refresh(&*store, id, 10, 20).await;
    let retry = claim_refresh(&*store, id, 20, 40).await;
    record_for(&*store, &first, fresh("earlier")).await;
    let bare = NewGrant {
        refresh_token: None,
        ..grant("ada", "again")
    };
    let again = linked(&*store, 2, bare, 30).await;
    assert_eq!(again.last_refreshed_at, Some(at(20)));
    let later = RefreshedTokens {
        requested_at: at(25),
        ..fresh("later")
    };
    let recorded = record_for(&*store, &retry, later).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh later")));
    assert_eq!(now.account.last_refreshed_at, Some(at(25)));
}

/// A consent creates another grant, so a later answer of the old grant is not stored.
pub(super) async fn no_answer_is_later_than_a_new_consent(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 10, 20).await;
    linked(&*store, 2, grant("ada", "two"), 21).await;
    let late = RefreshedTokens {
        requested_at: at(30),
        ..fresh("late")
    };
    let recorded = record_for(&*store, &claimed, late).await;
    assert_eq!(recorded, RecordedRefresh::Superseded);
    let now = stored(&*store, id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh two")));
}

/// A refresh token is sent only to its origin, so it must not be stored among those of another client.
pub(super) async fn what_came_from_elsewhere_is_not_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 10, 20).await;
    let elsewhere = NewGrant {
        origin: TokenOrigin {
            client_id: "another client".to_owned(),
            ..claimed.origin.clone()
        },
        ..grant("ada", "two")
    };
    linked(&*store, 2, elsewhere, 21).await;
    let before = stored(&*store, id).await;
    let late = store.record_refresh(id, claimed.generation, NO_LEASE, fresh("late"), audit());
    assert_conflict(late.await);
    assert_eq!(stored(&*store, id).await, before);
}

pub(super) async fn a_late_success_replaces_a_dead_token(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 12).await;
    let theirs = claim_refresh(&*store, id, 12, 14).await;
    record_for(&*store, &theirs, fresh("theirs")).await;
    require_relink(&*store, id).await;
    let recorded = record_for(&*store, &late, fresh("late")).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh late")));
    assert_eq!(now.account.status, AccountStatus::Active);
}

pub(super) async fn recording_twice_changes_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    record_for(&*store, &claimed, fresh("two")).await;
    let once = stored(&*store, id).await;
    let again = record_for(&*store, &claimed, fresh("two")).await;
    assert_eq!(again, RecordedRefresh::Stored);
    assert_eq!(stored(&*store, id).await, once);
}

pub(super) async fn a_failure_is_kept_and_ends_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    assert!(record_failure(&*store, &claimed, failure(22)).await);
    let now = stored(&*store, id).await;
    assert_eq!(now.lease.until, None);
    assert_eq!(now.attempts, failure(22).attempts);
    assert_eq!(now.account.status, AccountStatus::Degraded);
    assert_eq!(now.account.last_error, Some(failure(22).fault));
    assert_eq!(now.refresh_token, claimed.refresh_token);
    assert_eq!(
        (now.generation, now.access_token),
        (claimed.generation, claimed.access_token)
    );
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(22)));
    let due = store.claim_due_refreshes(at(22), Duration::ZERO, at(40), 10, &[]);
    assert_eq!(due.await.unwrap().len(), 1);
}

pub(super) async fn a_late_failure_is_dropped(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 20).await;
    let theirs = claim_refresh(&*store, id, 20, 40).await;
    record_for(&*store, &theirs, fresh("theirs")).await;
    let before = stored(&*store, id).await;
    for lease in [late, theirs] {
        assert!(!record_failure(&*store, &lease, failure(22)).await);
    }
    assert_eq!(stored(&*store, id).await, before);
}

pub(super) async fn a_failure_without_the_lease_is_dropped(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let late = claim_refresh(&*store, id, 10, 20).await;
    let theirs = claim_refresh(&*store, id, 20, 40).await;
    let kept = record_failure(&*store, &late, failure(22)).await;
    assert!(!kept, "whoever has it now will learn the same");
    assert_eq!(stored(&*store, id).await, theirs);
}

pub(super) async fn nothing_comes_of_an_account_that_is_gone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let gone = AccountId(777);
    assert_conflict(
        store
            .record_refresh(gone, Generation::FIRST, NO_LEASE, fresh("two"), audit())
            .await,
    );
    let kept = store
        .record_refresh_failure(gone, Generation::FIRST, NO_LEASE, failure(22), audit())
        .await;
    assert!(!kept.unwrap());
}

pub(super) async fn of_many_successes_one_is_stored(fixture: &dyn Fixture) {
    let id = ada(&*fixture.store()).await.id;
    let generation = stored(&*fixture.store(), id).await.generation;
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let store = fixture.store();
        let tokens = fresh(&n.to_string());
        tasks.spawn(async move { record(&*store, id, generation, tokens).await });
    }
    let recorded = tasks.join_all().await;
    let stored_ones = recorded.iter().filter(|r| **r == RecordedRefresh::Stored);
    assert_eq!(stored_ones.count(), 1);
    let now = stored(&*fixture.store(), id).await;
    assert_eq!(now.generation, generation.next());
}

pub(super) async fn doubts_are_kept_where_a_refresh_is_planned(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = ada(&*store).await.id;
    let bare = NewGrant {
        refresh_token: None,
        next_refresh_at: None,
        ..grant("bob", "one")
    };
    let bob = linked(&*store, 2, bare, 10).await;
    let fault = Fault::new("restored_from_backup", "it may be an old one");
    let suspects = [id, bob.id, AccountId(i64::MAX)].map(|account| SuspectGrant {
        account,
        next_refresh_at: at(50),
    });
    assert_eq!(store.mark_suspect(&suspects, &fault).await.unwrap(), 1);
    assert_eq!(store.account(bob.id).await.unwrap(), Some(bob));
    let marked = stored(&*store, id).await;
    assert!(marked.attempts.ambiguous);
    assert_eq!(marked.account.status, AccountStatus::Degraded);
    assert_eq!(marked.account.last_error, Some(fault));
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(50)));
    // A refresh token that works is not marked any more.
    let claimed = claim_refresh(&*store, id, 51, 66).await;
    record_for(&*store, &claimed, fresh("two")).await;
    let well = stored(&*store, id).await;
    assert!(!well.attempts.ambiguous);
    assert_eq!(well.account.status, AccountStatus::Active);
    assert_eq!(well.account.last_error, None);
}
