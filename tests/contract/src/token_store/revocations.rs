//! Tokens to be revoked, and the results.

use central_oauth_domain::Fault;
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocationId, RevocationLease, RevocationResult, RevocationStatus,
};
use central_oauth_domain::grant::{AccountKey, NewGrant, ProviderName};
use central_oauth_domain::ports::{OwnerKind, TokenStore};
use central_oauth_domain::secret::SealId;

use super::Fixture;
use super::samples::*;

fn elsewhere() -> ProviderName {
    ProviderName::new("gitlab")
}

fn people(claimed: &[RevocationLease]) -> Vec<&str> {
    let people = claimed.iter().map(|lease| &lease.revocation.person);
    people.map(|person| person.as_deref().unwrap()).collect()
}

async fn record(
    store: &dyn TokenStore,
    lease: &RevocationLease,
    result: RevocationResult,
    now: u64,
) -> bool {
    let (id, version) = (lease.revocation.id, lease.revocation.lease.version);
    let recorded = store.record_revocation(id, version, result, at(now)).await;
    recorded.unwrap()
}

async fn attribute(store: &dyn TokenStore, lease: &RevocationLease, person: Option<&str>) -> bool {
    let attributed = store.attribute_revocation(lease, person, at(25));
    attributed.await.unwrap()
}

fn ended(status: RevocationStatus) -> RevocationResult {
    RevocationResult::Ended {
        status,
        fault: None,
    }
}

fn again(next: u64, failures: u32) -> RevocationResult {
    RevocationResult::Again {
        at: at(next),
        failures,
        fault: Fault::new("provider_unavailable", "gone"),
    }
}

async fn status(store: &dyn TokenStore, lease: &RevocationLease) -> RevocationStatus {
    let kept = store.revocation(lease.revocation.id).await.unwrap();
    kept.unwrap().status
}

/// Returns how many revocations hold a token.
async fn holding(store: &dyn TokenStore) -> usize {
    let nobodys = SealId([0; SealId::LENGTH]);
    let rows = store.rows_sealed_otherwise(OwnerKind::Revocation, nobodys, 0, 100);
    let rows = rows.await.unwrap();
    let rows = rows.into_iter().map(Result::unwrap);
    rows.filter(|row| !row.values.is_empty()).count()
}

pub(super) async fn there_are_none_at_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.revocations(None, 10).await.unwrap(), []);
    assert_eq!(store.revocation(RevocationId(1)).await.unwrap(), None);
    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), None);
    assert_eq!(claim_revocations(&*store, 9999, 9999, 10).await, []);
}

pub(super) async fn strays_are_due_at_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let new = new_revocation(1, None);
    assert!(store.store_stray(new.clone()).await.unwrap());
    let [kept] = <[_; 1]>::try_from(store.revocations(None, 10).await.unwrap()).unwrap();
    assert_eq!(kept.status, RevocationStatus::Pending);
    assert_eq!((&kept.person, kept.account), (&None, None));
    assert_eq!((kept.created_at, kept.ended_at), (at(10), None));
    assert_eq!(kept.next_attempt_at, Some(at(10)));
    assert_eq!((kept.failures, &kept.last_error), (0, &None));
    assert_eq!(kept.lease.until, None);
    assert_eq!(store.revocation(kept.id).await.unwrap(), Some(kept.clone()));

    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), Some(at(10)));
    assert_eq!(claim_revocations(&*store, 9, 30, 10).await, []);
    let lease = claim_revocation(&*store, 10, 30).await;
    assert_eq!((lease.reference, lease.tokens), (new.reference, new.tokens));
    assert_eq!((lease.origin, lease.requested_at), (new.origin, at(8)));
    assert_eq!(lease.revocation.lease.until, Some(at(30)));
    assert!(lease.revocation.lease.version > kept.lease.version);
    assert_eq!(lease.revocation.next_attempt_at, kept.next_attempt_at);
}

