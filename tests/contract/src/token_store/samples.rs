//! Sample data of the cases.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use central_oauth_domain::audit::{Actor, AuditDraft};
use central_oauth_domain::grant::refresh::{Attempts, RefreshFailure};
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, RevocationLease, RevocationReference,
};
use central_oauth_domain::grant::{
    AccessKeyId, Account, AccountId, AccountKey, AccountStatus, Generation, InertKey, KeyLimits,
    KeyMaker, LeaseVersion, LifetimeHints, NewGrant, NewKey, ProviderName, RefreshedTokens,
    StoredTokens, TokenOrigin,
};
use central_oauth_domain::link::{
    CodeLimit, Confirmation, Link, LinkId, LinkState, PollSchedule, Requester, SealedConsent,
    SealedGrant, SealedPrompt,
};
use central_oauth_domain::ports::{
    HashKey, LinkCreation, NewLink, NewLinkKey, RecordedRefresh, StoreError, TokenStore,
};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::testing::{FakeCipher, audit_draft};
use central_oauth_domain::vault::{RowMacs, Vault};
use central_oauth_domain::{Fault, Labels, Timestamp};
use tokio::task::JoinSet;

use super::Fixture;

/// More links than any case opens.
pub(super) const PLENTY: u64 = 10_000;
/// How many link codes a network gets.
pub(super) const CODES: CodeLimit = CodeLimit::new(LIFETIME);
/// The version of a lease that nobody has claimed.
pub(super) const NO_LEASE: LeaseVersion = LeaseVersion(-1);
/// How long a new link lives.
pub(super) const LIFETIME: Duration = secs(600);
/// The pace of the samples' polls.
pub(super) const INTERVAL: Duration = secs(5);

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the time this many seconds after the start of the case.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123) + secs(seconds)
}

/// Returns the hash of the code of link number `n`.
pub(super) fn code(n: u8) -> KeyedHash {
    KeyedHash::from_bytes([n; 32])
}

/// Returns the hash of the key of link number `n`.
pub(super) fn key(n: u8) -> KeyedHash {
    let mut bytes = [n; 32];
    bytes[0] = !n;
    KeyedHash::from_bytes(bytes)
}

pub(super) fn browser(n: u8) -> KeyedHash {
    let mut bytes = [n; 32];
    bytes[31] = !n;
    KeyedHash::from_bytes(bytes)
}

pub(super) fn network(n: u8) -> KeyedHash {
    let mut bytes = [n; 32];
    bytes[7] = !n;
    KeyedHash::from_bytes(bytes)
}

/// Assigns a link to browser number `n` of network number 1.
pub(super) async fn reserve(
    store: &dyn TokenStore,
    link: &Link,
    n: u8,
    now: Timestamp,
) -> Result<Link, StoreError> {
    let by = Confirmation {
        browser: browser(n),
        network: network(1),
    };
    let reserved = store.reserve_link(link, &by, now).await?;
    Ok(reserved.unwrap())
}

/// Returns the hash of a callback.
pub(super) fn answer(n: u8) -> KeyedHash {
    let mut bytes = [n; 32];
    bytes[15] = !n;
    KeyedHash::from_bytes(bytes)
}

/// Returns the MACs that the store under test uses.
pub(super) fn macs() -> &'static RowMacs {
    static MACS: LazyLock<RowMacs> = LazyLock::new(|| macs_of(7));
    &MACS
}

/// Returns the MACs of a service with another hash key.
pub(super) fn macs_of(n: u8) -> RowMacs {
    let cipher = Arc::new(FakeCipher::default());
    let hash_key = Vault::seal_hash_key(&*cipher, &HashKey::new([n; 32])).unwrap();
    Vault::unlock(cipher, &hash_key).unwrap().row_macs()
}

pub(super) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

/// Returns link number `n`, made when the case began.
pub(super) fn new_link(n: u8) -> NewLink {
    NewLink {
        code: code(n),
        provider: ProviderName::new("github"),
        requester: Requester {
            client_name: Some("nightly build 🌙".to_owned()),
            address: Some("192.0.2.7".to_owned()),
            workload: None,
            labels: Labels::default(),
        },
        network: None,
        key: NewLinkKey::New(InertKey::owner(key(n))),
        created_at: at(0),
        expires_at: at(0) + LIFETIME,
        workload: None,
        return_code: false,
    }
}

