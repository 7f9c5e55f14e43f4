//! Group commit: writes that wait for the writer of a file are committed together.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{
    CODES, NOW, OnDisk, Scratch, answer, audit, code, key, linked, macs, new_link, pending, sealed,
};
use central_oauth_domain::grant::refresh::{Attempts, RefreshFailure};
use central_oauth_domain::grant::{Account, AccountStatus, Generation, InertKey, LeaseVersion};
use central_oauth_domain::link::{Guess, GuessLimit, WrongCodeCounts};
use central_oauth_domain::ports::{
    AccountStore, GuessStore, KeyStore, LinkCreation, LinkStore, NewLink, NewLinkKey,
    RecordedRefresh, RefreshStore, StoreError,
};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::{Fault, FaultCode, Timestamp};
use central_oauth_store_seaorm::SeaOrmStore;
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// Takes the file's write lock as another process would, so that writes wait.
async fn lock(scratch: &Scratch) -> DatabaseTransaction {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let db = scratch.raw().await;
    db.begin_with_options(immediate).await.unwrap()
}

/// Gives the started writes time to queue, and then releases the lock.
async fn release(lock: DatabaseTransaction) {
    sleep(Duration::from_millis(100)).await;
    lock.rollback().await.unwrap();
}

type Creating = JoinHandle<Result<LinkCreation, StoreError>>;

fn create(store: &Arc<SeaOrmStore>, link: NewLink) -> Creating {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.create_link(link, u64::MAX, CODES, macs()).await })
}

async fn created(creating: Creating) {
    let created = creating.await.unwrap();
    let is_created = matches!(created, Ok(LinkCreation::Created(_)));
    assert!(is_created, "{created:?}");
}

async fn unavailable<T: std::fmt::Debug>(writing: JoinHandle<Result<T, StoreError>>) {
    let failed = writing.await.unwrap();
    let is_unavailable = matches!(failed, Err(StoreError::Unavailable(_)));
    assert!(is_unavailable, "{failed:?}");
}

fn record(
    store: &Arc<SeaOrmStore>,
    account: &Account,
    answered: &str,
) -> JoinHandle<Result<RecordedRefresh, StoreError>> {
    let (store, id, tokens) = (Arc::clone(store), account.id, answer(answered, answered));
    let lease = LeaseVersion(0);
    tokio::spawn(async move {
        store
            .record_refresh(id, Generation::FIRST, lease, tokens, audit())
            .await
    })
}

/// Returns, for each number, whether a service that starts later finds the link and the key.
async fn stored_in(scratch: &Scratch, numbers: impl IntoIterator<Item = u64>) -> Vec<(bool, bool)> {
    let later = scratch.open().await;
    let mut found = Vec::new();
    for n in numbers {
        let link = later.find_link(&code(n)).await.unwrap();
        let key = later.find_key(&key(n)).await.unwrap();
        found.push((link.is_some(), key.is_some()));
    }
    later.close().await.unwrap();
    found
}

/// Returns a trigger that runs the statement `how` before link `n` is inserted.
fn refusing(n: u64, how: &str) -> String {
    let hash = code(n)
        .as_bytes()
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
    format!(
        "CREATE TRIGGER trouble BEFORE INSERT ON device_codes WHEN new.code_hash = x'{hash}' \
         BEGIN {how}; END"
    )
}

fn with_key(n: u64, key: KeyedHash) -> NewLink {
    let key = NewLinkKey::New(InertKey::owner(key));
    NewLink { key, ..new_link(n) }
}

