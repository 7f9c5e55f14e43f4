//! The audit log.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    Actor, AuditEntry, AuditEvent, AuditFilter, AuditKind, AuditNumber, SignedEntry,
};
use central_oauth_domain::grant::{AccessKeyId, AccountId, KeyMaker, NewKey};
use central_oauth_domain::ports::{
    Descendants, KeyCreation, RecordedRefresh, StoreError, TokenStore,
};
use central_oauth_domain::testing::{audit_chain, audit_draft};
use central_oauth_domain::usecases::verify_audit;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

/// Returns an entry of second `n`.
pub(super) fn entry(n: u64) -> SignedEntry {
    let event = AuditEvent::new(AuditKind::KeyCreated).with("number", n);
    audit_draft(Actor::ADMIN, at(n)).entry(event)
}

/// Returns the retention that keeps entries of second `n` or later.
fn since(n: u64) -> RangeInclusive<Timestamp> {
    at(n)..=at(100_000)
}

pub(super) async fn chain_all(store: &dyn TokenStore) {
    let chain = audit_chain();
    while store.chain_entries(&chain, 100, at(0)).await.unwrap().taken > 0 {}
}

pub(super) async fn log(store: &dyn TokenStore) -> Vec<AuditEntry> {
    chain_all(store).await;
    let all = AuditFilter::default();
    let entries = store.audit_entries(&all, AuditNumber(0), u64::MAX);
    entries.await.unwrap()
}

async fn kinds(store: &dyn TokenStore) -> Vec<String> {
    let entries = log(store).await.into_iter();
    entries.map(|entry| entry.content.kind).collect()
}

async fn assert_verified(store: &dyn TokenStore, entries: u64) {
    let verified = verify_audit(store, &audit_chain(), None).await.unwrap();
    assert_eq!(verified.entries, entries);
}

pub(super) async fn entries_come_back_as_they_were_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.audit_ends().await.unwrap(), None);
    assert_verified(&*store, 0).await;
    let event = AuditEvent::new(AuditKind::TokenHandedOut)
        .account(AccountId(1))
        .key(AccessKeyId(2))
        .with("count", 3);
    let kept = [audit_draft(Actor::Anonymous, at(4)).entry(event), entry(5)];
    store.store_entries(&[]).await.unwrap();
    store.store_entries(&kept).await.unwrap();
    let entries = log(&*store).await;
    let contents: Vec<_> = entries.iter().map(|entry| &entry.content).collect();
    assert_eq!(contents, [&kept[0].content, &kept[1].content]);
    assert_eq!(entries[0].number, AuditNumber(1));
    assert_verified(&*store, 2).await;
}

pub(super) async fn an_entry_is_kept_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let kept = [entry(1), entry(2)];
    store.store_entries(&kept).await.unwrap();
    store.store_entries(&kept[..1]).await.unwrap();
    assert_eq!(log(&*store).await.len(), 2);
    store.store_entries(&kept).await.unwrap();
    assert_eq!(log(&*store).await.len(), 2);
}

pub(super) async fn they_are_chained_in_batches(fixture: &dyn Fixture) {
    let store = fixture.store();
    let chain = audit_chain();
    let none = store.chain_entries(&chain, 10, at(0)).await.unwrap();
    assert_eq!((none.taken, none.is_broken), (0, false));
    let kept: Vec<_> = (0..25).map(entry).collect();
    store.store_entries(&kept).await.unwrap();
    for chained in [10, 10, 5, 0] {
        let done = store.chain_entries(&chain, 10, at(0)).await.unwrap();
        assert_eq!((done.taken, done.is_broken), (chained, false));
    }
    let entries = log(&*store).await;
    let order: Vec<_> = entries.iter().map(|entry| entry.content.at).collect();
    assert_eq!(order, (0..25).map(at).collect::<Vec<_>>());
    assert_verified(&*store, 25).await;
}

