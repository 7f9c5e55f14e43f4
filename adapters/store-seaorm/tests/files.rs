//! The files of a SQLite database.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::path::Path;

use crate::common::{POOL, Scratch, code, key, linked, pending, sealed};
use central_oauth_domain::ports::{AccountStore, KeyStore, LinkStore, SealStore};
use central_oauth_domain::secret::Sealed;
use central_oauth_store_seaorm::{DatabaseUrl, OpenError, SeaOrmStore};

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    pending(&store, 1).await;
    let files = scratch.files();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["store.sqlite3", "store.sqlite3-shm", "store.sqlite3-wal"];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(mode(&scratch.path().with_file_name(name)), 0o600, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn permissions_that_somebody_chose_stay() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    scratch.migrated().await.close().await.unwrap();
    let chosen = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(scratch.path(), chosen).unwrap();
    scratch.migrated().await;
    assert_eq!(mode(&scratch.path()), 0o640);
}

#[tokio::test]
async fn reopening_finds_everything() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    store.init_hash_key(sealed("hash key")).await.unwrap();
    let link = pending(&store, 1).await;
    let account = linked(&store, 2, "ada").await;
    let tokens = store.tokens(account.id).await.unwrap();
    store.close().await.unwrap();
    assert!(store.hash_key().await.is_err());

    let store = scratch.migrated().await;
    assert_eq!(store.find_link(&code(1)).await.unwrap(), Some(link));
    assert_eq!(store.tokens(account.id).await.unwrap(), tokens);
    let holder = store.find_key(&key(2)).await.unwrap().unwrap();
    assert_eq!(holder.binding.account(), Some(account.id));
    let kept = store.hash_key().await.unwrap();
    assert_eq!(kept, Some(sealed("hash key")));
}

struct Rejected(Sealed);

impl From<OpenError> for Rejected {
    fn from(error: OpenError) -> Self {
        panic!("{error}");
    }
}

/// Opens a database, rejects its hash key, and returns the key. A database without a hash key is opened and closed, and
/// the result is `None`.
async fn rejected(url: &DatabaseUrl) -> Option<Sealed> {
    let opened = SeaOrmStore::open_if(url, POOL, |key| match key {
        None => Ok(()),
        Some(key) => Err(Rejected(key.clone())),
    });
    match opened.await {
        Ok(store) => {
            store.close().await.unwrap();
            None
        }
        Err(Rejected(key)) => Some(key),
    }
}

#[tokio::test]
async fn a_database_whose_key_is_rejected_is_unchanged() {
    let scratch = Scratch::new();
    assert_eq!(rejected(&scratch.url()).await, None);
    let store = scratch.migrated().await;
    store.close().await.unwrap();
    assert_eq!(rejected(&scratch.url()).await, None);

    let store = scratch.open().await;
    store.init_hash_key(sealed("hash key")).await.unwrap();
    store.close().await.unwrap();
    let before = scratch.files();
    assert_eq!(rejected(&scratch.url()).await, Some(sealed("hash key")));
    assert!(scratch.files() == before, "a file has changed");
}

#[tokio::test]
async fn the_key_that_a_running_service_has_written_is_checked() {
    let scratch = Scratch::new();
    let store = scratch.migrated().await;
    store.init_hash_key(sealed("hash key")).await.unwrap();
    let durable = |(name, _): &(String, Vec<u8>)| !name.ends_with("-shm");
    let before: Vec<_> = scratch.files().into_iter().filter(durable).collect();
    assert_eq!(rejected(&scratch.url()).await, Some(sealed("hash key")));
    let after: Vec<_> = scratch.files().into_iter().filter(durable).collect();
    assert!(before == after);
}

#[tokio::test]
async fn the_key_that_a_crashed_service_has_written_is_checked() {
    let (running, crashed) = (Scratch::new(), Scratch::new());
    let store = running.migrated().await;
    store.init_hash_key(sealed("hash key")).await.unwrap();
    for (name, content) in running.files() {
        if !name.ends_with("-shm") {
            std::fs::write(crashed.path().with_file_name(name), content).unwrap();
        }
    }
    let found = rejected(&crashed.url()).await;
    assert_eq!(found, Some(sealed("hash key")));
    let recovered = crashed.open().await.hash_key().await.unwrap();
    assert_eq!(recovered, found);
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path(), "this is no database, only some text").unwrap();
    let refused = SeaOrmStore::open(&scratch.url(), POOL).await.map(drop);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("store.sqlite3"), "{message}");
    let nowhere = DatabaseUrl::file(scratch.path().join("no/such/folder"));
    let refused = SeaOrmStore::open(&nowhere, POOL).await.map(drop);
    assert!(matches!(refused, Err(OpenError::File { .. })));
}

#[tokio::test]
async fn odd_names_are_only_names() {
    let scratch = Scratch::new();
    let path = scratch.path().with_file_name("50% off?mode=memory&x #1");
    let url = DatabaseUrl::file(&path);
    let store = SeaOrmStore::open(&url, POOL).await.unwrap();
    store.migrate_up().await.unwrap();
    store.init_hash_key(sealed("hash key")).await.unwrap();
    store.close().await.unwrap();
    let found = rejected(&url).await;
    assert_eq!(found, Some(sealed("hash key")));
    let is_named_so = |(name, _): &(String, _)| name.starts_with("50% off?mode=memory&x #1");
    assert!(scratch.files().iter().all(is_named_so));
}