pub(super) async fn a_live_person_s_tokens_are_not_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    linked(&*store, 1, grant("ada", "one"), 5).await;
    let hers = store.store_stray(new_revocation(1, Some("ada"))).await;
    assert!(!hers.unwrap());
    assert_eq!(store.revocations(None, 10).await.unwrap(), []);
    stray(&*store, 2, Some("bob")).await;
    // The owner of these tokens is not known yet.
    stray(&*store, 3, None).await;
    let at_another = NewRevocation {
        provider: elsewhere(),
        ..new_revocation(4, Some("ada"))
    };
    assert!(store.store_stray(at_another).await.unwrap());
    assert_eq!(store.revocations(None, 10).await.unwrap().len(), 3);
}

pub(super) async fn the_longest_due_comes_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (n, person, due) in [
        (1, "ada", 30),
        (2, "bob", 10),
        (3, "cid", 20),
        (4, "dan", 40),
    ] {
        let new = NewRevocation {
            created_at: at(due),
            ..new_revocation(n, Some(person))
        };
        store.store_stray(new).await.unwrap();
    }
    assert_eq!(claim_revocations(&*store, 30, 60, 0).await, []);
    let first = claim_revocations(&*store, 30, 60, 2).await;
    assert_eq!(people(&first), ["bob", "cid"]);
    let second = claim_revocations(&*store, 30, 60, 2).await;
    assert_eq!(people(&second), ["ada"]);
    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), Some(at(40)));
}

pub(super) async fn busy_providers_are_left_alone(fixture: &dyn Fixture) {
    let store = fixture.store();
    stray(&*store, 1, Some("ada")).await;
    let at_another = NewRevocation {
        provider: elsewhere(),
        created_at: at(20),
        ..new_revocation(2, Some("bob"))
    };
    store.store_stray(at_another).await.unwrap();
    let github = [ProviderName::new("github")];
    let next = store.next_revocation_at(&github).await.unwrap();
    assert_eq!(next, Some(at(20)));
    let claimed = store.claim_due_revocations(at(30), at(60), 10, &github);
    assert_eq!(people(&claimed.await.unwrap()), ["bob"]);
    let both = [ProviderName::new("github"), elsewhere()];
    assert_eq!(store.next_revocation_at(&both).await.unwrap(), None);
    assert_eq!(
        people(&claim_revocations(&*store, 30, 60, 10).await),
        ["ada"]
    );
}

pub(super) async fn a_lease_keeps_others_away(fixture: &dyn Fixture) {
    let store = fixture.store();
    stray(&*store, 1, None).await;
    let first = claim_revocation(&*store, 10, 25).await;
    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), Some(at(25)));
    assert_eq!(claim_revocations(&*store, 24, 60, 10).await, []);
    let second = claim_revocation(&*store, 25, 40).await;
    assert!(second.revocation.lease.version > first.revocation.lease.version);
    assert_eq!(second.tokens, first.tokens);
    // The results of the first lease come too late.
    assert!(!record(&*store, &first, again(50, 1), 26).await);
    assert!(!record(&*store, &first, ended(RevocationStatus::Revoked), 26).await);
    assert!(!attribute(&*store, &first, Some("ada")).await);
    let kept = store.revocation(second.revocation.id).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&second.revocation));
    // A lease that has lapsed but that nobody took over still counts.
    assert!(record(&*store, &second, again(50, 1), 45).await);
}

pub(super) async fn a_failed_attempt_is_made_again(fixture: &dyn Fixture) {
    let store = fixture.store();
    stray(&*store, 1, None).await;
    let first = claim_revocation(&*store, 10, 25).await;
    assert!(record(&*store, &first, again(50, 1), 20).await);
    let kept = store.revocation(first.revocation.id).await.unwrap();
    let kept = kept.unwrap();
    assert_eq!(kept.status, RevocationStatus::Pending);
    assert_eq!((kept.failures, kept.lease.until), (1, None));
    assert_eq!(kept.next_attempt_at, Some(at(50)));
    let fault = Fault::new("provider_unavailable", "gone");
    assert_eq!(kept.last_error, Some(fault));
    assert_eq!(store.next_revocation_at(&[]).await.unwrap(), Some(at(50)));
    let second = claim_revocation(&*store, 50, 60).await;
    assert_eq!(second.tokens, first.tokens);
    assert!(record(&*store, &second, again(70, 2), 51).await);
    let kept = store.revocation(first.revocation.id).await.unwrap();
    assert_eq!(kept.unwrap().failures, 2);
}

