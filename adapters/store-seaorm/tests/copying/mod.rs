//! Copies of complete databases.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod refused;
mod resumed;
mod world;

use crate::common::{NOW, audit, pending};
use central_oauth_domain::audit::{
    Actor, AuditChain, AuditEvent, AuditFilter, AuditKind, AuditNumber, AuditReference,
};
use central_oauth_domain::ports::{AccountStore, AuditStore, SealStore};
use central_oauth_domain::usecases::verify_audit;
use central_oauth_domain::vault::Vault;
use central_oauth_store_seaorm::{CopyError, SeaOrmStore};
use world::{Place, copy, linked, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn all_is_there_and_opens() {
    for to in Place::each() {
        let from = Place::file().filled().await;
        let before = from.scratch.as_ref().unwrap().files();
        let copied = copy(&from, &to).await.unwrap();
        assert!(from.scratch.as_ref().unwrap().files() == before);
        let rows: Vec<_> = copied
            .tables
            .iter()
            .map(|of| (of.table, of.source))
            .collect();
        let expected = [
            ("accounts", 3),
            ("account_labels", 3),
            ("tokens", 3),
            ("access_keys", 6),
            ("device_codes", 5),
            ("revocations", 1),
            ("workloads", 1),
            ("audit_inbox", 6),
            ("audit_log", 0),
            ("audit_ends", 0),
            ("webhook_receivers", 1),
            ("announced_ends", 1),
        ];
        assert_eq!(rows, expected);
        // Two values per account, two of the link in progress, and one of the revocation.
        assert_eq!(copied.opened, 9);
        assert_eq!(to.contents().await, from.contents().await);
        // A service with the same key can start on the copy.
        to.start().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_copied_as_well() {
    for to in Place::each() {
        let from = Place::server().filled().await;
        copy(&from, &to).await.unwrap();
        assert_eq!(to.contents().await, from.contents().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_many_batches() {
    for to in Place::each() {
        let from = Place::file();
        let many = async |store: &_, _: &_| {
            for n in 1..=450 {
                pending(store, n).await;
            }
        };
        from.with(many).await;
        copy(&from, &to).await.unwrap();
        assert_eq!(to.contents().await, from.contents().await);
    }
}

/// Stores this many audit entries, and gives them their numbers in the log.
async fn record(store: &SeaOrmStore, vault: &Vault, times: u128) {
    let chain = AuditChain::new(vault.clone());
    let known = store
        .audit_entries(&AuditFilter::default(), AuditNumber(0), 10_000)
        .await;
    let first = known.unwrap().len() as u128;
    let entries = (first..first + times).map(|n| {
        let reference = AuditReference(n.to_be_bytes());
        let draft = chain.draft(reference, NOW, Actor::Service, None);
        draft.entry(AuditEvent::new(AuditKind::ServiceStarted))
    });
    let entries: Vec<_> = entries.collect();
    store.store_entries(&entries).await.unwrap();
    let chained = store.chain_entries(&chain, entries.len() as u64, NOW).await;
    assert!(!chained.unwrap().is_broken);
}

async fn verified(store: &SeaOrmStore, vault: &Vault) -> u64 {
    let chain = AuditChain::new(vault.clone());
    verify_audit(store, &chain, None).await.unwrap().entries
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_log_is_verified_and_goes_on_where_it_was_copied_to() {
    for to in Place::each() {
        let from = Place::file();
        from.with(async |store, vault| record(store, vault, 450).await)
            .await;
        copy(&from, &to).await.unwrap();
        to.with(async |store, vault| {
            assert_eq!(verified(store, vault).await, 450);
            record(store, vault, 1).await;
            assert_eq!(verified(store, vault).await, 451);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_given_twice() {
    for (from, to) in Place::each().into_iter().zip(Place::each()) {
        number_goes_on(&from, &to).await;
    }
    number_goes_on(&Place::file(), &Place::server()).await;
}

async fn number_goes_on(from: &Place, to: &Place) {
    let mut gone = None;
    from.with(async |store, vault| {
        linked(store, vault, 1, "ada").await;
        let account = linked(store, vault, 2, "bob").await;
        let tokens = store.tokens(account.id).await.unwrap().unwrap();
        let deleted = store.delete_account(&tokens, revocation(vault, 1), audit());
        deleted.await.unwrap();
        gone = Some(account.id);
    })
    .await;
    copy(from, to).await.unwrap();
    to.with(async |store, vault| {
        let new = linked(store, vault, 3, "new").await.id;
        assert!(new > gone.unwrap(), "{new} was given before");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_rows_is_copied_and_one_without_a_key_is_not() {
    for to in Place::each() {
        let from = Place::file();
        from.open().await.close().await.unwrap();
        let refused = copy(&from, &to).await;
        assert!(matches!(refused, Err(CopyError::NoHashKey)), "{refused:?}");
        from.with(async |_, _| ()).await;
        let copied = copy(&from, &to).await.unwrap();
        assert_eq!(copied.opened, 0);
        assert!(to.open().await.hash_key().await.unwrap().is_some());
    }
}
