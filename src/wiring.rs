//! Builds the adapters and the ports from the configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use central_oauth_cipher_aes_gcm_siv::AesGcmSivCipher;
use central_oauth_clock_system::SystemClock;
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::observe::Observer;
use central_oauth_domain::ports::{Cipher, Clock, DamagedRow, OAuthProvider, OwnerKind};
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::usecases::{
    AuditLog, AuditSettings, Ports, Providers, Settings, TokenCache, UnlockError, Webhooks,
    WorkloadTrust, add_key_macs, require_all_keys, unlock,
};
use central_oauth_domain::vault::Vault;
use central_oauth_observer_opentelemetry::{
    ObservedCipher, ObservedProvider, Telemetry, TelemetryOptions, headers_to_pass_on,
};
use central_oauth_provider_openidconnect::{
    HttpWebhookSender, OpenIdConnectProvider, WorkloadVerifier,
};
use central_oauth_store_seaorm::{DatabaseClock, SeaOrmStore, named_rows, table_of};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use url::Url;

use crate::config::{
    ConfigError, Keys, LinkConfig, ProviderConfig, SecretKeys, StoreConfig, TelemetryConfig,
    WebhookConfig, WorkloadConfig,
};
use crate::exit::{Exit, Failure};
use crate::runtime::MachinePause;

