//! Access keys: looking them up, and listing them for an account's owner.

use std::collections::HashSet;

use central_oauth_domain::audit::{Actor, AuditKind};
use central_oauth_domain::grant::{
    AccessKeyId, AccountId, KeyBinding, KeyHolder, KeyLimits, KeyMaker, KeyRecord, KeyRole, NewKey,
};
use central_oauth_domain::ports::{Descendants, KeyCreation, StoreError, TokenStore};
use tokio::task::JoinSet;

use super::Fixture;
use super::audit::log;
use super::samples::*;

pub(super) async fn an_unknown_key_opens_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    assert_eq!(store.find_key(&key(2)).await.unwrap(), None);
    // A link code is no access key, and an access key is no link code.
    assert_eq!(store.find_key(&code(1)).await.unwrap(), None);
    assert_eq!(store.find_link(&key(1)).await.unwrap(), None);
}

pub(super) async fn a_new_key_opens_its_link(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    let link = authorizing(&*store, 2, 5).await;
    let expected = KeyHolder {
        id: link.key,
        hash: key(2),
        role: KeyRole::Owner,
        expires_at: None,
        maker: Some(KeyMaker::Link),
        limits: KeyLimits::default(),
        binding: KeyBinding::Link(Box::new(link)),
        mac: None,
    };
    let expected = macs().authenticated(expected);
    assert_eq!(store.find_key(&key(2)).await.unwrap(), Some(expected));
}

async fn create(store: &dyn TokenStore, n: u8, account: AccountId) -> KeyRecord {
    let created = store
        .create_key(new_key(n, account), PLENTY, macs(), draft(Actor::ADMIN))
        .await;
    match created.unwrap() {
        KeyCreation::Created(record) => record,
        KeyCreation::Full => panic!("not kept"),
    }
}

async fn all(store: &dyn TokenStore, account: AccountId) -> Vec<KeyRecord> {
    store.keys(account, None, u64::MAX).await.unwrap()
}

pub(super) async fn a_further_key_opens_the_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let record = create(&*store, 2, ada.id).await;
    let expected = KeyRecord {
        id: record.id,
        role: KeyRole::Reader,
        name: Some("reader 2".to_owned()),
        maker: Some(new_key(2, ada.id).maker),
        limits: new_key(2, ada.id).limits,
        created_at: at(15),
        expires_at: Some(at(9000)),
        last_used_at: None,
    };
    assert_eq!(record, expected);
    let holder = KeyHolder {
        id: record.id,
        hash: key(2),
        role: KeyRole::Reader,
        expires_at: Some(at(9000)),
        maker: record.maker,
        limits: record.limits.clone(),
        binding: KeyBinding::Account {
            id: ada.id,
            person: ada.key.clone(),
        },
        mac: None,
    };
    let holder = macs().authenticated(holder);
    assert_eq!(store.find_key(&key(2)).await.unwrap(), Some(holder));
    let endless = NewKey {
        expires_at: None,
        ..new_key(3, ada.id)
    };
    store
        .create_key(endless, PLENTY, macs(), draft(Actor::ADMIN))
        .await
        .unwrap();
    let holder = store.find_key(&key(3)).await.unwrap().unwrap();
    assert_eq!(holder.expires_at, None);
}

pub(super) async fn a_link_s_key_is_named_after_the_client(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let [record] = <[KeyRecord; 1]>::try_from(all(&*store, ada.id).await).unwrap();
    let expected = KeyRecord {
        id: found(&*store, 1).await.key,
        role: KeyRole::Owner,
        name: new_link(1).requester.client_name,
        maker: Some(KeyMaker::Link),
        limits: KeyLimits::default(),
        created_at: at(0),
        expires_at: None,
        last_used_at: None,
    };
    assert_eq!(record, expected);
}

