//! Receivers of webhooks, on all replicas.

use central_oauth_domain::Fault;
use central_oauth_domain::audit::AuditNumber;
use central_oauth_domain::ports::{TokenStore, WebhookError};
use central_oauth_domain::webhook::{Receiver, ReceiverName};

use super::Fixture;
use super::audit::{chain_all, entry, log};
use super::samples::*;

fn name(text: &str) -> ReceiverName {
    ReceiverName::parse(text).unwrap()
}

/// Returns a receiver, and adds it first if it is not there.
async fn receiver(store: &dyn TokenStore, text: &str) -> Receiver {
    add(store, text, None).await;
    store.receiver(&name(text)).await.unwrap().unwrap()
}

async fn add(store: &dyn TokenStore, text: &str, position: Option<AuditNumber>) -> bool {
    let name = name(text);
    let added = store.add_receiver(&name, position, macs(), entry(9));
    added.await.unwrap()
}

pub(super) async fn a_new_one_starts_behind_the_last_entry(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(receiver(&*store, "early").await.position, AuditNumber(0));
    store.store_entries(&[entry(1), entry(2)]).await.unwrap();
    chain_all(&*store).await;
    let late = receiver(&*store, "late").await;
    // Besides the two stored entries, the log has one about the first receiver. The new one begins after all three.
    let fresh = Receiver::new(name("late"), AuditNumber(3));
    assert_eq!(late, macs().authenticated_receiver(&fresh));
    assert_eq!(receiver(&*store, "early").await.position, AuditNumber(0));
    let all = store.receivers().await.unwrap();
    let names: Vec<_> = all.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["early", "late"]);
}

pub(super) async fn one_is_added_once_with_its_entry(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.receiver(&name("one")).await.unwrap(), None);
    assert!(add(&*store, "one", Some(AuditNumber(7))).await);
    assert!(!add(&*store, "one", None).await);
    let stored = receiver(&*store, "one").await;
    assert_eq!(stored.position, AuditNumber(7));
    assert!(macs().is_genuine_receiver(&stored));
    chain_all(&*store).await;
    assert_eq!(log(&*store).await.len(), 1);
}

pub(super) async fn it_comes_back_as_it_was_saved(fixture: &dyn Fixture) {
    let store = fixture.store();
    let error = WebhookError {
        fault: Fault::new("http_status", "the receiver answered 500"),
        retry_after: None,
    };
    let stored = receiver(&*store, "one").await;
    let claimed = stored.claimed(at(1));
    assert!(store.save_receiver(&claimed).await.unwrap());
    assert_eq!(receiver(&*store, "one").await, claimed);
    let (failed, _) = claimed.attempted(AuditNumber(1), at(0), Err(error), at(2), 0.0);
    assert!(store.save_receiver(&failed).await.unwrap());
    assert_eq!(receiver(&*store, "one").await, failed);
    let (delivered, _) = failed.attempted(AuditNumber(1), at(0), Ok(()), at(9), 0.0);
    assert!(store.save_receiver(&delivered).await.unwrap());
    assert_eq!(receiver(&*store, "one").await, delivered);
    assert_eq!(delivered.version, 3);
}

pub(super) async fn of_two_replicas_one_claims_it(fixture: &dyn Fixture) {
    let store = fixture.store();
    let stored = receiver(&*store, "one").await;
    let (first, second) = (stored.claimed(at(1)), stored.claimed(at(2)));
    let saved = tokio::join!(store.save_receiver(&first), store.save_receiver(&second));
    let saved = [saved.0.unwrap(), saved.1.unwrap()];
    assert_eq!(saved.iter().filter(|saved| **saved).count(), 1);
    // The loser's later result is not stored either.
    let late = stored.skipped(AuditNumber(9));
    assert!(!store.save_receiver(&late).await.unwrap());
    assert_eq!(receiver(&*store, "one").await.position, AuditNumber(0));
}
