//! The MACs of keys.

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::KeyHolder;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::{StoreError, TokenStore};

use super::Fixture;
use super::samples::*;

async fn holder(store: &dyn TokenStore, n: u8) -> KeyHolder {
    store.find_key(&key(n)).await.unwrap().expect("no such key")
}

pub(super) async fn every_key_has_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    let inert = holder(&*store, 1).await;
    assert!(macs().is_genuine(&inert), "of a new link");
    let ada = linked(&*store, 2, grant("ada", "one"), 10).await;
    assert!(
        macs().is_genuine(&holder(&*store, 2).await),
        "of an account"
    );
    let created = store
        .create_key(new_key(3, ada.id), PLENTY, macs(), draft(Actor::ADMIN))
        .await;
    created.unwrap();
    assert!(
        macs().is_genuine(&holder(&*store, 3).await),
        "a further one"
    );
    let relink = keep(&*store, new_relink(4, holder(&*store, 2).await.id, ada.id)).await;
    let relink = begin(&*store, &relink, 5).await;
    let before = holder(&*store, 2).await;
    complete(&*store, &relink, grant("ada", "two"), 20)
        .await
        .unwrap();
    assert_eq!(holder(&*store, 2).await, before, "of a relink");
    let opened = store.open_key(&key(3)).await.unwrap().unwrap().holder;
    assert_eq!(opened, holder(&*store, 3).await);
}

pub(super) async fn only_the_own_hash_key_makes_them(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = redeemed(&*store, 1).await;
    let inert = holder(&*store, 1).await;
    assert!(!macs_of(8).is_genuine(&inert));
    let others = macs_of(8);
    let forged = store.complete_link(
        &link,
        grant("ada", "one"),
        at(10),
        &others,
        draft(Actor::Service),
    );
    assert!(matches!(forged.await, Err(StoreError::Altered(_))));
    assert_eq!(store.accounts(None, 10).await.unwrap(), []);
    assert_eq!(holder(&*store, 1).await, inert);
}

pub(super) async fn a_link_opens_nothing_to_another_key(fixture: &dyn Fixture) {
    let store = fixture.store();
    let eve = linked(&*store, 1, grant("eve", "one"), 10).await;
    let inert = pending(&*store, 2).await;
    let adas = redeemed(&*store, 3).await;
    for key in [holder(&*store, 1).await.id, inert.key] {
        let changed = Link {
            key,
            ..adas.clone()
        };
        let refused = complete(&*store, &changed, grant("ada", "one"), 20).await;
        assert!(
            matches!(refused, Err(StoreError::Altered(_))),
            "{refused:?}"
        );
    }
    let accounts = store.accounts(None, 10).await.unwrap();
    assert_eq!(accounts, [eve]);
    complete(&*store, &adas, grant("ada", "one"), 20)
        .await
        .unwrap();
}

pub(super) async fn keys_that_have_one_get_no_other(fixture: &dyn Fixture) {
    let store = fixture.store();
    linked(&*store, 1, grant("ada", "one"), 10).await;
    pending(&*store, 2).await;
    assert_eq!(store.keys_without_mac(None, 10).await.unwrap(), []);
    let before = holder(&*store, 1).await;
    let another = macs_of(8).authenticated(before.clone());
    assert_eq!(store.store_key_macs(&[another]).await.unwrap(), 0);
    assert_eq!(holder(&*store, 1).await, before);
}