pub(super) fn consent() -> SealedConsent {
    SealedConsent {
        handle: sealed("device code"),
        prompt: SealedPrompt::UserCode {
            user_code: sealed("user code"),
            verification_uri: "https://provider.example/device".to_owned(),
            verification_uri_complete: Some(sealed("complete")),
        },
        callback: None,
        client_id: Some("broker".to_owned()),
    }
}

/// Returns a poll that is due this many seconds after the start of the case.
pub(super) fn poll(due: u64) -> PollSchedule {
    PollSchedule {
        interval: INTERVAL,
        failures: 0,
        next_at: at(due),
    }
}

pub(super) fn origin() -> TokenOrigin {
    TokenOrigin {
        issuer: None,
        token_endpoint: "https://provider.example/token".to_owned(),
        client_id: "broker".to_owned(),
    }
}

pub(super) fn sealed_grant() -> SealedGrant {
    SealedGrant {
        access_token: sealed("access"),
        refresh_token: Some(sealed("refresh")),
        id_token: Some(sealed("id")),
        scopes: vec!["repo".to_owned(), "read:user".to_owned()],
        extra: Some(sealed("extra")),
        requested_at: at(9),
        access_token_expires_at: Some(at(3600)),
        access_token_hinted_end: Some(at(3500)),
        refresh_token_expires_at: Some(at(90_000)),
        grant_expires_at: Some(at(180_000)),
        origin: origin(),
    }
}

/// Returns what is known of access tokens with this stated lifetime in seconds.
pub(super) fn lasting(seconds: u64) -> LifetimeHints {
    LifetimeHints {
        lifetime: Some(secs(seconds)),
        hinted_end: None,
    }
}

/// Returns the grant of a person at GitHub; its tokens are named after `which`.
pub(super) fn grant(person: &str, which: &str) -> NewGrant {
    NewGrant {
        account: AccountKey {
            provider: ProviderName::new("github"),
            account_id: person.to_owned(),
        },
        identified: true,
        display_name: format!("{person} ({which})"),
        scopes: vec!["repo".to_owned(), which.to_owned()],
        access_token: sealed(&format!("access {which}")),
        refresh_token: Some(sealed(&format!("refresh {which}"))),
        extra: Some(sealed(&format!("extra {which}"))),
        origin: origin(),
        requested_at: at(0),
        access_token_expires_at: Some(at(3600)),
        hints: lasting(3600),
        refresh_token_expires_at: Some(at(90_000)),
        grant_expires_at: Some(at(180_000)),
        next_refresh_at: Some(at(3400)),
    }
}

/// Stores a link; asserts that it is stored.
pub(super) async fn keep(store: &dyn TokenStore, link: NewLink) -> Link {
    match store
        .create_link(link, PLENTY, CODES, macs())
        .await
        .unwrap()
    {
        LinkCreation::Created(link) => *link,
        refused => panic!("not kept: {refused:?}"),
    }
}

/// Stores link number `n`, which is pending.
pub(super) async fn pending(store: &dyn TokenStore, n: u8) -> Link {
    keep(store, new_link(n)).await
}

/// Returns link number `n` at the provider, whose first poll is due after this many seconds.
pub(super) async fn authorizing(store: &dyn TokenStore, n: u8, due: u64) -> Link {
    let link = pending(store, n).await;
    begin(store, &link, due).await
}

pub(super) async fn begin(store: &dyn TokenStore, link: &Link, due: u64) -> Link {
    let deadline = link.expires_at;
    store
        .begin_consent(link, consent(), Some(poll(due)), deadline, at(0))
        .await
        .unwrap()
}

/// Stores link number `n` with its tokens, leased for a minute from second 5 on.
pub(super) async fn redeemed(store: &dyn TokenStore, n: u8) -> Link {
    authorizing(store, n, 5).await;
    let link = claim_one(store, 5, 65).await;
    store
        .store_redeemed(&link, sealed_grant(), poll(6), at(700))
        .await
        .unwrap()
}

