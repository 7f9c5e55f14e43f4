//! Links that become accounts.

use std::collections::HashSet;

use central_oauth_domain::grant::{
    AccountKey, AccountStatus, KeyBinding, NewGrant, ProviderName, StoredTokens, TokenOrigin,
};
use central_oauth_domain::link::LinkState;
use central_oauth_domain::ports::TokenStore;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

pub(super) async fn opens_the_account_to_the_key(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = redeemed(&*store, 1).await;
    let given = grant("ada", "one");
    let account = complete(&*store, &link, given.clone(), 10).await.unwrap();
    assert_eq!(account.key, given.account);
    assert_eq!(account.display_name, given.display_name);
    assert_eq!(
        (account.identified, account.status),
        (true, AccountStatus::Active)
    );
    assert_eq!(account.scopes, given.scopes);
    assert_eq!((account.created_at, account.linked_at), (at(10), at(0)));
    assert_eq!(account.access_token_expires_at, Some(at(3600)));
    assert_eq!(
        (account.last_refreshed_at, account.next_refresh_at),
        (None, Some(at(3400)))
    );
    assert_eq!(account.last_error, None);
    assert_eq!(
        store.account(account.id).await.unwrap().as_ref(),
        Some(&account)
    );

    let after = found(&*store, 1).await;
    let (id, time) = (account.id, at(10));
    assert_closed(
        &after,
        &LinkState::Linked {
            account: id,
            at: time,
        },
    );
    assert!(after.version > link.version);
    assert_eq!(store.next_poll_at(&[]).await.unwrap(), None);
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    assert_eq!(holder.binding.account(), Some(id));
    assert_eq!(holder.id, link.key);

    let tokens = tokens(&*store, &account.key).await;
    assert_eq!(tokens.account, account);
    assert_eq!(tokens.access_token, given.access_token);
    assert_eq!(tokens.refresh_token, given.refresh_token);
    assert_eq!(tokens.origin, given.origin);
}

pub(super) async fn needs_a_consent(fixture: &dyn Fixture) {
    let store = fixture.store();
    let idle = pending(&*store, 1).await;
    assert_conflict(complete(&*store, &idle, grant("ada", "one"), 1).await);
    let link = begin(&*store, &idle, 5).await;
    let anonymous = NewGrant {
        identified: false,
        refresh_token: None,
        access_token_expires_at: None,
        refresh_token_expires_at: None,
        scopes: Vec::new(),
        ..grant("ada", "one")
    };
    let account = complete(&*store, &link, anonymous, 6).await.unwrap();
    assert!(!account.identified);
    assert_eq!(account.access_token_expires_at, None);
    assert_eq!(account.scopes, Vec::<String>::new());
    let tokens = tokens(&*store, &account.key).await;
    assert_eq!(tokens.refresh_token, None);
    let done = found(&*store, 1).await;
    assert_conflict(complete(&*store, &done, grant("ada", "two"), 7).await);
}

pub(super) async fn a_stale_version_leaves_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let stale = authorizing(&*store, 1, 5).await;
    let claimed = claim_one(&*store, 5, 60).await;
    assert_conflict(complete(&*store, &stale, grant("ada", "one"), 6).await);
    assert_eq!(store.accounts(None, 10).await.unwrap(), []);
    assert_eq!(found(&*store, 1).await, claimed);
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    assert_eq!(holder.binding, KeyBinding::Link(Box::new(claimed)));
}

pub(super) async fn the_same_person_has_one_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = linked(&*store, 1, grant("ada", "one"), 10).await;
    let before = tokens(&*store, &first.key).await;
    let again = NewGrant {
        requested_at: at(18),
        ..grant("ada", "two")
    };
    let second = linked(&*store, 2, again, 20).await;
    assert_eq!(second.id, first.id);
    assert_eq!((second.created_at, second.linked_at), (at(10), at(18)));
    assert_eq!(second.display_name, "ada (two)");
    assert_eq!(second.scopes, ["repo", "two"]);
    for n in [1, 2] {
        let holder = store.find_key(&key(n)).await.unwrap().unwrap();
        assert_eq!(holder.binding.account(), Some(first.id));
    }
    let after = tokens(&*store, &first.key).await;
    assert_eq!(after.access_token, sealed("access two"));
    assert_eq!(after.refresh_token, Some(sealed("refresh two")));
    assert!(after.generation > before.generation);
    assert_eq!(store.accounts(None, 10).await.unwrap(), [second]);
}