#[tokio::test]
async fn a_member_that_fails_fails_alone() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let aborts = "SELECT RAISE(ABORT, 'as if a value were not allowed')";
    scratch.execute(&refusing(5, aborts)).await;
    let lock = lock(&scratch).await;
    let first = create(&store, new_link(1));
    let key_taken = create(&store, with_key(2, key(1)));
    let code_taken = create(&store, with_key(1, key(3)));
    let full = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create_link(new_link(4), 1, CODES, macs()).await })
    };
    let not_allowed = create(&store, new_link(5));
    let last = create(&store, new_link(6));
    release(lock).await;
    created(first).await;
    let conflict = key_taken.await.unwrap();
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    let answered = code_taken.await.unwrap();
    assert!(
        matches!(answered, Ok(LinkCreation::CodeTaken)),
        "{answered:?}"
    );
    let answered = full.await.unwrap();
    assert!(
        matches!(answered, Ok(LinkCreation::OverCapacity)),
        "{answered:?}"
    );
    unavailable(not_allowed).await;
    created(last).await;
    // The rejected links have left no keys.
    let found = stored_in(&scratch, 1..=6).await;
    let (all, none) = ((true, true), (false, false));
    assert_eq!(found, [all, none, none, none, none, all]);
}

#[tokio::test]
async fn a_failed_commit_fails_every_member() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let account = linked(&store, 1, "ada").await;
    let setup = "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
        CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)";
    scratch.execute(setup).await;
    scratch
        .execute(&refusing(3, "INSERT INTO child VALUES (7)"))
        .await;
    let lock = lock(&scratch).await;
    let others = [create(&store, new_link(2)), create(&store, new_link(3))];
    // This write conflicts with a link that is never committed, so it must not report a conflict.
    let conflict = create(&store, new_link(2));
    let recorded = record(&store, &account, "two");
    release(lock).await;
    for member in others.into_iter().chain([conflict]) {
        unavailable(member).await;
    }
    unavailable(recorded).await;
    let none = (false, false);
    assert_eq!(stored_in(&scratch, 2..=3).await, [none, none]);
    let stored = store.tokens(account.id).await.unwrap().unwrap();
    assert_eq!(stored.access_token, sealed("access"));
    // The callers retry.
    scratch.execute("DROP TRIGGER trouble").await;
    let lock = self::lock(&scratch).await;
    let (link, recorded) = (create(&store, new_link(3)), record(&store, &account, "two"));
    release(lock).await;
    created(link).await;
    assert_eq!(recorded.await.unwrap().unwrap(), RecordedRefresh::Stored);
    let later = scratch.open().await;
    let stored = later.tokens(account.id).await.unwrap().unwrap();
    assert_eq!(stored.access_token, sealed("two"));
    assert_eq!(stored_in(&scratch, [3]).await, [(true, true)]);
}

/// SQLite rolls back by itself when the disk is full.
#[tokio::test]
async fn a_rollback_by_the_database_itself_fails_every_member() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let rolls_back = "SELECT RAISE(ROLLBACK, 'as if the disk were full')";
    scratch.execute(&refusing(2, rolls_back)).await;
    let lock = lock(&scratch).await;
    let members = [1, 2].map(|n| create(&store, new_link(n)));
    // The rollback ends the first group after its second write, so the third write joins a new group.
    let last = create(&store, new_link(3));
    release(lock).await;
    for member in members {
        unavailable(member).await;
    }
    created(last).await;
    let (all, none) = ((true, true), (false, false));
    assert_eq!(stored_in(&scratch, 1..=3).await, [none, none, all]);
    scratch.execute("DROP TRIGGER trouble").await;
    let lock = self::lock(&scratch).await;
    let members = [1, 2].map(|n| create(&store, new_link(n)));
    release(lock).await;
    for member in members {
        created(member).await;
    }
    assert_eq!(stored_in(&scratch, 1..=3).await, [all; 3]);
}

#[tokio::test]
async fn a_member_whose_caller_has_gone_is_left_out() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let lock = lock(&scratch).await;
    let members = [1, 2, 3].map(|n| create(&store, new_link(n)));
    sleep(Duration::from_millis(100)).await;
    members[1].abort();
    release(lock).await;
    let [first, _, last] = members;
    created(first).await;
    created(last).await;
    let (all, none) = ((true, true), (false, false));
    assert_eq!(stored_in(&scratch, 1..=3).await, [all, none, all]);
}

