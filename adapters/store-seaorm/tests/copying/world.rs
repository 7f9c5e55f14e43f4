//! Sources and destinations of copies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Labels;
use central_oauth_domain::audit::{AuditEvent, AuditKind};
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, Revocation, RevocationReference,
};
use central_oauth_domain::grant::{
    Account, AccountId, AccountKey, KeyLimits, KeyMaker, NewGrant, NewKey, ProviderName,
    StoredTokens,
};
use central_oauth_domain::link::{Link, PollSchedule, SealedConsent, SealedPrompt};
use central_oauth_domain::ports::{
    AccountStore, GrantEndStore, KeyStore, LinkStore, RefreshStore, RevocationStore, WebhookStore,
    WorkloadStore,
};
use central_oauth_domain::secret::{AccessToken, DeviceCode, RefreshToken, UserCode};
use central_oauth_domain::testing::{FakeCipher, seeded_entropy};
use central_oauth_domain::usecases::unlock;
use central_oauth_domain::vault::Vault;
use central_oauth_domain::webhook::{Receiver, ReceiverName};
use central_oauth_domain::workload::{NewWorkload, WorkloadBinding, WorkloadRecord};
use central_oauth_store_seaorm::{
    CopyError, CopyReport, CopySource, DatabaseUrl, SeaOrmCopy, SeaOrmStore,
};
use central_oauth_test_postgres::Cluster;

use crate::common::{LATER, NOW, SMALLEST_POOL, Scratch, audit, code, key, macs, pending};

pub(crate) fn cipher() -> Arc<FakeCipher> {
    Arc::new(FakeCipher::new(1))
}

/// A database that nobody has open.
pub(crate) struct Place {
    pub(crate) url: DatabaseUrl,
    pub(crate) scratch: Option<Scratch>,
    pub(crate) database: Option<String>,
}

impl Place {
    pub(crate) fn file() -> Self {
        let scratch = Scratch::new();
        Self {
            url: scratch.url(),
            scratch: Some(scratch),
            database: None,
        }
    }

    pub(crate) fn server() -> Self {
        let database = Cluster::shared().create_database();
        Self {
            url: database.url.parse().unwrap(),
            scratch: None,
            database: Some(database.name),
        }
    }

    /// Returns a database on a server and one in a file.
    pub(crate) fn each() -> [Self; 2] {
        [Self::server(), Self::file()]
    }

