//! Accounts with unreadable rows. They can be shown, deleted and linked again, and do not delay other accounts.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::time::Duration;

use crate::common::{LATER, NOW, OnDisk, OnServer, audit, authorizing, grant, key, macs};
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, RevocationReference,
};
use central_oauth_domain::grant::{
    Account, AccountFilter, AccountStatus, NewGrant, ProviderName, StoredTokens,
};
use central_oauth_domain::ports::{
    AccountStore, GrantEndStore, KeyStore, LinkStore, ReadStore, RefreshStore, StoreError,
};
use central_oauth_store_seaorm::SeaOrmStore;
use central_oauth_test_postgres::Cluster;

/// Updates that store values which SQLite accepts and the service cannot read.
const DAMAGES: [&str; 14] = [
    "accounts SET status = 'fine'",
    "accounts SET display_name = x'fffe'",
    "accounts SET linked_at = 'x'",
    "accounts SET scopes = x'ff'",
    "tokens SET next_refresh_at = 'soon'",
    "tokens SET next_refresh_at = 1.5",
    "tokens SET next_refresh_at = 9e19",
    "tokens SET lease_until = 'x'",
    "tokens SET lease_version = 1e19",
    "tokens SET obtained_at = 'x'",
    "tokens SET refresh_token = 5",
    "tokens SET token_endpoint = x'fffe'",
    "tokens SET failures = 0.5",
    "tokens SET grant_expires_at = 9.5",
];

fn due(person: &str) -> NewGrant {
    NewGrant {
        next_refresh_at: Some(NOW),
        ..grant(person)
    }
}

async fn link(store: &SeaOrmStore, n: u64, person: &str) -> Account {
    let link = authorizing(store, n).await;
    let linked = store.complete_link(&link, due(person), NOW, macs(), audit());
    linked.await.unwrap()
}

async fn listed(store: &SeaOrmStore) -> Vec<Account> {
    let all = AccountFilter::default();
    store.accounts_matching(&all, None, 10).await.unwrap()
}

fn left_by(tokens: &StoredTokens) -> NewRevocation {
    NewRevocation {
        reference: RevocationReference([7; 16]),
        provider: ProviderName::new("github"),
        person: None,
        account: Some(tokens.account.id),
        origin: tokens.origin.clone(),
        tokens: RevocableTokens::default(),
        requested_at: NOW,
        created_at: NOW,
        lease_until: Some(LATER),
    }
}

/// Checks that the first account is shown as far as it can be read, and that the second one is refreshed.
async fn assert_shown(store: &SeaOrmStore, damage: &str) {
    let all = listed(store).await;
    assert_eq!(all.len(), 2, "{damage}");
    assert_eq!(all[0].key.account_id, "ada", "{damage}");
    let ada = store.account(all[0].id).await.unwrap();
    assert_eq!(ada.as_ref(), Some(&all[0]), "{damage}");
    let holder = store.find_key(&key(1)).await.unwrap().unwrap();
    assert_eq!(holder.binding.account(), Some(all[0].id), "{damage}");
    let opened = store.open_key(&key(1)).await.unwrap();
    let opened = opened.unwrap().grant.unwrap().tokens.account;
    // A list does not read all columns of the tokens.
    let is_listed = damage.contains("accounts SET") || damage.contains("next_refresh_at");
    for shown in std::iter::once(opened).chain(ada.filter(|_| is_listed)) {
        assert_eq!(shown.status, AccountStatus::Degraded, "{damage}");
        let error = shown.last_error.unwrap();
        assert_eq!(&*error.code, "internal_error", "{damage}");
    }
    for busy in [vec![], vec![ProviderName::new("other")]] {
        let next = store.next_refresh_at(&busy).await.unwrap();
        assert!(next.is_some_and(|next| next <= NOW), "{damage}: {next:?}");
    }
    let ends = NOW - Duration::from_secs(1_000_000_000_000)..LATER;
    let ending = store.unannounced_ends(ends, 10).await.unwrap();
    assert!(ending.iter().any(|account| account.id == all[1].id));
    let claimed = store.claim_due_refreshes(NOW, Duration::ZERO, LATER, 10, &[]);
    let claimed = claimed.await.unwrap();
    let ids = Vec::from_iter(claimed.iter().map(|tokens| tokens.account.id));
    assert_eq!(ids, [all[1].id], "{damage}");
}

