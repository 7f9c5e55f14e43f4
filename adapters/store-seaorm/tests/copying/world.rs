//! A store with something in every table, and places to copy it to.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, Revocation, RevocationReference,
};
use central_oauth_domain::grant::{Account, AccountKey, NewGrant, ProviderName, StoredTokens};
use central_oauth_domain::link::{Link, PollSchedule, SealedConsent, SealedPrompt};
use central_oauth_domain::ports::{
    AccountStore, CopyStep, KeyStore, LinkStore, RefreshStore, RevocationStore, StoreCopy,
};
use central_oauth_domain::secret::{AccessToken, DeviceCode, RefreshToken, UserCode};
use central_oauth_domain::testing::{FakeCipher, seeded_entropy};
use central_oauth_domain::usecases::{
    Copied, CopyError, CopyProgress, copy as copy_all, unlock, unlock_source,
};
use central_oauth_domain::vault::Vault;
use central_oauth_store_seaorm::{CopyRefused, CopySource, DatabaseUrl, SeaOrmCopy, SeaOrmStore};
use central_oauth_test_postgres::Cluster;

use crate::common::{LATER, NOW, POOL, Scratch, code, key, pending};

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

    /// One of each kind.
    pub(crate) fn each() -> [Self; 2] {
        [Self::server(), Self::file()]
    }

    pub(crate) async fn open(&self) -> SeaOrmStore {
        let store = SeaOrmStore::open(&self.url, POOL).await.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    /// Opens it as a service does.
    pub(crate) async fn start(&self) -> (SeaOrmStore, Vault) {
        let store = self.open().await;
        let vault = unlock(&store, cipher(), &seeded_entropy(3)).await.unwrap();
        (store, vault)
    }

    /// Does something as a service does, and stops.
    pub(crate) async fn with(&self, doing: impl AsyncFnOnce(&SeaOrmStore, &Vault)) {
        let (store, vault) = self.start().await;
        doing(&store, &vault).await;
        store.close().await.unwrap();
    }

    /// Fills it with something in every table.
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
        access_token: vault
            .seal_access_token(&AccessToken::new("access"), &owner)
            .unwrap(),
        refresh_token: Some(vault.seal_refresh_token(&refresh, &owner).unwrap()),
        next_refresh_at: Some(NOW),
        ..crate::common::grant(name)
    }
}

/// A link at which a person is asked.
pub(crate) async fn asked(store: &SeaOrmStore, vault: &Vault, n: u64) -> Link {
    let link = pending(store, n).await;
    let consent = SealedConsent {
        handle: vault
            .seal_device_code(&DeviceCode::new("device"), &link.code)
            .unwrap(),
        prompt: SealedPrompt::UserCode {
            user_code: vault
                .seal_user_code(&UserCode::new("user"), &link.code)
                .unwrap(),
            verification_uri: "https://provider.example/device".to_owned(),
            verification_uri_complete: None,
        },
        callback: None,
    };
    let poll = PollSchedule::at_once(NOW);
    let begun = store.begin_consent(&link, consent, Some(poll), LATER, NOW);
    begun.await.unwrap()
}

pub(crate) async fn linked(store: &SeaOrmStore, vault: &Vault, n: u64, name: &str) -> Account {
    let link = asked(store, vault, n).await;
    let completed = store.complete_link(&link, grant(vault, name), NOW);
    completed.await.unwrap()
}

pub(crate) fn revocation(vault: &Vault, n: u8) -> NewRevocation {
    let reference = RevocationReference::from_bytes([n; 16]);
    let token = RefreshToken::new("stray");
    NewRevocation {
        reference,
        provider: ProviderName::new("github"),
        person: None,
        account: None,
        origin: crate::common::grant("").origin,
        tokens: RevocableTokens {
            refresh_token: Some(
                vault
                    .seal_revocable_refresh_token(&token, &reference)
                    .unwrap(),
            ),
            ..RevocableTokens::default()
        },
        requested_at: NOW,
        created_at: NOW,
        lease_until: None,
    }
}

async fn fill(store: &SeaOrmStore, vault: &Vault) {
    for (n, name) in [(1, "ada"), (2, "bob"), (3, "eve")] {
        linked(store, vault, n, name).await;
    }
    pending(store, 4).await;
    asked(store, vault, 5).await;
    assert!(store.keep_stray(revocation(vault, 1)).await.unwrap());
    // A service that was stopped in the middle of a refresh.
    let claimed = store
        .claim_due_refreshes(NOW, Duration::ZERO, LATER, 1, &[])
        .await;
    assert_eq!(claimed.unwrap().len(), 1);
}

/// All that the port shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Contents {
    accounts: Vec<Account>,
    tokens: Vec<StoredTokens>,
    links: Vec<Link>,
    keys: Vec<String>,
    revocations: Vec<Revocation>,
}

impl Contents {
    const MOST: u64 = 1000;

    pub(crate) async fn of(store: &SeaOrmStore) -> Self {
        let accounts = store.accounts(None, Self::MOST).await.unwrap();
        let (mut tokens, mut links, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for account in &accounts {
            tokens.extend(store.tokens(account.id).await.unwrap());
        }
        for n in 0..Self::MOST {
            links.extend(store.find_link(&code(n)).await.unwrap());
            let holder = store.find_key(&key(n)).await.unwrap();
            keys.extend(holder.map(|holder| format!("{holder:?}")));
        }
        Self {
            accounts,
            tokens,
            links,
            keys,
            revocations: store.revocations(None, Self::MOST).await.unwrap(),
        }
    }

    pub(crate) fn tokens_of(&self, name: &str) -> &StoredTokens {
        let mut tokens = self.tokens.iter();
        let found = tokens.find(|tokens| tokens.account.key.account_id == name);
        found.unwrap()
    }
}

/// Copies everything, as the command does.
pub(crate) async fn copy(from: &Place, to: &Place) -> Result<Copied, CopyError> {
    let source = CopySource::hold(&from.url, POOL).await.unwrap();
    let hash_key = source.hash_key().await.unwrap();
    let in_use = source.seals_in_use().await.unwrap();
    let vault = unlock_source(hash_key.as_ref(), in_use, cipher())?;
    let destination = to.open().await;
    let copy = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    let mut steps = Vec::<CopyProgress>::new();
    let copied = copy_all(Box::new(copy), &hash_key.unwrap(), &vault, &mut |step| {
        steps.push(step);
    })
    .await;
    destination.close().await.unwrap();
    source.release().await.unwrap();
    copied
}

/// Begins to copy and is stopped after so many steps. Whether there were more.
pub(crate) async fn interrupted(from: &Place, to: &Place, steps: usize) -> bool {
    let source = CopySource::hold(&from.url, POOL).await.unwrap();
    let destination = to.open().await;
    let mut copy = SeaOrmCopy::begin(&source, &destination).await.unwrap();
    let mut last: Option<CopyStep> = None;
    for _ in 0..steps {
        last = copy.step().await.unwrap();
    }
    drop(copy);
    destination.close().await.unwrap();
    source.release().await.unwrap();
    last.is_some()
}

/// Why a copy does not begin.
pub(crate) async fn refusal(from: &Place, to: &Place) -> CopyRefused {
    let source = match CopySource::hold(&from.url, POOL).await {
        Ok(source) => source,
        Err(refused) => return refused,
    };
    if let Err(refused) = SeaOrmCopy::refuse_complete(&to.url, POOL).await {
        return refused;
    }
    let destination = to.open().await;
    SeaOrmCopy::begin(&source, &destination)
        .await
        .map(drop)
        .unwrap_err()
}