pub(super) async fn an_account_s_keys_come_in_pages(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    pending(&*store, 3).await;
    for n in 11..15 {
        create(&*store, n, ada.id).await;
    }
    let keys = all(&*store, ada.id).await;
    assert_eq!(keys.len(), 5);
    assert!(keys.is_sorted_by_key(|key| key.id));
    let page = |after| store.keys(ada.id, after, 2);
    assert_eq!(page(None).await.unwrap(), keys[..2]);
    assert_eq!(page(Some(keys[1].id)).await.unwrap(), keys[2..4]);
    assert_eq!(page(Some(keys[4].id)).await.unwrap(), []);
    assert_eq!(all(&*store, bob.id).await.len(), 1);
    assert_eq!(all(&*store, AccountId(777)).await, []);
    assert_eq!(store.keys(ada.id, None, 0).await.unwrap(), []);
}

pub(super) async fn an_account_has_only_so_many(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    create(&*store, 11, ada.id).await;
    for most in [0, 1, 2] {
        let refused = store
            .create_key(new_key(12, ada.id), most, macs(), draft(Actor::ADMIN))
            .await;
        assert_eq!(refused.unwrap(), KeyCreation::Full);
    }
    assert_eq!(store.find_key(&key(12)).await.unwrap(), None);
    let others = store
        .create_key(new_key(12, bob.id), 2, macs(), draft(Actor::ADMIN))
        .await
        .unwrap();
    assert!(matches!(others, KeyCreation::Created(_)));
}

pub(super) async fn expired_keys_leave_room_for_others(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let expires_at = create(&*store, 11, ada.id).await.expires_at.unwrap();
    for (created_at, is_full) in [(at(15), true), (expires_at, false)] {
        let key = NewKey {
            created_at,
            expires_at: None,
            ..new_key(12, ada.id)
        };
        let created = store.create_key(key, 2, macs(), draft(Actor::ADMIN)).await;
        assert_eq!(created.unwrap() == KeyCreation::Full, is_full);
    }
}

pub(super) async fn keys_that_have_expired_go(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let owner = found(&*store, 1).await.key;
    let mut made = Vec::new();
    for (n, expires_at) in [(11, Some(20)), (12, Some(20)), (13, Some(30)), (14, None)] {
        let key = NewKey {
            expires_at: expires_at.map(at),
            ..new_key(n, ada.id)
        };
        let created = store.create_key(key, PLENTY, macs(), draft(Actor::ADMIN));
        match created.await.unwrap() {
            KeyCreation::Created(record) => made.push(record.id),
            KeyCreation::Full => panic!("not kept"),
        }
    }
    // A key with a link stays until the link is deleted.
    keep(&*store, new_relink(2, made[0], ada.id)).await;
    let purge = async |before, limit| {
        let purged = store.purge_keys(at(before), limit, draft(Actor::Service));
        purged.await.unwrap()
    };
    assert_eq!(purge(20, 10).await, 0);
    assert_eq!(purge(21, 0).await, 0);
    assert_eq!(purge(21, 10).await, 1);
    store.purge_links(at(9000), at(9000), 10).await.unwrap();
    assert_eq!(purge(31, 1).await, 1);
    assert_eq!(purge(31, 10).await, 1);
    let left: Vec<_> = all(&*store, ada.id).await.iter().map(|k| k.id).collect();
    assert_eq!(left, [owner, made[3]]);
    let entries = log(&*store).await.into_iter().map(|entry| entry.content);
    let deletions = entries.filter(|entry| entry.kind == AuditKind::KeyDeleted.as_str());
    let mut gone: Vec<_> = deletions.map(|entry| (entry.account, entry.key)).collect();
    gone.sort_unstable_by_key(|(_, key)| key.map(|key| key.0));
    assert_eq!(gone, [0, 1, 2].map(|n| (Some(ada.id), Some(made[n]))));
}

pub(super) async fn a_key_needs_an_account_and_a_hash_of_its_own(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    for most in [0, PLENTY] {
        let nobodys = store
            .create_key(
                new_key(2, AccountId(777)),
                most,
                macs(),
                draft(Actor::ADMIN),
            )
            .await;
        assert_conflict(nobodys);
    }
    assert_conflict(
        store
            .create_key(new_key(1, ada.id), PLENTY, macs(), draft(Actor::ADMIN))
            .await,
    );
    assert_eq!(all(&*store, ada.id).await.len(), 1);
}