async fn delete_first(store: &SeaOrmStore) {
    let id = listed(store).await[0].id;
    let tokens = store.tokens(id).await.unwrap().unwrap();
    let deleted = store.delete_account(&tokens, left_by(&tokens), audit());
    deleted.await.unwrap();
    assert_eq!(store.account(id).await.unwrap(), None);
}

#[tokio::test]
async fn an_account_in_a_file_that_cannot_be_read_is_shown_and_can_be_deleted() {
    for damage in DAMAGES {
        let OnDisk { scratch, store } = OnDisk::new().await;
        link(&store, 1, "ada").await;
        link(&store, 2, "bob").await;
        scratch
            .execute(&format!("UPDATE {damage} WHERE id = 1"))
            .await;
        assert_shown(&store, damage).await;
        delete_first(&store).await;
        assert_eq!(listed(&store).await.len(), 1, "{damage}");
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_whole_after_it_is_linked_again() {
    for damage in DAMAGES {
        let OnDisk { scratch, store } = OnDisk::new().await;
        let ada = link(&store, 1, "ada").await;
        scratch.execute(&format!("UPDATE {damage}")).await;
        let again = link(&store, 2, "ada").await;
        assert_eq!(again.id, ada.id, "{damage}");
        assert_eq!(listed(&store).await, std::slice::from_ref(&again));
        assert_eq!(again.status, AccountStatus::Active, "{damage}");
        let claimed = store.claim_due_refreshes(NOW, Duration::ZERO, LATER, 10, &[]);
        assert_eq!(claimed.await.unwrap().len(), 1, "{damage}");
    }
}

#[tokio::test]
async fn a_label_that_cannot_be_read_keeps_nobody_from_linking() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    link(&store, 1, "ada").await;
    let damage = "UPDATE account_labels SET value = x'fffe'";
    scratch.execute(damage).await;
    link(&store, 2, "ada").await;
}

/// If one link is unreadable, the call fails. Otherwise, its caller would take this link for missing.
#[tokio::test]
async fn the_links_of_a_key_are_all_read_or_none() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    link(&store, 1, "ada").await;
    let id = store.find_key(&key(1)).await.unwrap().unwrap().id;
    assert_eq!(store.links_of_key(id).await.unwrap().len(), 1);
    let damage = "UPDATE device_codes SET created_at = 'x'";
    scratch.execute(damage).await;
    let found = store.links_of_key(id).await;
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
}

#[tokio::test]
async fn an_account_on_a_server_that_cannot_be_read_is_shown_and_can_be_deleted() {
    let on_server = OnServer::new().await;
    let store = &on_server.store;
    link(store, 1, "ada").await;
    link(store, 2, "bob").await;
    let damage = "UPDATE accounts SET status = 'fine' WHERE id = 1";
    Cluster::shared().execute(&on_server.database, damage);
    assert_shown(store, damage).await;
    delete_first(store).await;
    assert_eq!(listed(store).await.len(), 1);
}

#[tokio::test]
async fn the_last_version_of_a_lease_delays_nobody() {
    let on_server = OnServer::new().await;
    let on_disk = OnDisk::new().await;
    let last = format!(
        "UPDATE tokens SET lease_version = {} WHERE id = 1",
        i64::MAX
    );
    for store in [&on_server.store, &on_disk.store] {
        link(store, 1, "ada").await;
        link(store, 2, "bob").await;
    }
    Cluster::shared().execute(&on_server.database, &last);
    on_disk.scratch.execute(&last).await;
    for store in [&on_server.store, &on_disk.store] {
        let claimed = store.claim_due_refreshes(NOW, Duration::ZERO, LATER, 10, &[]);
        assert_eq!(claimed.await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_error_without_words_is_shown_as_it_is() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let ada = link(&store, 1, "ada").await;
    let half = "UPDATE accounts SET last_error_code = 'half'";
    scratch.execute(half).await;
    let found = store.account(ada.id).await.unwrap().unwrap();
    assert_eq!(&*found.last_error.unwrap().code, "half");
}
