//! Which keys and tokens the cache serves, and until when.

use std::sync::Mutex;

use async_trait::async_trait;

use super::memory::Memory;
use super::*;
use crate::grant::KeyLimits;
use crate::ports::{OpenedGrant, ProviderError, RowVersion};
use crate::usecases::tests::*;
use crate::usecases::{HandedKey, KeyRequest, Pause};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Stage {
    /// Returns the access token that `GET /v1/token` hands out.
    async fn served(&self, key: &AccessKey) -> Result<String, Refusal> {
        let caller = self.keys.authenticate_for_token(Some(key), HOME).await?;
        let handed = self.tokens.hand_out(&caller, secs(0), HOME).await?;
        Ok(handed.access_token.expose().to_owned())
    }

    async fn new_key(&self, owner: &AccessKey, expires_at: Option<Timestamp>) -> HandedKey {
        let request = KeyRequest {
            name: "reader".to_owned(),
            expires_at,
            limits: KeyLimits::default(),
        };
        let (owner, account) = (self.caller(owner).await, self.last_account().await);
        let created = self.keys.create(&owner, account, request, HOME).await;
        created.unwrap()
    }
}

fn is_unauthorized(answer: &Result<String, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Unauthorized(_)))
}

#[tokio::test]
async fn an_answer_is_served_without_a_question_until_it_is_to_be_confirmed() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let mut asked = Vec::new();
    for passed in [0, 0, 500, 1, 500, 0] {
        stage.clock.advance(millis(passed));
        assert_eq!(stage.served(&key).await.unwrap(), "access-1");
        asked.push(stage.store.reads());
    }
    assert_eq!(asked, [1, 1, 1, 2, 2, 2]);
}

#[tokio::test]
async fn one_question_confirms_all_that_are_in_use() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let (others, unused) = (
        [
            stage.new_key(&key, None).await,
            stage.new_key(&key, None).await,
        ],
        stage.new_key(&key, None).await,
    );
    stage.served(&unused.access_key).await.unwrap();
    for _ in 0..20 {
        for key in [&key, &others[0].access_key, &others[1].access_key] {
            stage.served(key).await.unwrap();
        }
        stage.clock.advance(millis(500));
        stage.tokens.revalidate_cache().await;
    }
    // Each of the four keys was read once. Each of the 20 rounds confirmed all entries with one read.
    assert_eq!(stage.store.reads(), 4 + 20);
    stage.served(&unused.access_key).await.unwrap();
    assert_eq!(stage.store.reads(), 4 + 20 + 1);
    // Nobody requests a token any more, so `revalidate_cache` reads nothing.
    stage.clock.advance(secs(2));
    stage.tokens.revalidate_cache().await;
    stage.tokens.revalidate_cache().await;
    assert_eq!(stage.store.reads(), 4 + 20 + 1);
}

#[tokio::test]
async fn a_confirmation_counts_from_when_it_began() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.served(&key).await.unwrap();
    stage.clock.advance(millis(400));
    stage.tokens.revalidate_cache().await;
    stage.clock.advance(millis(500));
    stage.served(&key).await.unwrap();
    assert_eq!(stage.store.reads(), 2);
    stage.clock.advance(millis(1));
    stage.served(&key).await.unwrap();
    assert_eq!(stage.store.reads(), 3);
}

#[tokio::test]
async fn nothing_unconfirmed_is_served_while_the_store_is_away() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.served(&key).await.unwrap();
    stage.store.be_away(true);
    for passed in [0, 300, 200] {
        stage.clock.advance(millis(passed));
        stage.tokens.revalidate_cache().await;
        assert!(stage.served(&key).await.is_ok());
    }
    stage.clock.advance(millis(1));
    for _ in 0..2 {
        let refused = stage.served(&key).await;
        assert!(matches!(refused, Err(Refusal::Store(_))));
    }
    stage.store.be_away(false);
    assert!(stage.served(&key).await.is_ok());
}

