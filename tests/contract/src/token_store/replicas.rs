//! The list of replicas.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::replica::ReplicaReport;

use super::Fixture;
use super::samples::*;

fn replica(instance: &str) -> ReplicaReport {
    ReplicaReport {
        instance: instance.to_owned(),
        name: format!("{instance}:8080"),
        version: "0.1.0".to_owned(),
        started_at: at(0),
    }
}

async fn check_in(store: &dyn TokenStore, instance: &str, second: u64) {
    let replica = replica(instance);
    store.check_in(&replica, at(second)).await.unwrap();
}

/// Returns each replica with the time at which it was seen.
async fn seen(store: &dyn TokenStore) -> Vec<(String, Timestamp)> {
    let replicas = store.replicas().await.unwrap().into_iter();
    let seen = replicas.map(|replica| (replica.report.instance, replica.seen_at));
    seen.collect()
}

pub(super) async fn they_say_who_they_are(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert!(seen(&*store).await.is_empty());
    check_in(&*store, "one", 1).await;
    check_in(&*store, "two", 2).await;
    let known = store.replicas().await.unwrap();
    let known: Vec<_> = known.into_iter().map(|known| known.report).collect();
    assert_eq!(known, [replica("one"), replica("two")]);
}

pub(super) async fn they_are_seen_again(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    check_in(&*store, "two", 1).await;
    check_in(&*store, "one", 10).await;
    let expected = [("one".to_owned(), at(10)), ("two".to_owned(), at(1))];
    assert_eq!(seen(&*store).await, expected);
}

pub(super) async fn who_ends_is_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    check_in(&*store, "two", 0).await;
    store.check_out("one").await.unwrap();
    assert_eq!(seen(&*store).await, [("two".to_owned(), at(0))]);
    store.check_out("one").await.unwrap();
}

pub(super) async fn who_is_gone_is_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    check_in(&*store, "one", 0).await;
    check_in(&*store, "two", 86_399).await;
    assert_eq!(seen(&*store).await.len(), 2);
    check_in(&*store, "two", 86_400).await;
    assert_eq!(seen(&*store).await.len(), 1);
}
