//! Databases for tests, and values to store in them.
#![allow(dead_code, reason = "the benchmarks use a part of it")]
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use central_oauth_contract::token_store::Fixture;
use central_oauth_domain::audit::{Actor, AuditDraft};
use central_oauth_domain::grant::{
    Account, AccountKey, InertKey, LifetimeHints, NewGrant, ProviderName, RefreshedTokens,
    TokenOrigin,
};
use central_oauth_domain::link::{
    CodeLimit, Link, PollSchedule, Requester, SealedConsent, SealedPrompt,
};
use central_oauth_domain::ports::{
    HashKey, LinkCreation, LinkStore, NewLink, NewLinkKey, TokenStore,
};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::testing::{FakeCipher, audit_draft};
use central_oauth_domain::vault::{RowMacs, Vault};
use central_oauth_domain::{Labels, Timestamp};
use central_oauth_store_seaorm::{DatabaseUrl, PoolSettings, SeaOrmStore};
use central_oauth_test_postgres::{Cluster, Database};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;

/// A folder for one database.
pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite3")
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::file(self.path())
    }

    /// Returns the names and contents of all files.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = self.folder.path().read_dir().unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|entry| {
                let content = std::fs::read(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), content)
            })
            .collect();
        files.sort();
        files
    }

    pub(crate) async fn open(&self) -> SeaOrmStore {
        SeaOrmStore::open(&self.url(), POOL).await.unwrap()
    }

    pub(crate) async fn migrated(&self) -> SeaOrmStore {
        let store = self.open().await;
        store.migrate_up().await.unwrap();
        store
    }

    /// Returns a connection that bypasses the store.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        let url = format!("sqlite://{}", self.path().display());
        sea_orm::Database::connect(url).await.unwrap()
    }

    /// Changes the database, bypassing the store.
    pub(crate) async fn execute(&self, sql: &str) {
        let db = self.raw().await;
        db.execute_unprepared(sql).await.unwrap();
        db.close().await.unwrap();
    }
}

/// A migrated store in a folder of its own.
pub(crate) struct OnDisk {
    pub(crate) scratch: Scratch,
    pub(crate) store: Arc<SeaOrmStore>,
}

impl OnDisk {
    pub(crate) async fn new() -> Self {
        let scratch = Scratch::new();
        let store = Arc::new(scratch.migrated().await);
        Self { scratch, store }
    }
}

impl Fixture for OnDisk {
    fn store(&self) -> Arc<dyn TokenStore> {
        self.store.clone()
    }
}

/// A migrated store in a database of its own, on a server.
#[derive(Clone)]
pub(crate) struct OnServer {
    pub(crate) store: Arc<SeaOrmStore>,
    pub(crate) database: String,
}

impl OnServer {
    pub(crate) async fn new() -> Self {
        let Database { url, name } = Cluster::shared().create_database();
        Self::at(&url, name).await
    }

    pub(crate) async fn at(url: &str, database: String) -> Self {
        let store = SeaOrmStore::open(&url.parse().unwrap(), POOL).await;
        let store = Arc::new(store.unwrap());
        store.migrate_up().await.unwrap();
        Self { store, database }
    }

    /// Returns this database without its rows. This is faster than creating a new database.
    pub(crate) fn emptied(&self) -> Self {
        let empty = "TRUNCATE accounts, account_labels, tokens, access_keys, device_codes, revocations, service_keys, replicas, wrong_codes, write_tests, outages, audit_inbox, audit_log, audit_ends, workloads, used_tokens, admin_sessions, webhook_receivers, announced_ends RESTART IDENTITY";
        Cluster::shared().execute(&self.database, empty);
        self.clone()
    }
}

impl Fixture for OnServer {
    fn store(&self) -> Arc<dyn TokenStore> {
        self.store.clone()
    }
}

/// Settings with two connections, the minimum: one for saves, one for everything else. A call that needs two
/// connections of one kind at the same time fails.
pub(crate) const SMALLEST_POOL: PoolSettings = PoolSettings {
    max_connections: 2,
    ..POOL
};

pub(crate) const POOL: PoolSettings = PoolSettings {
    max_connections: 4,
    connect_timeout: Duration::from_secs(5),
    statement_timeout: Duration::from_secs(10),
};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
pub(crate) const LATER: Timestamp = Timestamp::from_millis(1_790_000_600_000);