#[tokio::test]
async fn what_another_replica_deletes_is_served_for_half_a_second_at_most() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let reader = stage.new_key(&key, None).await;
    let other = stage.another_replica().await;
    let (admin, account) = (Caller::ADMIN, stage.last_account().await);
    for served in [&key, &reader.access_key] {
        stage.served(served).await.unwrap();
    }
    let deleted = other
        .keys
        .delete(&admin, account, reader.record.id, Descendants::Kept, HOME)
        .await;
    deleted.unwrap();
    stage.clock.advance(millis(500));
    // Another replica serves a deleted key for up to 500 ms, so the deletion is acknowledged only later.
    assert!(stage.served(&reader.access_key).await.is_ok());
    stage.tokens.revalidate_cache().await;
    assert!(is_unauthorized(&stage.served(&reader.access_key).await));
    stage.served(&key).await.unwrap();
    other.accounts.delete(&admin, account, HOME).await.unwrap();
    stage.clock.advance(millis(501));
    assert!(is_unauthorized(&stage.served(&key).await));
}

#[tokio::test]
async fn what_this_process_changes_is_seen_at_once() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let (owner, account) = (stage.caller(&key).await, stage.last_account().await);
    assert_eq!(stage.served(&key).await.unwrap(), "access-1");
    let fresh = ScriptedProvider::tokens("access-2", Some("refresh-2"));
    stage.provider.answer_refresh(Ok(fresh));
    stage.accounts.refresh(&owner, account, HOME).await.unwrap();
    assert_eq!(stage.served(&key).await.unwrap(), "access-2");

    let link = stage.link_for(&owner).await.unwrap();
    stage.confirm(link.code.digits()).await.unwrap();
    let again = ScriptedProvider::grant("access-3", Some("refresh-3"));
    stage.provider.answer_redeem(Ok(again));
    // Reads the token again, so that the cache entry is still fresh when the relink replaces the tokens.
    assert_eq!(stage.served(&key).await.unwrap(), "access-2");
    stage.poll_providers().await;
    assert_eq!(stage.served(&key).await.unwrap(), "access-3");

    let reader = stage.new_key(&key, None).await;
    stage.served(&reader.access_key).await.unwrap();
    let deleted = stage
        .keys
        .delete(&owner, account, reader.record.id, Descendants::Kept, HOME)
        .await;
    deleted.unwrap();
    assert!(is_unauthorized(&stage.served(&reader.access_key).await));
    stage.accounts.delete(&owner, account, HOME).await.unwrap();
    assert!(is_unauthorized(&stage.served(&key).await));
}

#[tokio::test]
async fn what_has_expired_is_not_served() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let soon = stage.clock_now() + millis(100);
    let reader = stage.new_key(&key, Some(soon)).await.access_key;
    assert!(stage.served(&reader).await.is_ok());
    stage.clock.advance(millis(100));
    assert!(is_unauthorized(&stage.served(&reader).await));

    let end = stage.store.accounts(None, 1).await.unwrap()[0].access_token_expires_at;
    let left = end.unwrap().since(stage.clock_now());
    stage.clock.advance(left - millis(100));
    assert_eq!(stage.served(&key).await.unwrap(), "access-1");
    stage.clock.advance(millis(100));
    let gone = ProviderError::unavailable("gone");
    stage.provider.answer_refresh(Err(gone.into()));
    let answer = stage.served(&key).await;
    assert!(matches!(answer, Err(Refusal::ProviderUnavailable { .. })));
}

#[tokio::test]
async fn nothing_is_remembered_when_it_is_off() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let store = Arc::clone(&stage.store) as _;
    let cache = Arc::new(TokenCache::off(
        store,
        Arc::new(stage.clock.clone()),
        stage.ports.vault.row_macs(),
    ));
    let ports = Ports {
        cache,
        ..stage.ports.clone()
    };
    let services = services(&ports, &settings());
    for asked in 1..4 {
        let caller = services.keys.authenticate_for_token(Some(&key), HOME).await;
        let handed = services
            .tokens
            .hand_out(&caller.unwrap(), secs(0), HOME)
            .await;
        assert!(handed.is_ok());
        assert_eq!(stage.store.reads(), asked);
    }
}

/// Records the uptimes until which it was asked to wait.
#[derive(Default)]
struct Waited(Mutex<Vec<Duration>>);

#[async_trait]
impl Pause for Waited {
    async fn until(&self, uptime: Duration) {
        self.0.lock().unwrap().push(uptime);
    }
}