#[tokio::test]
async fn members_for_the_same_account_see_each_other() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let account = linked(&store, 1, "ada").await;
    let lock = lock(&scratch).await;
    let first = record(&store, &account, "two");
    let second = record(&store, &account, "three");
    let failure = RefreshFailure {
        is_shown: true,
        fault: Fault::new(FaultCode::ProviderUnavailable, "the provider is down"),
        status: AccountStatus::Degraded,
        attempts: Attempts::default(),
        next_refresh_at: Some(Timestamp::from_millis(7)),
    };
    let failed = {
        let (store, id) = (Arc::clone(&store), account.id);
        let (generation, lease) = (Generation::FIRST, LeaseVersion(0));
        tokio::spawn(async move {
            store
                .record_refresh_failure(id, generation, lease, failure, audit())
                .await
        })
    };
    release(lock).await;
    assert_eq!(first.await.unwrap().unwrap(), RecordedRefresh::Stored);
    assert_eq!(second.await.unwrap().unwrap(), RecordedRefresh::Superseded);
    assert!(!failed.await.unwrap().unwrap());
    let stored = store.tokens(account.id).await.unwrap().unwrap();
    assert_eq!(stored.access_token, sealed("two"));
    assert_eq!(stored.account.status, AccountStatus::Active);
}

/// A transaction waits for one group of writes, even if more writes are queued than fit into a group.
#[tokio::test]
async fn a_group_gives_the_writer_to_others() {
    const WRITES: u64 = 200;
    let OnDisk { scratch, store } = OnDisk::new().await;
    let lock = lock(&scratch).await;
    let writes: Vec<_> = (0..WRITES).map(|n| create(&store, new_link(n))).collect();
    // By now, the first group has the writer.
    sleep(Duration::from_millis(100)).await;
    let other = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.purge_links(NOW, NOW, 10).await })
    };
    release(lock).await;
    other.await.unwrap().unwrap();
    let before = writes.iter().filter(|write| write.is_finished()).count();
    assert!(before <= 100, "{before}");
    for write in writes {
        created(write).await;
    }
}

/// In a flood of wrong codes, a person with the right code waits for a few commits, not for one commit per guess.
#[tokio::test]
async fn guesses_that_wait_are_counted_in_one_commit() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let rolls_back = "SELECT RAISE(ROLLBACK, 'as if the disk were full')";
    scratch.execute(&refusing(1, rolls_back)).await;
    let lock = lock(&scratch).await;
    let guesses: Vec<_> = (1..=20).map(|network| guess(&store, network)).collect();
    sleep(Duration::from_millis(100)).await;
    let fails = create(&store, new_link(1));
    release(lock).await;
    unavailable(fails).await;
    for guess in guesses {
        unavailable(guess).await;
    }
}

fn guess(
    store: &Arc<SeaOrmStore>,
    network: u8,
) -> JoinHandle<Result<Result<WrongCodeCounts, Duration>, StoreError>> {
    let store = Arc::clone(store);
    let guess = Guess {
        network: KeyedHash::from_bytes([network; 32]),
        at: NOW,
        is_wrong: true,
    };
    let limit = GuessLimit::new(Duration::from_secs(600));
    tokio::spawn(async move { store.admit_guess(&guess, limit).await })
}

/// Another process retries until it gets the lock between two groups.
#[tokio::test(flavor = "multi_thread")]
async fn groups_leave_the_file_to_other_processes() {
    let OnDisk { scratch, store } = OnDisk::new().await;
    let other = scratch.open().await;
    let mut writers = JoinSet::new();
    for writer in 1..=16 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for n in 0.. {
                pending(&store, writer * 100_000 + n).await;
            }
        });
    }
    let mut longest = Duration::ZERO;
    for n in 0..5 {
        let started = Instant::now();
        pending(&other, n).await;
        longest = longest.max(started.elapsed());
    }
    writers.shutdown().await;
    println!("the other process waited {longest:?} at most");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}