/// Returns the operating system's random source. If the source fails, its caller panics, because no secret can be
/// generated.
pub(crate) fn entropy() -> Entropy {
    Entropy::new(UnwrapErr(SysRng))
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The concrete store, for commands about the store itself.
pub(crate) type Store = SeaOrmStore;

/// Opens the store without migrating its schema.
pub(crate) async fn store_and_clock(
    config: &StoreConfig,
) -> Result<(SeaOrmStore, Arc<dyn Clock>), Failure> {
    with_clock(SeaOrmStore::open(&config.url, config.pool).await?).await
}

pub(crate) async fn with_clock(
    store: SeaOrmStore,
) -> Result<(SeaOrmStore, Arc<dyn Clock>), Failure> {
    let clock = Arc::new(DatabaseClock::new(Arc::new(SystemClock)));
    let store = store.with_server_time(clock.clone()).await?;
    Ok((store, clock))
}

/// Opens the store and builds all ports. Fails on a wrong secret key before anything is written, and on a missing
/// previous key before anything is served.
pub(crate) async fn ports(
    config: StoreConfig,
    keys: &SecretKeys,
    providers: ProviderConfig,
    observer: Arc<dyn Observer>,
    audit: AuditSettings,
) -> Result<(Ports, Arc<Store>), Failure> {
    config.refuse_unsafe_file()?;
    let entropy = Arc::new(entropy());
    let database_clock = Arc::new(DatabaseClock::new(clock()));
    let clock: Arc<dyn Clock> = database_clock.clone();
    let providers = self::providers(providers, &clock, &entropy, &observer)?;
    let (store, vault) = migrated_store(&config, keys, &entropy).await?;
    let store = Arc::new(store.with_server_time(database_clock).await?);
    let damaged = require_all_keys(store.as_ref(), &vault).await;
    log_damaged(&damaged.map_err(refused)?);
    let added = add_key_macs(store.as_ref(), &vault).await;
    added.map_err(refused)?;
    let cache = match config.caches_tokens {
        true => TokenCache::new,
        false => TokenCache::off,
    };
    let cache = cache(store.clone(), Arc::clone(&clock), vault.row_macs());
    let audit = AuditLog::new(
        store.clone(),
        vault.clone(),
        Arc::clone(&clock),
        Arc::clone(&entropy),
        Arc::clone(&observer),
        audit,
    );
    let ports = Ports {
        store: store.clone(),
        cache: Arc::new(cache),
        vault,
        pause: Arc::new(MachinePause(Arc::clone(&clock))),
        clock,
        entropy,
        providers,
        observer,
        audit: Arc::new(audit),
    };
    Ok((ports, store))
}

pub(crate) fn settings(
    keys: &Keys,
    links: &LinkConfig,
    public_url: &Url,
    listen: SocketAddr,
) -> Settings {
    Settings {
        public_url: public_url.as_str().trim_end_matches('/').to_owned(),
        link_code_ttl: links.code_ttl,
        poll_interval: links.poll_interval,
        return_code: links.return_code,
        provider_timeout: links.provider_timeout,
        refresh_at_least_every: links.refresh_at_least,
        operators: keys.operators.clone(),
        enroll_networks: links.enroll_networks.clone(),
        replica_name: replica_name(listen),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workloads: None,
    }
}

pub(crate) fn workloads(
    config: WorkloadConfig,
    clock: &Arc<dyn Clock>,
) -> Result<WorkloadTrust, Failure> {
    let verifier = WorkloadVerifier::new(config.keys.clone(), clock);
    let verifier = verifier.map_err(|(issuer, error)| config.refused(&issuer, &error))?;
    Ok(WorkloadTrust {
        identities: Arc::new(verifier),
        issuers: config.issuers,
        policies: config.policies,
    })
}

pub(crate) fn webhooks(config: WebhookConfig) -> Result<Webhooks, Failure> {
    let sender = HttpWebhookSender::new(config.receivers.clone());
    let sender = sender.map_err(|(receiver, error)| config.refused(&receiver, &error))?;
    Ok(Webhooks {
        receivers: config.subscriptions,
        sender: Arc::new(sender),
    })
}

/// Returns the replica's name: this machine and its port.
pub(crate) fn replica_name(listen: SocketAddr) -> String {
    let machine = gethostname::gethostname();
    format!("{}:{}", machine.to_string_lossy(), listen.port())
}

/// Opens the store, migrates its schema, and decrypts the hash key. A wrong key is rejected before anything is written.
async fn migrated_store(
    config: &StoreConfig,
    keys: &SecretKeys,
    entropy: &Arc<Entropy>,
) -> Result<(SeaOrmStore, Vault), Failure> {
    let cipher: Arc<dyn Cipher> = Arc::new(ObservedCipher::new(cipher(keys, entropy)));
    let store = SeaOrmStore::open_if(&config.url, config.pool, |hash_key| {
        hash_key.map_or(Ok(()), |hash_key| decrypts(&cipher, hash_key))
    });
    let store = store.await?;
    store.migrate_up().await?;
    let vault = unlock(&store, cipher, entropy).await.map_err(refused)?;
    Ok((store, vault))
}

/// Opens a store that a service has used, and decrypts its hash key. Writes nothing.
pub(crate) async fn unlocked_store(
    config: &StoreConfig,
    keys: &SecretKeys,
) -> Result<(SeaOrmStore, Vault), Failure> {
    let entropy = Arc::new(entropy());
    let cipher = cipher(keys, &entropy);
    let store = used_store(config, |hash_key| decrypts(&cipher, hash_key)).await?;
    let vault = unlock(&store, cipher, &entropy).await.map_err(refused)?;
    Ok((store, vault))
}

/// Opens a store that a service has used, unless `check` rejects its hash key. Writes nothing.
pub(crate) async fn used_store(
    config: &StoreConfig,
    check: impl FnOnce(&Sealed) -> Result<(), Failure>,
) -> Result<SeaOrmStore, Failure> {
    let never_used = || {
        let message = "no service has used this database: check CENTRAL_OAUTH_DATABASE_URL or CENTRAL_OAUTH_DB_PATH, and \
                       whether a restore or `central-oauth copy` into it is complete";
        Failure::new(Exit::Other, message)
    };
    let store = SeaOrmStore::open_if(&config.url, config.pool, |hash_key| {
        check(hash_key.ok_or_else(never_used)?)
    });
    store.await
}

/// Fails if the keys do not decrypt the hash key.
fn decrypts(cipher: &Arc<dyn Cipher>, hash_key: &Sealed) -> Result<(), Failure> {
    let opened = Vault::unlock(Arc::clone(cipher), hash_key).map(drop);
    opened.map_err(|error| refused(UnlockError::WrongKey(error)))
}

pub(crate) fn cipher(keys: &SecretKeys, entropy: &Arc<Entropy>) -> Arc<dyn Cipher> {
    let cipher = AesGcmSivCipher::new(&keys.current, &keys.previous, Arc::clone(entropy));
    Arc::new(cipher)
}

/// Logs which rows have values with a damaged header.
fn log_damaged(rows: &[(OwnerKind, DamagedRow)]) {
    if rows.is_empty() {
        return;
    }
    let rows = rows.iter().map(|(owners, row)| (table_of(*owners), row.0));
    let rows = named_rows(&Vec::from_iter(rows));
    tracing::error!(
        rows,
        "sealed values are damaged and cannot be decrypted; see docs/BACKUP.md#damaged-rows"
    );
}

/// Creates a failure. If a key is wrong or missing, the failure names its variable.
pub(crate) fn refused(error: UnlockError) -> Failure {
    match error {
        UnlockError::WrongKey(cause) => {
            let problem =
                format!("does not open this database ({cause}); nothing has been written");
            ConfigError::variable("SECRET_KEY", problem).into()
        }
        UnlockError::MissingKeys(_) => {
            let problem = format!(
                "lacks a key: {error}; put it back, or run `central-oauth rekey` with it first"
            );
            ConfigError::variable("PREVIOUS_SECRET_KEYS", problem).into()
        }
        UnlockError::Store(error) => error.into(),
        UnlockError::NoHashKey => Failure::new(
            Exit::Other,
            "this database is an unfinished copy: run `central-oauth copy` again until it says that it is complete",
        ),
    }
}

/// Builds the providers, in their order.
pub(crate) fn adapters(
    config: &ProviderConfig,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
) -> Result<Vec<OpenIdConnectProvider>, Failure> {
    let adapters = config.providers.iter().map(|provider| {
        let settings = provider.settings.clone();
        let adapter = OpenIdConnectProvider::new(settings, Arc::clone(clock), Arc::clone(entropy));
        adapter.map_err(|error| provider.refused(&error).into())
    });
    adapters.collect()
}

fn providers(
    config: ProviderConfig,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
    observer: &Arc<dyn Observer>,
) -> Result<Providers, Failure> {
    let watched = |adapter: OpenIdConnectProvider| {
        let adapter = adapter.watched(Arc::clone(observer), headers_to_pass_on);
        let watched = ObservedProvider::new(Arc::new(adapter), Arc::clone(observer));
        Arc::new(watched) as Arc<dyn OAuthProvider>
    };
    let adapters = adapters(&config, clock, entropy)?;
    let adapters = adapters.into_iter().map(watched);
    Ok(Providers::new(adapters, config.default))
}

/// Builds the observer of this process.
pub(crate) fn telemetry(
    config: TelemetryConfig,
    providers: &ProviderConfig,
    webhooks: Option<&WebhookConfig>,
) -> Result<Telemetry, Failure> {
    let names = providers.providers.iter();
    let receivers = webhooks.into_iter().flat_map(|config| &config.receivers);
    let options = TelemetryOptions {
        providers: names
            .map(|provider| provider.settings.name.clone())
            .collect(),
        receivers: receivers.map(|receiver| receiver.name.clone()).collect(),
        is_scraped: config.scraped_at.is_some(),
        traces: config.traces,
        metrics: config.metrics,
        service_name: config.service_name,
        attributes: config.attributes,
        instance: entropy().hex::<16>(),
        started_at: clock().now(),
    };
    Ok(Telemetry::start(options)?)
}
