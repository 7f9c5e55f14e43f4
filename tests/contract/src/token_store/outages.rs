//! Outages and their probes.

use central_oauth_domain::Fault;
use central_oauth_domain::grant::refresh::{Outage, ProbedAccount};
use central_oauth_domain::grant::{AccountId, AccountKey, NewGrant, ProviderName};
use central_oauth_domain::ports::TokenStore;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

fn github() -> ProviderName {
    ProviderName::new("github")
}

/// Returns an outage that began at second 20. Its first probe is due a second later.
fn outage(provider: ProviderName) -> Outage {
    let fault = Fault::new("provider_unavailable", "gone");
    Outage::begin(provider, fault, None, at(20))
}

/// Links the account of this person. Its refresh is due at that second.
async fn due(store: &dyn TokenStore, n: u8, person: &str, second: u64) -> AccountId {
    let grant = NewGrant {
        next_refresh_at: Some(at(second)),
        ..grant(person, "one")
    };
    linked(store, n, grant, 1).await.id
}

/// Claims the probe that is due at that second, with a lease of ten seconds. Returns its account.
async fn probe(
    store: &dyn TokenStore,
    asked_for: Option<AccountId>,
    second: u64,
) -> Option<AccountId> {
    let provider = github();
    let probe = store.claim_probe(&provider, asked_for, at(second), at(second + 10));
    probe.await.unwrap().map(|(_, lease)| lease.account.id)
}

/// Records that the probe of that account has failed; the next one is due at that second.
async fn fail(store: &dyn TokenStore, account: AccountId, next: u64) {
    let claimed = stored(store, account).await;
    assert!(record_failure(store, &claimed, failure(next)).await);
    let outage = store.outages().await.unwrap().remove(0);
    let put_off = Outage {
        probe_at: at(next),
        ..outage
    };
    assert!(store.change_outage(&put_off).await.unwrap());
}

pub(super) async fn a_provider_has_one_at_a_time(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.outages().await.unwrap(), []);
    assert!(!store.end_outage(&github()).await.unwrap());
    let (one, other) = (outage(github()), outage(ProviderName::new("gitlab")));
    let again = Outage {
        probe_at: at(99),
        ..one.clone()
    };
    let one = store.begin_outage(one).await.unwrap().unwrap();
    let other = store.begin_outage(other).await.unwrap().unwrap();
    assert_eq!(store.begin_outage(again).await.unwrap(), None);
    assert_eq!(store.outages().await.unwrap(), [one, other.clone()]);
    assert!(store.end_outage(&github()).await.unwrap());
    assert_eq!(store.outages().await.unwrap(), [other]);
}

pub(super) async fn of_two_changes_the_first_counts(fixture: &dyn Fixture) {
    let store = fixture.store();
    let begun = store.begin_outage(outage(github())).await;
    let begun = begun.unwrap().unwrap();
    let fault = Fault::new("invalid_client", "the secret has expired");
    let failed = begun.after_failure(fault, None, at(30)).unwrap();
    assert!(store.change_outage(&failed).await.unwrap());
    assert!(!store.change_outage(&begun).await.unwrap());
    let stored = failed.changed();
    assert_eq!(
        store.outages().await.unwrap(),
        std::slice::from_ref(&stored)
    );
    store.end_outage(&github()).await.unwrap();
    assert!(!store.change_outage(&stored).await.unwrap());
}

pub(super) async fn no_change_of_an_earlier_outage_counts_for_a_later_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let earlier = store.begin_outage(outage(github())).await;
    let earlier = earlier.unwrap().unwrap();
    store.end_outage(&github()).await.unwrap();
    let later = store.begin_outage(outage(github())).await;
    let later = later.unwrap().unwrap();
    assert!(later.version > earlier.clone().changed().version);
    let put_off = Outage {
        probe_at: at(99),
        ..earlier
    };
    assert!(!store.change_outage(&put_off).await.unwrap());
    assert_eq!(store.outages().await.unwrap(), [later]);
}

pub(super) async fn one_account_is_probed_after_another(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = due(&*store, 1, "ada", 10).await;
    let bob = due(&*store, 2, "bob", 15).await;
    assert_eq!(probe(&*store, None, 30).await, None, "there is no outage");
    store.begin_outage(outage(github())).await.unwrap();
    assert_eq!(probe(&*store, None, 20).await, None, "too early");
    assert_eq!(probe(&*store, None, 21).await, Some(bob));
    let probing = store.outages().await.unwrap().remove(0);
    let probed = ProbedAccount {
        account: bob,
        times: 1,
    };
    assert_eq!(
        (probing.probe_at, &*probing.probed),
        (at(22), &[probed][..])
    );
    assert_eq!(stored(&*store, bob).await.lease.until, Some(at(31)));
    assert_eq!(probe(&*store, None, 21).await, None, "too early");
    // The first probe has no result: the provider does not answer, or the process was killed.
    assert_eq!(probe(&*store, None, 22).await, Some(ada));
    for asked_for in [None, Some(bob)] {
        assert_eq!(probe(&*store, asked_for, 30).await, None, "both are leased");
    }
    assert_eq!(probe(&*store, None, 33).await, Some(bob));
    let probing = store.outages().await.unwrap().remove(0);
    let probed = probing.probed.iter().map(|it| (it.account, it.times));
    assert_eq!(probed.collect::<Vec<_>>(), [(ada, 1), (bob, 2)]);
}