pub(super) async fn what_has_ended_holds_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let fault = Some(Fault::new("unsupported", "nothing to be done"));
    for (n, status) in (1..).zip([
        RevocationStatus::Revoked,
        RevocationStatus::Unsupported,
        RevocationStatus::Failed,
        RevocationStatus::Cancelled,
    ]) {
        stray(&*store, n, None).await;
        let lease = claim_revocation(&*store, 10, 25).await;
        let fault = fault.clone().filter(|_| n > 1);
        let result = RevocationResult::Ended {
            status,
            fault: fault.clone(),
        };
        assert_eq!(holding(&*store).await, 1);
        assert!(record(&*store, &lease, result.clone(), 20).await);
        let kept = store.revocation(lease.revocation.id).await.unwrap();
        let kept = kept.unwrap();
        assert_eq!((kept.status, kept.ended_at), (status, Some(at(20))));
        assert_eq!((kept.next_attempt_at, kept.lease.until), (None, None));
        assert_eq!(kept.last_error, fault);
        assert_eq!(holding(&*store).await, 0);
        // No further result is recorded, and nothing is due any more.
        assert!(!record(&*store, &lease, result, 21).await);
        assert!(!record(&*store, &lease, again(30, 1), 21).await);
        assert!(!attribute(&*store, &lease, Some("ada")).await);
        assert_eq!(store.revocation(kept.id).await.unwrap(), Some(kept));
        assert_eq!(store.next_revocation_at(&[]).await.unwrap(), None);
        assert_eq!(claim_revocations(&*store, 9999, 9999, 10).await, []);
    }
}

pub(super) async fn a_person_found_out_is_noted(fixture: &dyn Fixture) {
    let store = fixture.store();
    linked(&*store, 1, grant("ada", "one"), 5).await;
    stray(&*store, 1, None).await;
    let bobs = claim_revocation(&*store, 10, 30).await;
    assert!(attribute(&*store, &bobs, Some("bob")).await);
    let kept = store.revocation(bobs.revocation.id).await.unwrap();
    let kept = kept.unwrap();
    assert_eq!(kept.person.as_deref(), Some("bob"));
    assert_eq!(
        kept.lease, bobs.revocation.lease,
        "it is still the caller's"
    );
    assert_eq!(holding(&*store).await, 1);

    stray(&*store, 2, None).await;
    let adas = claim_revocation(&*store, 11, 30).await;
    assert!(!attribute(&*store, &adas, Some("ada")).await);
    let kept = store.revocation(adas.revocation.id).await.unwrap();
    let kept = kept.unwrap();
    assert_eq!(kept.person.as_deref(), Some("ada"));
    assert_eq!(kept.status, RevocationStatus::Cancelled);
    assert_eq!((kept.ended_at, kept.next_attempt_at), (Some(at(25)), None));
    assert_eq!(holding(&*store).await, 1);
}

pub(super) async fn an_unknown_person_may_be_any_unknown_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let anonymous = |provider, which| NewGrant {
        account: AccountKey {
            provider,
            account_id: format!("anonymous-{which}"),
        },
        identified: false,
        ..grant("nobody", which)
    };
    linked(&*store, 1, grant("ada", "one"), 5).await;
    linked(&*store, 2, anonymous(elsewhere(), "two"), 5).await;
    stray(&*store, 1, None).await;
    let first = claim_revocation(&*store, 10, 30).await;
    assert!(attribute(&*store, &first, None).await);
    assert_eq!(status(&*store, &first).await, RevocationStatus::Pending);
    let github = ProviderName::new("github");
    linked(&*store, 3, anonymous(github, "three"), 5).await;
    assert!(!attribute(&*store, &first, None).await);
    assert_eq!(status(&*store, &first).await, RevocationStatus::Cancelled);
    assert_eq!(holding(&*store).await, 0);
}