    pub(crate) async fn open(&self) -> SeaOrmStore {
        let store = SeaOrmStore::open(&self.url, SMALLEST_POOL).await.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    /// Opens the database as a service does.
    pub(crate) async fn start(&self) -> (SeaOrmStore, Vault) {
        let store = self.open().await;
        let vault = unlock(&store, cipher(), &seeded_entropy(3)).await.unwrap();
        (store, vault)
    }

    /// Runs `doing` as a service would, and closes the store.
    pub(crate) async fn with(&self, doing: impl AsyncFnOnce(&SeaOrmStore, &Vault)) {
        let (store, vault) = self.start().await;
        doing(&store, &vault).await;
        store.close().await.unwrap();
    }

    /// Stores rows in every table that is copied, except the numbered audit log.
    pub(crate) async fn filled(self) -> Self {
        self.with(fill).await;
        self
    }

    pub(crate) async fn contents(&self) -> Contents {
        let store = self.open().await;
        let contents = Contents::of(&store).await;
        store.close().await.unwrap();
        contents
    }
}

pub(crate) fn person(name: &str) -> AccountKey {
    AccountKey {
        provider: ProviderName::new("github"),
        account_id: name.to_owned(),
    }
}

pub(crate) fn grant(vault: &Vault, name: &str) -> NewGrant {
    let owner = person(name);
    let refresh = RefreshToken::new(format!("refresh {name}"));
    NewGrant {
        access_token: vault.seal(&AccessToken::new("access"), &owner).unwrap(),
        refresh_token: Some(vault.seal(&refresh, &owner).unwrap()),
        next_refresh_at: Some(NOW),
        ..crate::common::grant(name)
    }
}

/// Creates a link that waits for the person's consent at the provider.
pub(crate) async fn asked(store: &SeaOrmStore, vault: &Vault, n: u64) -> Link {
    let link = pending(store, n).await;
    let consent = SealedConsent {
        handle: vault.seal(&DeviceCode::new("device"), &link.code).unwrap(),
        prompt: SealedPrompt::UserCode {
            user_code: vault.seal(&UserCode::new("user"), &link.code).unwrap(),
            verification_uri: "https://provider.example/device".to_owned(),
            verification_uri_complete: None,
        },
        callback: None,
        client_id: Some("broker".to_owned()),
    };
    let poll = PollSchedule::at_once(NOW);
    let begun = store.begin_consent(&link, consent, Some(poll), LATER, NOW);
    begun.await.unwrap()
}

pub(crate) async fn linked(store: &SeaOrmStore, vault: &Vault, n: u64, name: &str) -> Account {
    let link = asked(store, vault, n).await;
    let completed = store.complete_link(&link, grant(vault, name), NOW, macs(), audit());
    completed.await.unwrap()
}

pub(crate) fn revocation(vault: &Vault, n: u8) -> NewRevocation {
    let reference = RevocationReference([n; 16]);
    let token = RefreshToken::new("stray");
    NewRevocation {
        reference,
        provider: ProviderName::new("github"),
        person: None,
        account: None,
        origin: crate::common::grant("").origin,
        tokens: RevocableTokens {
            refresh_token: Some(vault.seal(&token, &reference).unwrap()),
            ..RevocableTokens::default()
        },
        requested_at: NOW,
        created_at: NOW,
        lease_until: None,
    }
}

async fn fill(store: &SeaOrmStore, vault: &Vault) {
    for (n, name) in [(1, "ada"), (2, "bob"), (3, "eve")] {
        let account = linked(store, vault, n, name).await;
        if name == "ada" {
            grant_workload(store, account.id).await;
            let event = AuditEvent::ends_soon(&account, Duration::ZERO);
            let announced = store.announce_end(account.id, LATER, audit().entry(event));
            assert!(announced.await.unwrap());
        }
    }
    let added = audit().entry(AuditEvent::new(AuditKind::ReceiverAdded));
    let (receiver, macs) = (receiver(), vault.row_macs());
    let added = store.add_receiver(&receiver, None, &macs, added);
    assert!(added.await.unwrap());
    pending(store, 4).await;
    asked(store, vault, 5).await;
    assert!(store.store_stray(revocation(vault, 1)).await.unwrap());
    // Leaves a lease behind, like a service that was stopped during a refresh.
    let claimed = store
        .claim_due_refreshes(NOW, Duration::ZERO, LATER, 1, &[])
        .await;
    assert_eq!(claimed.unwrap().len(), 1);
}

fn receiver() -> ReceiverName {
    ReceiverName::parse("ops").unwrap()
}

async fn grant_workload(store: &SeaOrmStore, account: AccountId) {
    let workload = NewWorkload {
        identity: key(91),
        mac: key(92),
        binding: WorkloadBinding {
            workload: "nightly".to_owned(),
            issuer: "https://ci.example".to_owned(),
            claims: [("sub", "project:7")].into_iter().collect(),
        },
    };
    let new_key = NewKey {
        account,
        hash: key(90),
        name: "workload nightly".to_owned(),
        maker: KeyMaker::Operator,
        limits: KeyLimits::default(),
        created_at: NOW,
        expires_at: None,
        workload: Some(workload),
    };
    let created = store.create_key(new_key, 100, macs(), audit());
    created.await.unwrap();
}

/// The rows of a store, as its port returns them.
#[derive(Debug, PartialEq)]
pub(crate) struct Contents {
    accounts: Vec<Account>,
    labels: BTreeMap<AccountId, Labels>,
    tokens: Vec<StoredTokens>,
    links: Vec<Link>,
    keys: Vec<String>,
    workloads: Vec<WorkloadRecord>,
    revocations: Vec<Revocation>,
    receivers: Vec<Receiver>,
}

impl Contents {
    const MOST: u64 = 1000;

    pub(crate) async fn of(store: &SeaOrmStore) -> Self {
        let accounts = store.accounts(None, Self::MOST).await.unwrap();
        let ids = Vec::from_iter(accounts.iter().map(|account| account.id));
        let (mut tokens, mut links, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut workloads = Vec::new();
        for account in &accounts {
            let granted = store.workloads(account.id, None, Self::MOST).await;
            workloads.extend(granted.unwrap());
            tokens.extend(store.tokens(account.id).await.unwrap());
        }
        for n in 0..Self::MOST {
            links.extend(store.find_link(&code(n)).await.unwrap());
            let holder = store.find_key(&key(n)).await.unwrap();
            keys.extend(holder.map(|holder| format!("{holder:?}")));
        }
        Self {
            labels: store.labels(&ids).await.unwrap(),
            accounts,
            tokens,
            links,
            keys,
            workloads,
            revocations: store.revocations(None, Self::MOST).await.unwrap(),
            receivers: store.receivers().await.unwrap(),
        }
    }

    pub(crate) fn tokens_of(&self, name: &str) -> &StoredTokens {
        let mut tokens = self.tokens.iter();
        let found = tokens.find(|tokens| tokens.account.key.account_id == name);
        found.unwrap()
    }
}

/// Copies everything, as the command does.
pub(crate) async fn copy(from: &Place, to: &Place) -> Result<CopyReport, CopyError> {
    central_oauth_store_seaorm::copy(&from.url, &to.url, SMALLEST_POOL, cipher(), &mut |_| ()).await
}

/// Begins a copy and interrupts it after `steps` steps. Returns false if the last step found nothing left to copy.
pub(crate) async fn interrupted(from: &Place, to: &Place, steps: usize) -> bool {
    let source = CopySource::hold(&from.url, SMALLEST_POOL).await.unwrap();
    let destination = to.open().await;
    let mut copy = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    let mut last = None;
    for _ in 0..steps {
        last = copy.step().await.unwrap();
    }
    drop(copy);
    destination.close().await.unwrap();
    source.release().await.unwrap();
    last.is_some()
}
