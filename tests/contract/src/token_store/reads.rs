//! Reading keys with their tokens, and confirming them later.

use central_oauth_domain::Fault;
use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::{AccessKeyId, KeyRole, NewKey, StoredTokens};
use central_oauth_domain::ports::{Descendants, KeyCreation, OpenedKey, RowVersion, TokenStore};
use central_oauth_domain::secret::KeyedHash;

use super::Fixture;
use super::samples::*;

async fn opened(store: &dyn TokenStore, hash: &KeyedHash) -> OpenedKey {
    store.open_key(hash).await.unwrap().expect("no such key")
}

/// Returns what a caller remembers of a key, to confirm it later.
async fn seen(store: &dyn TokenStore, n: u8) -> (AccessKeyId, RowVersion) {
    let opened = opened(store, &key(n)).await;
    (opened.holder.id, opened.grant.expect("no tokens").version)
}

async fn changed(store: &dyn TokenStore, seen: &[(AccessKeyId, RowVersion)]) -> Vec<AccessKeyId> {
    let mut changed = store.changed(seen).await.unwrap();
    changed.sort();
    changed
}

pub(super) async fn a_key_opens_its_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("bob", "one"), 10).await;
    let reader = NewKey {
        expires_at: Some(at(3)),
        ..new_key(3, ada.id)
    };
    assert!(matches!(
        store
            .create_key(reader, PLENTY, macs(), draft(Actor::ADMIN))
            .await
            .unwrap(),
        KeyCreation::Created(_)
    ));
    for (n, role) in [(1, KeyRole::Owner), (3, KeyRole::Reader)] {
        let opened = opened(&*store, &key(n)).await;
        assert_eq!(opened.holder.role, role);
        let holder = store.find_key(&key(n)).await.unwrap();
        assert_eq!(Some(opened.holder), holder);
        let tokens = store.tokens(ada.id).await.unwrap();
        assert_eq!(opened.grant.map(|grant| grant.tokens), tokens);
    }
}

pub(super) async fn a_key_without_an_account_opens_its_link(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = authorizing(&*store, 1, 5).await;
    let opened = opened(&*store, &key(1)).await;
    assert_eq!(opened.holder.id, link.key);
    assert_eq!(opened.grant, None);
    let holder = store.find_key(&key(1)).await.unwrap();
    assert_eq!(Some(opened.holder), holder);
    assert_eq!(store.open_key(&key(2)).await.unwrap(), None);
    assert_eq!(store.open_key(&code(1)).await.unwrap(), None);
}

pub(super) async fn what_stays_the_same_has_not_changed(fixture: &dyn Fixture) {
    let store = fixture.store();
    linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("bob", "one"), 10).await;
    assert_eq!(changed(&*store, &[]).await, []);
    let both = [seen(&*store, 1).await, seen(&*store, 2).await];
    // Changes of other accounts, links and keys do not count, nor do recorded uses of the keys.
    linked(&*store, 3, grant("eve", "one"), 11).await;
    pending(&*store, 4).await;
    let used = [(both[0].0, at(30)), (both[1].0, at(31))];
    store.note_key_uses(&used, at(31)).await.unwrap();
    assert_eq!(changed(&*store, &both).await, []);
    assert_eq!(seen(&*store, 1).await, both[0]);
}

/// Asserts that a change of an account is noticed for the first of two keys, and only for this one.
async fn is_noticed(fixture: &dyn Fixture, what: &str, change: impl AsyncFn(&StoredTokens)) {
    let store = fixture.store();
    let [adas, bobs] = [seen(&*store, 1).await, seen(&*store, 2).await];
    let before = opened(&*store, &key(1)).await.grant.unwrap();
    let both = [bobs, adas.clone()];
    assert_eq!(changed(&*store, &both).await, [], "before {what}");
    change(&before.tokens).await;
    assert_eq!(changed(&*store, &both).await, [adas.0], "{what}");
    if let Some(after) = store.open_key(&key(1)).await.unwrap() {
        let after = after.grant.unwrap();
        assert_ne!(after, before, "{what}");
        let again = [(adas.0, after.version)];
        assert_eq!(changed(&*store, &again).await, [], "{what}");
    }
}

pub(super) async fn what_becomes_of_tokens_is_noticed(fixture: &dyn Fixture) {
    let store = fixture.store();
    linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("bob", "one"), 10).await;
    let claimed =
        async |tokens: &StoredTokens| claim_refresh(&*store, tokens.account.id, 20, 20).await;
    is_noticed(fixture, "a failure", async |tokens| {
        let lease = claimed(tokens).await;
        assert!(record_failure(&*store, &lease, failure(30)).await);
    })
    .await;
    is_noticed(fixture, "a refresh", async |tokens| {
        let lease = claimed(tokens).await;
        record_for(&*store, &lease, fresh("two")).await;
    })
    .await;
    is_noticed(fixture, "a new consent", async |_| {
        linked(&*store, 3, grant("ada", "three"), 30).await;
    })
    .await;
    is_noticed(fixture, "the same consent again", async |_| {
        linked(&*store, 4, grant("ada", "three"), 30).await;
    })
    .await;
    is_noticed(fixture, "a doubt", async |tokens| {
        let suspect = central_oauth_domain::grant::refresh::SuspectGrant {
            account: tokens.account.id,
            next_refresh_at: at(40),
        };
        let marked = store
            .mark_suspect(&[suspect], &Fault::new("doubt", "a doubt"))
            .await;
        assert_eq!(marked.unwrap(), 1);
    })
    .await;
    is_noticed(fixture, "the end", async |tokens| {
        let person = Some(&*tokens.account.key.account_id);
        let revocation = new_revocation(9, person);
        store
            .delete_account(tokens, revocation, draft(Actor::ADMIN))
            .await
            .unwrap();
    })
    .await;
}

pub(super) async fn a_deleted_key_is_noticed(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    store
        .create_key(new_key(2, ada.id), PLENTY, macs(), draft(Actor::ADMIN))
        .await
        .unwrap();
    let [owner, reader] = [seen(&*store, 1).await, seen(&*store, 2).await];
    let gone = store
        .delete_key(ada.id, reader.0, Descendants::Kept, draft(Actor::ADMIN))
        .await;
    assert_eq!(gone.unwrap(), [reader.0]);
    assert_eq!(changed(&*store, &[owner, reader.clone()]).await, [reader.0]);
    assert_eq!(store.open_key(&key(2)).await.unwrap(), None);
}