pub(super) async fn linking_again_cancels(fixture: &dyn Fixture) {
    let store = fixture.store();
    stray(&*store, 1, Some("ada")).await;
    let revoked = claim_revocation(&*store, 10, 30).await;
    assert!(record(&*store, &revoked, ended(RevocationStatus::Revoked), 11).await);
    stray(&*store, 2, Some("ada")).await;
    let leased = claim_revocation(&*store, 10, 30).await;
    stray(&*store, 3, Some("ada")).await;
    stray(&*store, 4, Some("bob")).await;
    stray(&*store, 5, None).await;
    let at_another = NewRevocation {
        provider: elsewhere(),
        ..new_revocation(6, Some("ada"))
    };
    store.store_stray(at_another).await.unwrap();

    linked(&*store, 1, grant("ada", "again"), 20).await;
    let all = store.revocations(None, 10).await.unwrap();
    let stands: Vec<_> = all.iter().map(|r| (r.status, r.ended_at)).collect();
    let cancelled = (RevocationStatus::Cancelled, Some(at(20)));
    let pending = (RevocationStatus::Pending, None);
    let gone = (RevocationStatus::Revoked, Some(at(11)));
    let expected = [gone, cancelled, cancelled, pending, pending, pending];
    assert_eq!(stands, expected);
    assert!(!record(&*store, &leased, ended(RevocationStatus::Revoked), 21).await);
    assert_eq!(holding(&*store).await, 3);
    assert_eq!(claim_revocations(&*store, 9999, 9999, 10).await.len(), 3);
}

pub(super) async fn a_link_that_fails_cancels_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    stray(&*store, 1, Some("ada")).await;
    let link = authorizing(&*store, 1, 5).await;
    claim_one(&*store, 5, 60).await;
    assert_conflict(complete(&*store, &link, grant("ada", "one"), 6).await);
    assert_eq!(holding(&*store).await, 1);
}

pub(super) async fn nobody_gets_the_same_one_twice(fixture: &dyn Fixture) {
    for n in 1..=60 {
        stray(&*fixture.store(), n, None).await;
    }
    assert_each_is_claimed_once(fixture, 60, |store| async move {
        let claimed = claim_revocations(&*store, 10, 60, 4).await;
        Vec::from_iter(claimed.iter().map(|lease| lease.revocation.id))
    })
    .await;
}

pub(super) async fn lists_come_in_pages(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=5 {
        stray(&*store, n, None).await;
    }
    let all = store.revocations(None, u64::MAX).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by_key(|revocation| revocation.id));
    let page = |after| store.revocations(after, 2);
    assert_eq!(page(None).await.unwrap(), all[..2]);
    assert_eq!(page(Some(all[1].id)).await.unwrap(), all[2..4]);
    assert_eq!(page(Some(all[4].id)).await.unwrap(), []);
    assert_eq!(store.revocations(None, 0).await.unwrap(), []);
}

pub(super) async fn what_ended_long_ago_is_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=5 {
        stray(&*store, n, None).await;
        let lease = claim_revocation(&*store, 10, 30).await;
        let now = 10 * u64::from(n);
        assert!(record(&*store, &lease, ended(RevocationStatus::Failed), now).await);
    }
    stray(&*store, 6, None).await;
    assert_eq!(store.purge_revocations(at(10), 10).await.unwrap(), 0);
    assert_eq!(store.purge_revocations(at(40), 0).await.unwrap(), 0);
    for gone in [2, 1, 0] {
        let purged = store.purge_revocations(at(40), 2).await;
        assert_eq!(purged.unwrap(), gone);
    }
    let left = store.revocations(None, 10).await.unwrap();
    let left: Vec<_> = left.iter().map(|left| left.ended_at).collect();
    assert_eq!(left, [Some(at(40)), Some(at(50)), None]);
    assert_eq!(store.purge_revocations(at(9999), 10).await.unwrap(), 2);
}
