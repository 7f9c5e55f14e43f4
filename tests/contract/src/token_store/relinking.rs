//! Links that reactivate an account.

use central_oauth_domain::Fault;
use central_oauth_domain::grant::{AccessKeyId, Account, AccountId};
use central_oauth_domain::link::{Ending, Link, LinkState};
use central_oauth_domain::ports::{StoreError, TokenStore};

use super::Fixture;
use super::completing::tokens;
use super::samples::*;

/// Starts link number `n`, with which the holder of the first link's key relinks an account.
async fn relink(store: &dyn TokenStore, n: u8, account: AccountId) -> Link {
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    let link = keep(store, new_relink(n, holder.id, account)).await;
    assert_eq!((link.key, link.relink_of), (holder.id, Some(account)));
    begin(store, &link, 5).await
}

async fn assert_opens(store: &dyn TokenStore, keys: &[u8], account: &Account) {
    for n in keys {
        let holder = store.find_key(&key(*n)).await.unwrap().unwrap();
        assert_eq!(holder.binding.account(), Some(account.id), "key {n}");
    }
}

pub(super) async fn other_keys_keep_working(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("ada", "one"), 10).await;
    linked(&*store, 2, grant("ada", "two"), 20).await;
    require_relink(&*store, account.id).await;
    let link = relink(&*store, 3, account.id).await;
    assert_opens(&*store, &[1, 2], &account).await;
    let again = complete(&*store, &link, grant("ada", "three"), 30).await;
    assert_eq!(again.unwrap().id, account.id);
    assert_opens(&*store, &[1, 2], &account).await;
    let done = LinkState::Linked {
        account: account.id,
        at: at(30),
    };
    assert_closed(&found(&*store, 3).await, &done);
}

pub(super) async fn another_person_is_refused(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    let link = relink(&*store, 3, ada.id).await;
    for person in ["bob", "somebody new"] {
        assert_conflict(complete(&*store, &link, grant(person, "two"), 20).await);
    }
    let accounts = store.accounts(None, 10).await.unwrap();
    assert_eq!(accounts, [ada.clone(), bob]);
    assert_eq!(found(&*store, 3).await, link);
    assert_opens(&*store, &[1], &ada).await;
}

/// The same id at another server may belong to another person. The account's keys must not open that person's tokens.
pub(super) async fn an_account_of_another_server_is_only_relinked(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("7", "one"), 10).await;
    let before = tokens(&*store, &account.key).await;
    let mut moved = grant("7", "two");
    moved.origin.token_endpoint = "https://elsewhere.example/token".to_owned();
    let strangers = authorizing(&*store, 2, 10).await;
    let refused = complete(&*store, &strangers, moved.clone(), 20).await;
    assert!(
        matches!(refused, Err(StoreError::OtherServer(_))),
        "{refused:?}"
    );
    assert_eq!(tokens(&*store, &account.key).await, before);
    assert_eq!(found(&*store, 2).await, strangers);
    let link = relink(&*store, 3, account.id).await;
    let relinked = complete(&*store, &link, moved.clone(), 30).await;
    assert_eq!(relinked.unwrap().id, account.id);
    assert_eq!(tokens(&*store, &account.key).await.origin, moved.origin);
}

pub(super) async fn the_key_must_open_the_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    let inert = pending(&*store, 3).await;
    let adas = store.find_key(&key(1)).await.unwrap().unwrap();
    for (key, account) in [
        (AccessKeyId(777), ada.id),
        (adas.id, bob.id),
        (adas.id, AccountId(777)),
        (inert.key, ada.id),
    ] {
        let refused = store
            .create_link(new_relink(9, key, account), PLENTY, CODES, macs())
            .await;
        assert_conflict(refused);
    }
    assert_eq!(store.find_link(&code(9)).await.unwrap(), None);
}

pub(super) async fn failing_takes_nothing_away(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("ada", "one"), 10).await;
    let link = relink(&*store, 2, account.id).await;
    let mismatch = Ending::Failed(Fault::new("account_mismatch", "another person consented"));
    let ended = store.end_link(&link, mismatch, None, at(20));
    ended.await.unwrap();
    assert_opens(&*store, &[1], &account).await;
    // Deleting the ended link takes nothing away either.
    assert_eq!(store.purge_links(at(99), at(99), 10).await.unwrap(), 2);
    assert_opens(&*store, &[1], &account).await;
}

pub(super) async fn open_ones_can_be_looked_up(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "one"), 10).await;
    assert_eq!(store.open_relinks(ada.id).await.unwrap(), []);
    let first = relink(&*store, 3, ada.id).await;
    let second = relink(&*store, 4, ada.id).await;
    let pending = keep(&*store, new_relink(5, first.key, ada.id)).await;
    let open = store.open_relinks(ada.id).await.unwrap();
    assert_eq!(open, [first.clone(), second.clone(), pending.clone()]);
    assert_eq!(store.open_relinks(bob.id).await.unwrap(), []);
    assert_eq!(store.open_relinks(AccountId(777)).await.unwrap(), []);

    let completed = complete(&*store, &first, grant("ada", "two"), 30).await;
    completed.unwrap();
    let ended = store.end_link(&second, Ending::Denied(None), None, at(31));
    ended.await.unwrap();
    assert_eq!(store.open_relinks(ada.id).await.unwrap(), [pending]);
}