#[tokio::test]
async fn a_deletion_is_acknowledged_after_every_answer_has_aged_out() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let reader = stage.new_key(&key, None).await.record.id;
    let waited = Arc::new(Waited::default());
    let ports = Ports {
        pause: Arc::clone(&waited) as _,
        ..stage.ports.clone()
    };
    let services = services(&ports, &settings());
    let (owner, account) = (stage.caller(&key).await, stage.last_account().await);
    let mut ends = Vec::new();
    for _ in 0..2 {
        stage.clock.advance(secs(1));
        // The second call waits too, although the key is gone: somebody else may have deleted it just now.
        let _ = services
            .keys
            .delete(&owner, account, reader, Descendants::Kept, HOME)
            .await;
        ends.push(stage.clock.uptime() + millis(600));
    }
    for _ in 0..2 {
        stage.clock.advance(secs(1));
        let _ = services.accounts.delete(&owner, account, HOME).await;
        ends.push(stage.clock.uptime() + millis(600));
    }
    assert_eq!(*waited.0.lock().unwrap(), ends);
    assert!(ends.iter().all(|end| *end > SERVED_FOR));
}

/// Returns a key as the store reads it for the cache, and the account of the key.
async fn an_answer() -> (Arc<OpenedKey>, AccountId) {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let hash = stage.ports.vault.hash_access_key(&key);
    let opened = stage.store.open_key(&hash).await.unwrap().unwrap();
    let account = stage.last_account().await;
    assert_eq!(opened.holder.binding.account(), Some(account));
    (Arc::new(opened), account)
}

fn numbered(number: u32) -> KeyedHash {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    KeyedHash::from_bytes(bytes)
}

impl Memory {
    fn read(&mut self, key: KeyedHash, opened: &Arc<OpenedKey>, began: Duration) {
        let read = self.begin_read();
        self.insert(read, key, Some(opened), began);
        self.end_read(read);
    }
}

#[tokio::test]
async fn a_read_that_was_under_way_at_a_change_is_not_remembered() {
    let (opened, account) = an_answer().await;
    let (mut memory, clock, key) = (Memory::default(), FixedClock::default(), numbered(1));
    let [early, late] = [memory.begin_read(), memory.begin_read()];
    memory.invalidate(account);
    let after = memory.begin_read();
    memory.insert(early, key, Some(&opened), Duration::ZERO);
    memory.insert(late, key, Some(&opened), Duration::ZERO);
    assert!(memory.get(&key, &clock).is_none());
    memory.insert(after, key, Some(&opened), Duration::ZERO);
    assert!(memory.get(&key, &clock).is_some());
    memory.invalidate(account);
    assert!(memory.get(&key, &clock).is_none());
}

#[tokio::test]
async fn a_confirmation_speaks_of_what_it_has_asked_about() {
    let (opened, account) = an_answer().await;
    let (mut memory, clock, key) = (Memory::default(), FixedClock::default(), numbered(1));
    memory.read(key, &opened, Duration::ZERO);
    let asked = memory.in_use(Duration::ZERO);
    // The account is changed and read again while the confirmation is in progress.
    let mut other = OpenedKey::clone(&opened);
    let grant = other.grant.take().unwrap();
    other.grant = Some(OpenedGrant {
        version: RowVersion("another".into()),
        ..grant
    });
    memory.invalidate(account);
    memory.read(key, &Arc::new(other), millis(10));
    let id = opened.holder.id;
    memory.revalidate(&asked, &[id], millis(5));
    assert!(memory.get(&key, &clock).is_some());
    memory.revalidate(&asked, &[], millis(900));
    clock.advance(millis(600));
    assert!(memory.get(&key, &clock).is_none());
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    const MANY: u32 = 21_000;
    let (opened, account) = an_answer().await;
    let clock = FixedClock::default();
    let remembered = |memory: &mut Memory| {
        let keys = (0..2 * MANY).map(numbered);
        keys.filter(|key| memory.get(key, &clock).is_some()).count()
    };
    let mut memory = Memory::default();
    (0..MANY).for_each(|key| memory.read(numbered(key), &opened, Duration::ZERO));
    let most = remembered(&mut memory);
    assert!(most <= 20_000 && most > 1000, "{most}");
    // Unused entries are removed to make room for new ones.
    clock.advance(secs(2));
    (MANY..MANY + 100).for_each(|key| memory.read(numbered(key), &opened, clock.uptime()));
    assert_eq!(remembered(&mut memory), 100);
    memory.invalidate(account);
    assert_eq!(remembered(&mut memory), 0);
}