/// Claims the one link that is due.
pub(super) async fn claim_one(store: &dyn TokenStore, now: u64, lease_until: u64) -> Link {
    let claimed = store
        .claim_due_polls(at(now), at(lease_until), 10, &[])
        .await;
    let [link] = <[Link; 1]>::try_from(claimed.unwrap()).unwrap();
    link
}

/// Completes link number `n` this many seconds after the start of the case.
pub(super) async fn linked(store: &dyn TokenStore, n: u8, grant: NewGrant, now: u64) -> Account {
    let link = authorizing(store, n, now).await;
    complete(store, &link, grant, now).await.unwrap()
}

pub(super) async fn complete(
    store: &dyn TokenStore,
    link: &Link,
    grant: NewGrant,
    now: u64,
) -> Result<Account, StoreError> {
    let audit = draft(Actor::Service);
    store
        .complete_link(link, grant, at(now), macs(), audit)
        .await
}

/// Returns the link in its present state.
pub(super) async fn found(store: &dyn TokenStore, n: u8) -> Link {
    store.find_link(&code(n)).await.unwrap().unwrap()
}

pub(super) fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    match outcome {
        Err(StoreError::Conflict) => {}
        other => panic!("a conflict expected, not {other:?}"),
    }
}

/// Asserts that a link has no secrets and is not due.
pub(super) fn assert_closed(link: &Link, state: &LinkState) {
    assert_eq!(&link.state, state);
    assert_eq!((link.poll, link.lease_until), (None, None));
}

/// Returns the account and its tokens in their present state.
pub(super) async fn stored(store: &dyn TokenStore, account: AccountId) -> StoredTokens {
    store.tokens(account).await.unwrap().unwrap()
}

/// Claims an account for a refresh, due or not.
pub(super) async fn claim_refresh(
    store: &dyn TokenStore,
    account: AccountId,
    now: u64,
    lease_until: u64,
) -> StoredTokens {
    let seen = stored(store, account).await.lease.version;
    let claimed = store.claim_refresh(account, seen, at(now), at(lease_until));
    claimed.await.unwrap()
}

/// Records the response to the refresh token of `lease`.
pub(super) async fn record_for(
    store: &dyn TokenStore,
    lease: &StoredTokens,
    tokens: RefreshedTokens,
) -> RecordedRefresh {
    let (account, generation) = (lease.account.id, lease.generation);
    let recorded = store.record_refresh(account, generation, lease.lease.version, tokens, audit());
    recorded.await.unwrap()
}

/// Records the response to the refresh token of `generation`, without a lease.
pub(super) async fn record(
    store: &dyn TokenStore,
    account: AccountId,
    generation: Generation,
    tokens: RefreshedTokens,
) -> RecordedRefresh {
    let recorded = store.record_refresh(account, generation, NO_LEASE, tokens, audit());
    recorded.await.unwrap()
}

/// Records that the refresh of `lease` has failed. Returns whether that counts.
pub(super) async fn record_failure(
    store: &dyn TokenStore,
    lease: &StoredTokens,
    failure: RefreshFailure,
) -> bool {
    let (account, generation) = (lease.account.id, lease.generation);
    let recorded =
        store.record_refresh_failure(account, generation, lease.lease.version, failure, audit());
    recorded.await.unwrap()
}

/// Returns the result of a failed refresh, with the next attempt this many seconds after the start of the case.
pub(super) fn failure(next: u64) -> RefreshFailure {
    RefreshFailure {
        is_shown: true,
        status: AccountStatus::Degraded,
        fault: Fault::new("provider_unavailable", "gone"),
        next_refresh_at: Some(at(next)),
        attempts: Attempts {
            failures: 3,
            ambiguous: true,
            refused_since: Some(at(1)),
        },
    }
}

/// Records `invalid_grant` as the result of a refresh.
pub(super) async fn require_relink(store: &dyn TokenStore, account: AccountId) {
    let claimed = claim_refresh(store, account, 15, 30).await;
    let over = RefreshFailure {
        is_shown: true,
        status: AccountStatus::RelinkRequired,
        fault: Fault::new("invalid_grant", "the person said no"),
        next_refresh_at: None,
        attempts: Attempts::default(),
    };
    assert!(record_failure(store, &claimed, over).await);
}