pub(super) async fn an_older_consent_replaces_no_tokens(fixture: &dyn Fixture) {
    let store = fixture.store();
    let newer = NewGrant {
        requested_at: at(18),
        ..grant("ada", "two")
    };
    let account = linked(&*store, 2, newer, 20).await;
    let before = tokens(&*store, &account.key).await;
    let again = linked(&*store, 1, grant("ada", "one"), 30).await;
    assert_eq!(again, account);
    assert_eq!(tokens(&*store, &account.key).await, before);
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    assert_eq!(holder.binding.account(), Some(account.id));
}

pub(super) async fn another_provider_is_another_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = linked(&*store, 1, grant("7", "one"), 10).await;
    let elsewhere = NewGrant {
        account: AccountKey {
            provider: ProviderName::new("gitlab"),
            account_id: "7".to_owned(),
        },
        ..grant("7", "two")
    };
    let second = linked(&*store, 2, elsewhere, 20).await;
    assert_ne!(first.id, second.id);
    let unchanged = store.account(first.id).await.unwrap();
    assert_eq!(unchanged, Some(first));
}

pub(super) async fn a_missing_refresh_token_keeps_the_old_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("ada", "one"), 10).await;
    let before = tokens(&*store, &account.key).await;
    linked(&*store, 2, without_refresh_token("two"), 20).await;
    let after = tokens(&*store, &account.key).await;
    assert_eq!(after.access_token, sealed("access two"));
    assert_eq!(after.refresh_token, before.refresh_token);
    assert_eq!(after.generation, before.generation);
}

pub(super) async fn a_refresh_token_stays_with_its_origin(fixture: &dyn Fixture) {
    let store = fixture.store();
    let elsewhere = TokenOrigin {
        token_endpoint: "https://provider.example/elsewhere".to_owned(),
        ..origin()
    };
    let somebody_else = TokenOrigin {
        client_id: "another".to_owned(),
        ..origin()
    };
    for (n, new_origin) in [(1, elsewhere), (3, somebody_else)] {
        let account = linked(&*store, n, grant("ada", "one"), 10).await;
        let before = tokens(&*store, &account.key).await;
        let moved = NewGrant {
            origin: new_origin.clone(),
            ..without_refresh_token("two")
        };
        linked(&*store, n + 1, moved, 20).await;
        let after = tokens(&*store, &account.key).await;
        assert_eq!((after.refresh_token, after.origin), (None, new_origin));
        assert!(after.generation > before.generation);
    }
}

pub(super) async fn a_dead_refresh_token_is_not_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("ada", "one"), 10).await;
    let before = tokens(&*store, &account.key).await;
    require_relink(&*store, account.id).await;
    let healed = linked(&*store, 2, without_refresh_token("two"), 20).await;
    assert_eq!(healed.status, AccountStatus::Active);
    let after = tokens(&*store, &account.key).await;
    assert_eq!(after.refresh_token, None);
    assert!(after.generation > before.generation);
}

pub(super) async fn linking_heals(fixture: &dyn Fixture) {
    let store = fixture.store();
    let account = linked(&*store, 1, grant("ada", "one"), 10).await;
    require_relink(&*store, account.id).await;
    let ill = store.account(account.id).await.unwrap().unwrap();
    assert_eq!(ill.status, AccountStatus::RelinkRequired);
    let healed = linked(&*store, 2, grant("ada", "two"), 20).await;
    assert_eq!(
        (healed.id, healed.status),
        (account.id, AccountStatus::Active)
    );
    assert_eq!(healed.last_error, None);
}

pub(super) async fn many_links_of_one_person_at_once(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for n in 1..=12 {
        let store = fixture.store();
        let link = authorizing(&*store, n, 5).await;
        tasks.spawn(async move { complete(&*store, &link, grant("ada", "one"), 6).await });
    }
    let accounts = tasks.join_all().await.into_iter();
    let ids: HashSet<_> = accounts.map(|account| account.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

fn without_refresh_token(which: &str) -> NewGrant {
    NewGrant {
        refresh_token: None,
        ..grant("ada", which)
    }
}

pub(super) async fn tokens(store: &dyn TokenStore, key: &AccountKey) -> StoredTokens {
    let accounts = store.accounts(None, 10).await.unwrap();
    let account = accounts.iter().find(|account| account.key == *key).unwrap();
    store.tokens(account.id).await.unwrap().unwrap()
}