pub(super) async fn many_at_once_stay_below_the_most(fixture: &dyn Fixture) {
    let ada = linked(&*fixture.store(), 1, grant("ada", "one"), 10).await;
    let mut tasks = JoinSet::new();
    for n in 11..31 {
        let store = fixture.store();
        tasks.spawn(async move {
            store
                .create_key(new_key(n, ada.id), 5, macs(), draft(Actor::ADMIN))
                .await
                .unwrap()
        });
    }
    let created = tasks.join_all().await.into_iter();
    let created: HashSet<_> = created
        .filter_map(|made| match made {
            KeyCreation::Created(record) => Some(record.id),
            KeyCreation::Full => None,
        })
        .collect();
    assert_eq!(created.len(), 4);
    assert_eq!(all(&*fixture.store(), ada.id).await.len(), 5);
}

pub(super) async fn deleting_one_takes_its_links_along(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("ada", "two"), 11).await;
    let (first, second) = (found(&*store, 1).await.key, found(&*store, 2).await.key);
    keep(&*store, new_relink(3, first, ada.id)).await;
    keep(&*store, new_relink(4, second, ada.id)).await;
    let gone = store
        .delete_key(ada.id, first, Descendants::Kept, draft(Actor::ADMIN))
        .await;
    assert_eq!(gone.unwrap(), [first]);
    assert_eq!(store.find_key(&key(1)).await.unwrap(), None);
    for n in [1, 3] {
        assert_eq!(store.find_link(&code(n)).await.unwrap(), None);
    }
    found(&*store, 2).await;
    found(&*store, 4).await;
    let left: Vec<_> = all(&*store, ada.id).await.iter().map(|k| k.id).collect();
    assert_eq!(left, [second]);
    assert!(store.account(ada.id).await.unwrap().is_some());
    let gone = store
        .delete_key(ada.id, first, Descendants::Kept, draft(Actor::ADMIN))
        .await;
    assert_eq!(gone.unwrap(), []);
}

pub(super) async fn only_an_account_s_own_keys_are_deleted(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    let hers = found(&*store, 1).await.key;
    let inert = pending(&*store, 3).await.key;
    for (account, key) in [
        (bob.id, hers),
        (ada.id, inert),
        (ada.id, AccessKeyId(777)),
        (AccountId(777), hers),
    ] {
        let gone = store
            .delete_key(account, key, Descendants::Kept, draft(Actor::ADMIN))
            .await;
        assert_eq!(gone.unwrap(), []);
    }
    for n in [1, 2, 3] {
        assert!(store.find_key(&key(n)).await.unwrap().is_some(), "key {n}");
    }
}

pub(super) async fn the_latest_use_is_noted(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let first = found(&*store, 1).await.key;
    let second = create(&*store, 2, ada.id).await.id;
    let gone = AccessKeyId(777);
    let mut noted = Vec::new();
    for uses in [
        vec![],
        vec![(gone, at(30)), (first, at(30)), (first, at(20))],
        vec![(second, at(25)), (first, at(29))],
        vec![(second, at(40))],
    ] {
        store.note_key_uses(&uses, at(40)).await.unwrap();
        let keys = all(&*store, ada.id).await;
        noted.push([keys[0].last_used_at, keys[1].last_used_at]);
    }
    let expected = [
        [None, None],
        [Some(at(30)), None],
        [Some(at(30)), Some(at(25))],
        [Some(at(30)), Some(at(40))],
    ];
    assert_eq!(noted, expected);
}

/// The clock was ahead, and was set back.
pub(super) async fn a_use_far_in_the_future_is_replaced(fixture: &dyn Fixture) {
    const YEAR: u64 = 365 * 24 * 3600;
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let id = found(&*store, 1).await.key;
    // The last use was stored late, for example because the database was away.
    for (used, now, last) in [(YEAR, YEAR, YEAR), (400, 400, 400), (20, 400, 400)] {
        store
            .note_key_uses(&[(id, at(used))], at(now))
            .await
            .unwrap();
        let keys = all(&*store, ada.id).await;
        assert_eq!(keys[0].last_used_at, Some(at(last)), "{used}");
    }
}

