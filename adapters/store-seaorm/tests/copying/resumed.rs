//! Interrupted copies.

use std::time::Duration;

use central_oauth_domain::grant::{Generation, RefreshedTokens};
use central_oauth_domain::ports::{
    AccountStore, RefreshStore, RevocationStore, SealStore, StoreError,
};
use central_oauth_domain::secret::{AccessToken, RefreshToken};
use central_oauth_domain::vault::Vault;
use central_oauth_store_seaorm::{CopyError, CopySource, PoolSettings, SeaOrmCopy, SeaOrmStore};
use central_oauth_test_postgres::Cluster;
use tokio::task::JoinHandle;

use super::world::{Place, cipher, copy, interrupted, linked, person, revocation};
use crate::common::{NOW, POOL, audit, pending, sealed};

/// Changes the source as its service would between two attempts. Rotates the tokens of `ada`, deletes `bob`, deletes
/// `eve` and links her again with a new id, and links a new account.
async fn time_passes(store: &SeaOrmStore, vault: &Vault) {
    let accounts = store.accounts(None, 10).await.unwrap();
    let [ada, bob, eve] = &accounts[..] else {
        panic!("{accounts:?}")
    };
    let owner = person("ada");
    let seen = store.tokens(ada.id).await.unwrap().unwrap();
    let tokens = RefreshedTokens {
        access_token: Ok(vault.seal(&AccessToken::new("newer"), &owner).unwrap()),
        refresh_token: vault.seal(&RefreshToken::new("rotated"), &owner).ok(),
        scopes: vec![],
        extra: None,
        origin: seen.origin.clone(),
        requested_at: NOW,
        access_token_expires_at: None,
        hints: seen.hints,
        refresh_token_expires_at: None,
        next_refresh_at: None,
    };
    let recorded =
        store.record_refresh(ada.id, seen.generation, seen.lease.version, tokens, audit());
    recorded.await.unwrap();
    for (n, account) in [(11, bob), (12, eve)] {
        let tokens = store.tokens(account.id).await.unwrap().unwrap();
        let gone = store.delete_account(&tokens, revocation(vault, n), audit());
        gone.await.unwrap();
    }
    linked(store, vault, 21, "eve").await;
    linked(store, vault, 22, "new").await;
    pending(store, 23).await;
    assert!(store.store_stray(revocation(vault, 13)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destination_becomes_what_the_source_is_now() {
    // Ten tables have rows, and the copy takes one step for each. The eleventh step finds nothing left to copy.
    for steps in [1, 2, 4, 11] {
        let (from, to) = (Place::file().filled().await, Place::server());
        assert_eq!(interrupted(&from, &to, steps).await, steps < 11);
        from.with(time_passes).await;
        assert!(interrupted(&from, &to, steps).await);
        copy(&from, &to).await.unwrap();
        let contents = to.contents().await;
        assert_eq!(contents, from.contents().await, "after {steps} steps");
        assert_eq!(contents.tokens_of("ada").generation, Generation(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_all_or_nothing() {
    let (from, to) = (Place::file().filled().await, Place::file());
    assert!(interrupted(&from, &to, 3).await);
    from.with(time_passes).await;
    copy(&from, &to).await.unwrap();
    assert_eq!(to.contents().await, from.contents().await);
}

/// Keeps a table locked for longer than the statement timeout of a service.
async fn lock_for_long(database: &str, mode: &'static str) -> JoinHandle<String> {
    let (cluster, name) = (Cluster::shared(), database.to_owned());
    let lock = format!("LOCK TABLE accounts IN {mode} MODE; SELECT pg_sleep(5)");
    let locked = tokio::task::spawn_blocking(move || cluster.execute(&name, &lock));
    let sleeping = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while cluster.execute(database, sleeping) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    locked
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_takes_its_time() {
    let hurried = PoolSettings {
        statement_timeout: Duration::from_secs(1),
        ..POOL
    };
    let (from, to) = (Place::file().filled().await, Place::server());
    let source = CopySource::hold(&from.url, hurried).await.unwrap();
    let destination = SeaOrmStore::open(&to.url, hurried).await.unwrap();
    destination.migrate_up().await.unwrap();
    let mut copying = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    let database = to.database.as_ref().unwrap();

    // The lock makes the count take long, as if the table were large.
    let locked = lock_for_long(database, "ACCESS EXCLUSIVE").await;
    copying.counts().await.unwrap();
    locked.await.unwrap();
    // This lock allows the copy to add rows, but ANALYZE has to wait.
    let locked = lock_for_long(database, "SHARE UPDATE EXCLUSIVE").await;
    while copying.step().await.unwrap().is_some() {}
    locked.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_starts_on_an_unfinished_copy() {
    let (from, to) = (Place::file().filled().await, Place::server());
    interrupted(&from, &to, 1).await;
    let store = to.open().await;
    let refused = store.init_hash_key(sealed("new")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    copy(&from, &to).await.unwrap();
    to.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_starts_while_something_is_copied() {
    let (from, to) = (Place::file().filled().await, Place::server());
    let source = CopySource::hold(&from.url, POOL).await.unwrap();
    let destination = to.open().await;
    let mut copying = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    // No rows have been copied yet. Even so, another store cannot create the hash key.
    let store = to.open().await;
    let refused = store.init_hash_key(sealed("new")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    copying.step().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_connections_break_cannot_be_completed() {
    let cluster = Cluster::shared();
    let (from, to) = (Place::file().filled().await, Place::server());
    let source = CopySource::hold(&from.url, POOL).await.unwrap();
    let (hash_key, _) = source.unlock(cipher()).await.unwrap();
    let destination = to.open().await;
    let mut cut = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    cut.step().await.unwrap();
    cluster.cut_connections(to.database.as_ref().unwrap());
    assert!(cut.step().await.is_err());
    assert!(cut.finish(&hash_key).await.is_err());
    assert_eq!(to.open().await.hash_key().await.unwrap(), None);
    source.release().await.unwrap();
    copy(&from, &to).await.unwrap();
    assert_eq!(to.contents().await, from.contents().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_is_named_and_the_copy_stays_unfinished() {
    for (damage, column) in [
        // A value that was sealed for another account counts as damaged.
        (
            "UPDATE tokens SET refresh_token = (SELECT refresh_token FROM tokens WHERE id = 2) WHERE id = 1",
            "RefreshToken of row 1 of tokens, of account ada at github",
        ),
        (
            "UPDATE revocations SET refresh_token = substr(refresh_token, 1, 20)",
            "RefreshToken of row 1 of revocations",
        ),
        // An ended link should have no sealed values.
        (
            "UPDATE device_codes SET id_token = x'00' WHERE id = 1",
            "IdToken of row 1 of device_codes",
        ),
    ] {
        for to in Place::each() {
            let from = Place::file().filled().await;
            from.scratch.as_ref().unwrap().execute(damage).await;
            let refused = copy(&from, &to).await;
            let Err(error @ CopyError::Unreadable(_)) = refused else {
                panic!("{refused:?}")
            };
            assert!(error.to_string().contains(column), "{error}");
            assert_eq!(to.open().await.hash_key().await.unwrap(), None);
        }
    }
}