/// Several replicas record and number entries concurrently.
pub(super) async fn many_at_once_make_one_chain(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for replica in 0..6 {
        let store = fixture.store();
        tasks.spawn(async move {
            for n in 0..10 {
                store
                    .store_entries(&[entry(replica * 10 + n)])
                    .await
                    .unwrap();
                let chained = store.chain_entries(&audit_chain(), 3, at(0)).await;
                chained.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let store = fixture.store();
    let entries = log(&*store).await;
    let times: HashSet<Timestamp> = entries.iter().map(|entry| entry.content.at).collect();
    assert_eq!((entries.len(), times.len()), (60, 60));
    assert_verified(&*store, 60).await;
}

pub(super) async fn they_are_found_by_what_they_say(fixture: &dyn Fixture) {
    let store = fixture.store();
    let about = |n: u64, kind, account, key| {
        let event = AuditEvent::new(kind).account(AccountId(account));
        let event = event.key(AccessKeyId(key));
        audit_draft(Actor::ADMIN, at(n)).entry(event)
    };
    let kept = [
        about(1, AuditKind::KeyCreated, 1, 1),
        about(2, AuditKind::KeyDeleted, 1, 2),
        about(3, AuditKind::KeyCreated, 2, 3),
        about(4, AuditKind::KeyCreated, 1, 3),
    ];
    store.store_entries(&kept).await.unwrap();
    chain_all(&*store).await;
    let found = async |filter: AuditFilter, after, limit| {
        let found = store
            .audit_entries(&filter, AuditNumber(after), limit)
            .await;
        let numbers = found.unwrap().into_iter().map(|entry| entry.number.0);
        numbers.collect::<Vec<_>>()
    };
    let all = AuditFilter::default;
    let account = Some(AccountId(1));
    let key = Some(AccessKeyId(3));
    let kind = Some(AuditKind::KeyCreated);
    let (after, before) = (Some(at(2)), Some(at(4)));
    assert_eq!(found(all(), 0, 9).await, [1, 2, 3, 4]);
    assert_eq!(found(all(), 2, 1).await, [3]);
    assert_eq!(
        found(AuditFilter { account, ..all() }, 0, 9).await,
        [1, 2, 4]
    );
    assert_eq!(found(AuditFilter { key, ..all() }, 0, 9).await, [3, 4]);
    assert_eq!(found(AuditFilter { kind, ..all() }, 1, 9).await, [3, 4]);
    assert_eq!(
        found(
            AuditFilter {
                after,
                before,
                ..all()
            },
            0,
            9
        )
        .await,
        [2, 3]
    );
    assert_eq!(
        found(
            AuditFilter {
                account,
                kind,
                ..all()
            },
            0,
            9
        )
        .await,
        [1, 4]
    );
}

pub(super) async fn old_ones_are_deleted_and_the_rest_is_verified(fixture: &dyn Fixture) {
    let store = fixture.store();
    let chain = audit_chain();
    assert_eq!(store.purge_entries(&chain, since(99), 10).await.unwrap(), 0);
    let kept: Vec<_> = (0..20).map(entry).collect();
    store.store_entries(&kept).await.unwrap();
    chain_all(&*store).await;
    for (before, purged, left) in [(0, 0, 20), (5, 5, 15), (18, 10, 5), (18, 3, 2)] {
        let deleted = store.purge_entries(&chain, since(before), 10).await;
        assert_eq!(deleted.unwrap(), purged);
        assert_eq!(log(&*store).await.len(), left);
        assert_verified(&*store, left as u64).await;
    }
    assert_eq!(store.purge_entries(&chain, since(99), 10).await.unwrap(), 2);
    store.store_entries(&[entry(20)]).await.unwrap();
    assert_eq!(log(&*store).await[0].number, AuditNumber(21));
    assert_verified(&*store, 1).await;
}

pub(super) async fn one_that_is_dated_ahead_keeps_no_others(fixture: &dyn Fixture) {
    let store = fixture.store();
    let chain = audit_chain();
    let kept = [1, 900_000, 3, 4].map(entry);
    store.store_entries(&kept).await.unwrap();
    chain_all(&*store).await;
    assert_eq!(store.purge_entries(&chain, since(4), 10).await.unwrap(), 3);
    assert_eq!(store.purge_entries(&chain, since(4), 10).await.unwrap(), 0);
    assert_eq!(log(&*store).await[0].content.at, at(4));
    assert_verified(&*store, 1).await;
}

pub(super) async fn one_that_is_dated_long_ago_takes_no_others(fixture: &dyn Fixture) {
    let store = fixture.store();
    let chain = audit_chain();
    let kept = [5, 1, 6].map(entry);
    store.store_entries(&kept).await.unwrap();
    chain_all(&*store).await;
    assert_eq!(store.purge_entries(&chain, since(4), 10).await.unwrap(), 0);
    assert_eq!(store.purge_entries(&chain, since(6), 10).await.unwrap(), 2);
    assert_verified(&*store, 1).await;
}

pub(super) async fn each_descendant_of_a_deleted_key_leaves_an_entry(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let owner = found(&*store, 1).await.key;
    let mut made = Vec::new();
    for n in 2..5 {
        let maker = KeyMaker::Key(owner);
        let key = NewKey {
            maker,
            ..new_key(n, ada.id)
        };
        let created = store.create_key(key, PLENTY, macs(), draft(Actor::ADMIN));
        let KeyCreation::Created(record) = created.await.unwrap() else {
            panic!("not created");
        };
        made.push(record.id);
    }
    let with = Descendants::Deleted;
    let gone = store.delete_key(ada.id, owner, with, draft(Actor::ADMIN));
    assert_eq!(gone.await.unwrap().len(), 4);
    let entries = log(&*store).await.into_iter().map(|entry| entry.content);
    let mut deleted = entries.filter(|content| content.kind == "key.deleted");
    let first = deleted.next().unwrap();
    assert_eq!((first.key, &*first.detail), (Some(owner), "descendants=3"));
    let mut others = Vec::new();
    for content in deleted {
        assert_eq!(content.detail, format!("deleted_with={owner}"));
        others.extend(content.key);
    }
    others.sort();
    assert_eq!(others, made);
}

/// A change of a key is recorded exactly if something has changed.
pub(super) async fn changes_of_keys_leave_entries(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    assert_eq!(kinds(&*store).await, ["link.linked"]);
    let owner = found(&*store, 1).await.key;
    store
        .create_key(new_key(2, ada.id), PLENTY, macs(), draft(Actor::ADMIN))
        .await
        .unwrap();
    // Nothing is recorded for a second key with this hash, a key beyond the limit, or an unknown key.
    assert_conflict(
        store
            .create_key(new_key(2, ada.id), PLENTY, macs(), draft(Actor::ADMIN))
            .await,
    );
    store
        .create_key(new_key(3, ada.id), 1, macs(), draft(Actor::ADMIN))
        .await
        .unwrap();
    let gone = AccessKeyId(777);
    let kept = Descendants::Kept;
    let deleted = store.delete_key(ada.id, gone, kept, draft(Actor::ADMIN));
    assert_eq!(deleted.await.unwrap(), []);
    let deleted = store.delete_key(ada.id, owner, kept, draft(Actor::Key(owner)));
    assert_eq!(deleted.await.unwrap(), [owner]);
    let expected = ["link.linked", "key.created", "key.deleted"];
    assert_eq!(kinds(&*store).await, expected);
    let deleted = log(&*store).await.pop().unwrap().content;
    assert_eq!((deleted.account, deleted.key), (Some(ada.id), Some(owner)));
    assert_eq!(deleted.actor, format!("key:{owner}"));
    assert_verified(&*store, 3).await;
}

pub(super) async fn a_deleted_account_leaves_an_entry(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let tokens = store.tokens(ada.id).await.unwrap().unwrap();
    for n in [1, 2] {
        let revocation = new_revocation(n, Some("ada"));
        let deleted = store.delete_account(&tokens, revocation, draft(Actor::ADMIN));
        let deleted: Result<_, StoreError> = deleted.await;
        assert_eq!(deleted.is_ok(), n == 1);
    }
    assert_eq!(kinds(&*store).await, ["link.linked", "account.deleted"]);
    let deleted = log(&*store).await.pop().unwrap().content;
    assert_eq!((deleted.account, &*deleted.actor), (Some(ada.id), "admin"));
}

pub(super) async fn results_of_refreshes_are_stored_with_their_entries(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let before = log(&*store).await.len();
    let claimed = stored(&*store, id).await;
    let (generation, lease) = (claimed.generation, claimed.lease.version);
    // Each result is recorded twice, as after a commit whose outcome is unknown.
    for _ in 0..2 {
        let failed = store.record_refresh_failure(id, generation, lease, failure(22), audit());
        failed.await.unwrap();
        assert_eq!(log(&*store).await.len(), before + 1);
    }
    for _ in 0..2 {
        let recorded = store.record_refresh(id, generation, lease, fresh("two"), audit());
        recorded.await.unwrap();
        assert_eq!(log(&*store).await.len(), before + 2);
    }
    // Results that come too late change nothing.
    let late = store.record_refresh(id, generation, lease, fresh("late"), audit());
    assert_eq!(late.await.unwrap(), RecordedRefresh::Superseded);
    let late = store.record_refresh_failure(id, generation, lease, failure(25), audit());
    assert!(!late.await.unwrap());
    let kinds = kinds(&*store).await.split_off(before);
    assert_eq!(kinds, ["refresh.failed", "refresh.recovered"]);
}