pub(crate) fn code(n: u64) -> KeyedHash {
    hash(1, n)
}

pub(crate) fn key(n: u64) -> KeyedHash {
    hash(2, n)
}

fn hash(kind: u8, n: u64) -> KeyedHash {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    KeyedHash::from_bytes(bytes)
}

/// Returns the row MACs of the tests, which use a fixed hash key.
pub(crate) fn macs() -> &'static RowMacs {
    static MACS: LazyLock<RowMacs> = LazyLock::new(|| vault().row_macs());
    &MACS
}

fn vault() -> Vault {
    let cipher = Arc::new(FakeCipher::default());
    let hash_key = Vault::seal_hash_key(&*cipher, &HashKey::new([7; 32])).unwrap();
    Vault::unlock(cipher, &hash_key).unwrap()
}

/// Returns an audit entry that lacks its event.
pub(crate) fn audit() -> AuditDraft {
    audit_draft(Actor::Service, NOW)
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

/// The limit of link codes per network.
pub(crate) const CODES: CodeLimit = CodeLimit::new(Duration::from_secs(600));

pub(crate) fn new_link(n: u64) -> NewLink {
    NewLink {
        code: code(n),
        provider: ProviderName::new("github"),
        requester: Requester {
            labels: Labels::new([("team".to_owned(), "billing".to_owned())]).unwrap(),
            ..Requester::default()
        },
        network: None,
        key: NewLinkKey::New(InertKey::owner(key(n))),
        created_at: NOW,
        expires_at: LATER,
        workload: None,
        return_code: false,
    }
}

pub(crate) async fn pending(store: &SeaOrmStore, n: u64) -> Link {
    match store
        .create_link(new_link(n), u64::MAX, CODES, macs())
        .await
        .unwrap()
    {
        LinkCreation::Created(link) => *link,
        refused => panic!("{refused:?}"),
    }
}

pub(crate) async fn authorizing(store: &SeaOrmStore, n: u64) -> Link {
    let link = pending(store, n).await;
    let consent = SealedConsent {
        handle: sealed("device code"),
        prompt: SealedPrompt::Visit {
            uri: sealed("address"),
        },
        callback: None,
        client_id: None,
    };
    store
        .begin_consent(&link, consent, None, LATER, NOW)
        .await
        .unwrap()
}

/// Creates a link whose person has returned from the provider.
pub(crate) async fn returned(store: &SeaOrmStore, n: u64) -> Link {
    let link = authorizing(store, n).await;
    let poll = PollSchedule::at_once(NOW);
    store
        .store_callback(&link, sealed("callback"), code(n), poll)
        .await
        .unwrap()
}

pub(crate) async fn linked(store: &SeaOrmStore, n: u64, person: &str) -> Account {
    let link = authorizing(store, n).await;
    store
        .complete_link(&link, grant(person), NOW, macs(), audit())
        .await
        .unwrap()
}

pub(crate) fn grant(person: &str) -> NewGrant {
    NewGrant {
        account: AccountKey {
            provider: ProviderName::new("github"),
            account_id: person.to_owned(),
        },
        identified: true,
        display_name: person.to_owned(),
        scopes: vec!["repo".to_owned()],
        access_token: sealed("access"),
        refresh_token: Some(sealed("refresh")),
        extra: None,
        origin: TokenOrigin {
            issuer: None,
            token_endpoint: "https://provider.example/token".to_owned(),
            client_id: "broker".to_owned(),
        },
        requested_at: NOW,
        access_token_expires_at: None,
        hints: LifetimeHints::default(),
        refresh_token_expires_at: None,
        grant_expires_at: Some(Timestamp::from_millis(9)),
        next_refresh_at: None,
    }
}

/// Returns the response to a refresh of the tokens of [`grant`].
pub(crate) fn answer(access: &str, refresh: &str) -> RefreshedTokens {
    let NewGrant {
        origin,
        requested_at,
        hints,
        ..
    } = grant("anybody");
    RefreshedTokens {
        access_token: Ok(sealed(access)),
        refresh_token: Some(sealed(refresh)),
        scopes: vec!["repo".to_owned()],
        extra: None,
        origin,
        requested_at,
        access_token_expires_at: None,
        hints,
        refresh_token_expires_at: None,
        next_refresh_at: None,
    }
}