pub(super) async fn uses_noted_at_once_leave_the_latest(fixture: &dyn Fixture) {
    let ada = linked(&*fixture.store(), 1, grant("ada", "one"), 10).await;
    let id = found(&*fixture.store(), 1).await.key;
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let store = fixture.store();
        tasks.spawn(async move { store.note_key_uses(&[(id, at(n))], at(16)).await.unwrap() });
    }
    tasks.join_all().await;
    let keys = all(&*fixture.store(), ada.id).await;
    assert_eq!(keys[0].last_used_at, Some(at(15)));
}

/// Creates a key whose maker is another key.
async fn made_by(
    store: &dyn TokenStore,
    n: u8,
    account: AccountId,
    maker: AccessKeyId,
) -> AccessKeyId {
    let key = NewKey {
        maker: KeyMaker::Key(maker),
        ..new_key(n, account)
    };
    match store
        .create_key(key, PLENTY, macs(), draft(Actor::ADMIN))
        .await
        .unwrap()
    {
        KeyCreation::Created(record) => record.id,
        KeyCreation::Full => panic!("not kept"),
    }
}

pub(super) async fn what_comes_from_a_key_goes_with_it_if_asked_to(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    let owner = found(&*store, 1).await.key;
    let bobs = found(&*store, 2).await.key;
    let child = made_by(&*store, 3, ada.id, owner).await;
    let second = made_by(&*store, 4, ada.id, owner).await;
    let of_bob = made_by(&*store, 5, bob.id, bobs).await;
    let others = create(&*store, 6, ada.id).await.id;
    let all_of = async |account| {
        let keys = all(&*store, account).await;
        keys.iter().map(|key| key.id).collect::<Vec<_>>()
    };
    let gone = store
        .delete_key(ada.id, child, Descendants::Kept, draft(Actor::ADMIN))
        .await;
    assert_eq!(gone.unwrap(), [child]);
    assert_eq!(all_of(ada.id).await, [owner, second, others]);
    let again = made_by(&*store, 7, ada.id, owner).await;
    let gone = store
        .delete_key(ada.id, owner, Descendants::Deleted, draft(Actor::ADMIN))
        .await;
    let mut gone = gone.unwrap();
    gone.sort();
    assert_eq!(gone, [owner, second, again]);
    assert_eq!(all_of(ada.id).await, [others]);
    assert_eq!(all_of(bob.id).await, [bobs, of_bob]);
    let gone = store
        .delete_key(ada.id, of_bob, Descendants::Deleted, draft(Actor::ADMIN))
        .await;
    assert_eq!(gone.unwrap(), []);
    assert_eq!(all_of(bob.id).await, [bobs, of_bob]);
}

pub(super) async fn a_key_that_is_gone_makes_none(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("bob", "one"), 10).await;
    let bobs = found(&*store, 2).await.key;
    for maker in [AccessKeyId(777), bobs] {
        let key = NewKey {
            maker: KeyMaker::Key(maker),
            ..new_key(3, ada.id)
        };
        assert_conflict(
            store
                .create_key(key, PLENTY, macs(), draft(Actor::ADMIN))
                .await,
        );
    }
}

pub(super) async fn a_key_that_is_deleted_at_once_leaves_nothing_behind(fixture: &dyn Fixture) {
    let ada = linked(&*fixture.store(), 1, grant("ada", "one"), 10).await;
    let owner = found(&*fixture.store(), 1).await.key;
    let mut tasks = JoinSet::new();
    for n in 11..27 {
        let store = fixture.store();
        tasks.spawn(async move {
            if n == 18 {
                let gone = store
                    .delete_key(ada.id, owner, Descendants::Deleted, draft(Actor::ADMIN))
                    .await;
                assert!(gone.unwrap().contains(&owner));
                return;
            }
            let key = NewKey {
                maker: KeyMaker::Key(owner),
                ..new_key(n, ada.id)
            };
            match store
                .create_key(key, PLENTY, macs(), draft(Actor::ADMIN))
                .await
            {
                Ok(KeyCreation::Created(_)) | Err(StoreError::Conflict) => {}
                other => panic!("{other:?}"),
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(all(&*fixture.store(), ada.id).await, []);
}