pub(super) async fn the_fewest_failures_come_next(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = due(&*store, 1, "ada", 10).await;
    let bob = due(&*store, 2, "bob", 15).await;
    let cid = due(&*store, 3, "cid", 50).await;
    store.begin_outage(outage(github())).await.unwrap();
    for (second, next) in [
        // Of the accounts that have not failed, the one that became due last.
        (21, bob),
        (22, ada),
        // Of the accounts that have failed equally often, the one that was probed least recently. Each pause is a
        // second longer.
        (24, bob),
        (27, ada),
        (50, cid),
        (55, bob),
    ] {
        assert_eq!(probe(&*store, None, second).await, Some(next), "{second}");
        fail(&*store, next, second + 1).await;
    }
}

pub(super) async fn who_has_not_failed_is_known_and_need_not_wait(fixture: &dyn Fixture) {
    let store = fixture.store();
    let next = async |outage: &Outage| store.next_unfailed_at(outage).await.unwrap();
    let ada = due(&*store, 1, "ada", 10).await;
    let begun = store.begin_outage(outage(github())).await.unwrap().unwrap();
    assert_eq!(next(&begun).await, Some(at(10)));
    assert_eq!(probe(&*store, None, 21).await, Some(ada));
    let probed = store.outages().await.unwrap().remove(0);
    assert_eq!(next(&probed).await, None);
    fail(&*store, ada, 22).await;
    assert_eq!(next(&begun).await, None);
    // After many probes, accounts that have failed before are probed less often.
    let probed = ProbedAccount {
        account: ada,
        times: 20,
    };
    let slow = Outage {
        probed: vec![probed],
        ..store.outages().await.unwrap().remove(0)
    };
    assert!(store.change_outage(&slow).await.unwrap());
    assert_eq!(probe(&*store, None, 30).await, None);
    let bob = due(&*store, 2, "bob", 25).await;
    assert_eq!(next(&slow).await, Some(at(25)));
    assert_eq!(next(&outage(ProviderName::new("gitlab"))).await, None);
    assert_eq!(probe(&*store, None, 30).await, Some(bob));
}

pub(super) async fn nobody_who_asks_takes_the_turn_of_another(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = due(&*store, 1, "ada", 10).await;
    let bob = due(&*store, 2, "bob", 500).await;
    store.begin_outage(outage(github())).await.unwrap();
    assert_eq!(probe(&*store, Some(bob), 21).await, None);
    assert_eq!(stored(&*store, bob).await.lease.until, None);
    assert_eq!(probe(&*store, None, 21).await, Some(ada));
    fail(&*store, ada, 22).await;
    // Bob has not been probed, and need not be due.
    assert_eq!(probe(&*store, Some(ada), 22).await, Some(ada));
    fail(&*store, ada, 23).await;
    assert_eq!(probe(&*store, Some(bob), 23).await, Some(bob));
}

pub(super) async fn only_accounts_of_that_provider_are_probed(fixture: &dyn Fixture) {
    let store = fixture.store();
    let elsewhere = NewGrant {
        account: AccountKey {
            provider: ProviderName::new("gitlab"),
            account_id: "ada".to_owned(),
        },
        next_refresh_at: Some(at(10)),
        ..grant("ada", "one")
    };
    linked(&*store, 1, elsewhere, 1).await;
    let begun = store.begin_outage(outage(github())).await.unwrap();
    assert_eq!(probe(&*store, None, 21).await, None);
    let outages = store.outages().await.unwrap();
    assert_eq!(outages, [begun.unwrap()]);
}

pub(super) async fn of_many_replicas_one_gets_the_probe(fixture: &dyn Fixture) {
    for n in 1..=20 {
        due(&*fixture.store(), n, &format!("person {n}"), 10).await;
    }
    let begun = fixture.store().begin_outage(outage(github())).await;
    assert!(begun.unwrap().is_some());
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let store = fixture.store();
        tasks.spawn(async move { probe(&*store, None, 21).await });
    }
    let probed = tasks.join_all().await.into_iter().flatten();
    assert_eq!(probed.count(), 1);
}