/// Returns tokens named after `which`, requested at second 20.
pub(super) fn fresh(which: &str) -> RefreshedTokens {
    RefreshedTokens {
        access_token: Ok(sealed(&format!("access {which}"))),
        refresh_token: Some(sealed(&format!("refresh {which}"))),
        scopes: vec!["repo".to_owned(), "more".to_owned()],
        extra: Some(sealed(&format!("extra {which}"))),
        origin: origin(),
        requested_at: at(20),
        access_token_expires_at: Some(at(7200)),
        hints: lasting(7180),
        refresh_token_expires_at: Some(at(7200)),
        next_refresh_at: Some(at(7000)),
    }
}

/// Returns a link with which the holder of a key relinks an account.
pub(super) fn new_relink(n: u8, key: AccessKeyId, account: AccountId) -> NewLink {
    NewLink {
        key: NewLinkKey::Relink { key, account },
        ..new_link(n)
    }
}

/// Returns a further key of an account, made at second 15; its hash is that of link number `n`.
pub(super) fn new_key(n: u8, account: AccountId) -> NewKey {
    NewKey {
        account,
        hash: key(n),
        name: format!("reader {n}"),
        maker: KeyMaker::Operator,
        limits: KeyLimits {
            networks: vec![
                "192.0.2.0/24".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            uses_per_minute: Some(30),
        },
        created_at: at(15),
        expires_at: Some(at(9000)),
        workload: None,
    }
}

/// Returns an audit entry of the service, without its event.
pub(super) fn audit() -> AuditDraft {
    draft(Actor::Service)
}

/// Returns an audit entry of second 15, without its event.
pub(super) fn draft(actor: Actor) -> AuditDraft {
    audit_draft(actor, at(15))
}

/// Returns tokens at GitHub, number `n`, to be revoked from second 10 on.
pub(super) fn new_revocation(n: u8, person: Option<&str>) -> NewRevocation {
    NewRevocation {
        reference: RevocationReference([n; 16]),
        provider: ProviderName::new("github"),
        person: person.map(str::to_owned),
        account: None,
        origin: origin(),
        tokens: RevocableTokens {
            access_token: Some(sealed("stray access")),
            refresh_token: Some(sealed("stray refresh")),
            id_token: Some(sealed("stray id")),
        },
        requested_at: at(8),
        created_at: at(10),
        lease_until: None,
    }
}

/// Stores tokens to be revoked; asserts that they were stored.
pub(super) async fn stray(store: &dyn TokenStore, n: u8, person: Option<&str>) {
    let kept = store.store_stray(new_revocation(n, person)).await;
    assert!(kept.unwrap());
}

pub(super) async fn claim_revocations(
    store: &dyn TokenStore,
    now: u64,
    until: u64,
    limit: u64,
) -> Vec<RevocationLease> {
    let claimed = store.claim_due_revocations(at(now), at(until), limit, &[]);
    claimed.await.unwrap()
}

/// Claims the one revocation that is due.
pub(super) async fn claim_revocation(
    store: &dyn TokenStore,
    now: u64,
    until: u64,
) -> RevocationLease {
    let claimed = claim_revocations(store, now, until, 10).await;
    let [lease] = <[RevocationLease; 1]>::try_from(claimed).unwrap();
    lease
}

/// Lets eight processes claim at most four at a time, until nothing is due. Asserts that `count` are claimed, each
/// once.
pub(super) async fn assert_each_is_claimed_once<Id, Claimed>(
    fixture: &dyn Fixture,
    count: usize,
    claim: impl Fn(Arc<dyn TokenStore>) -> Claimed + Copy + Send + 'static,
) where
    Id: Eq + Hash + Send + 'static,
    Claimed: Future<Output = Vec<Id>> + Send,
{
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(Arc::clone(&store)).await;
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 4);
                mine.extend(claimed);
            }
        });
    }
    let claimed = Vec::from_iter(tasks.join_all().await.into_iter().flatten());
    assert_eq!(claimed.len(), count);
    assert_eq!(HashSet::<Id>::from_iter(claimed).len(), count);
}

/// Returns a link that no store has.
pub(super) async fn unknown(store: &dyn TokenStore, n: u8) -> Link {
    Link {
        id: LinkId(77),
        ..pending(store, n).await
    }
}
