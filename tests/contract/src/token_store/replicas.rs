//! Who is there, and who has the duty.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::replica::Presence;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

fn replica(instance: &str) -> Presence {
    Presence {
        instance: instance.to_owned(),
        name: format!("{instance}:8080"),
        version: "0.1.0".to_owned(),
        started_at: at(0),
    }
}

/// Checks in at a second, for a duty of 30 seconds.
async fn check_in(store: &dyn TokenStore, instance: &str, second: u64) -> bool {
    let replica = replica(instance);
    let checked = store.check_in(&replica, at(second), at(second + 30));
    checked.await.unwrap()
}

/// Each replica with when it was seen and since when it keeps house.
async fn seen(store: &dyn TokenStore, second: u64) -> Vec<(String, Timestamp, Option<Timestamp>)> {
    let replicas = store.replicas(at(second)).await.unwrap();
    let seen = replicas.into_iter().map(|replica| {
        (
            replica.presence.instance,
            replica.seen_at,
            replica.keeps_house_since,
        )
    });
    seen.collect()
}

pub(super) async fn they_say_who_they_are(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert!(seen(&*store, 0).await.is_empty());
    check_in(&*store, "one", 1).await;
    check_in(&*store, "two", 2).await;
    let known = store.replicas(at(2)).await.unwrap();
    let known: Vec<_> = known.into_iter().map(|known| known.presence).collect();
    assert_eq!(known, [replica("one"), replica("two")]);
}

pub(super) async fn one_has_the_duty(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert!(check_in(&*store, "one", 0).await);
    assert!(!check_in(&*store, "two", 1).await);
    assert!(check_in(&*store, "one", 10).await);
    assert!(!check_in(&*store, "two", 39).await);
    let (one, two) = ("one".to_owned(), "two".to_owned());
    let expected = [(one, at(10), Some(at(0))), (two, at(39), None)];
    assert_eq!(seen(&*store, 39).await, expected);
}

pub(super) async fn a_duty_lapses(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    assert!(check_in(&*store, "two", 30).await);
    let (one, two) = ("one".to_owned(), "two".to_owned());
    let expected = [(one, at(0), None), (two, at(30), Some(at(30)))];
    assert_eq!(seen(&*store, 30).await, expected);
    assert!(!check_in(&*store, "one", 31).await, "it has lost it");
    assert!(check_in(&*store, "one", 60).await);
    assert_eq!(seen(&*store, 60).await[0].2, Some(at(60)));
}

pub(super) async fn who_ends_leaves_the_duty(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    check_in(&*store, "two", 0).await;
    store.check_out("one").await.unwrap();
    assert!(check_in(&*store, "two", 1).await);
    assert_eq!(seen(&*store, 1).await.len(), 1);
    store.check_out("one").await.unwrap();
}

pub(super) async fn who_is_gone_is_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    check_in(&*store, "two", 86_399).await;
    assert_eq!(seen(&*store, 86_399).await.len(), 2);
    check_in(&*store, "two", 86_400).await;
    assert_eq!(seen(&*store, 86_400).await.len(), 1);
}

pub(super) async fn of_many_at_once_one_has_the_duty(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let store = fixture.store();
        tasks.spawn(async move { check_in(&*store, &format!("replica {n}"), 0).await });
    }
    let having = tasks.join_all().await;
    assert_eq!(having.iter().filter(|has| **has).count(), 1);
    let keeping = seen(&*store, 0).await;
    assert_eq!(keeping.iter().filter(|one| one.2.is_some()).count(), 1);
}
