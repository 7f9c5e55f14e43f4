//! The accounts of the benchmark: a thousand idle ones get tokens of a sandbox.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_cipher_aes_gcm_siv::{AesGcmSivCipher, SecretKey};
use central_oauth_clock_system::SystemClock;
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::grant::{
    AccessKeyId, AccountId, AccountKey, KeyBinding, KeyHolder, KeyLimits, KeyRole, ProviderName,
};
use central_oauth_domain::ports::Clock as _;
use central_oauth_domain::secret::{AccessKey, AccessToken, KeyedHash, RefreshToken};
use central_oauth_domain::usecases::unlock;
use central_oauth_domain::vault::Vault;
use central_oauth_sandbox_poem::{AutoPerson, Sandbox, SandboxOptions};
use central_oauth_store_seaorm::{PoolSettings, SeaOrmStore};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use reqwest::Client;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::json;

use crate::fill::{self, Idle, PERSON, PROVIDER, execute};
use crate::support::http;
use crate::support::service::Service;

/// Number of accounts with real tokens: as many as the sandbox can hold.
const LIVE: u64 = 1_000;

/// Fills a database if necessary, activates some accounts, spread over all, and prints their keys and the endpoints of
/// their provider.
pub(super) async fn world(url: &str, accounts: u64) -> Sandbox {
    let (sandbox, client) = (sandbox().await, http::client());
    let entropy = Arc::new(Entropy::new(UnwrapErr(SysRng)));
    let vault = vault(url, &entropy).await;
    let idle = Idle {
        accounts,
        seal: vault.current_seal_id(),
        token_endpoint: sandbox.endpoints().token.clone(),
        now: SystemClock.now().as_millis(),
    };
    idle.fill(url).await;

    let db = fill::raw(url).await;
    let live: Vec<_> = (1..=LIVE).map(|n| n * (accounts / LIVE)).collect();
    let mut keys = Vec::new();
    execute(&db, "BEGIN").await;
    for account in &live {
        let tokens = consent(&client, &sandbox).await;
        let key = AccessKey::generate(&entropy);
        bring_to_life(&db, &vault, &idle, *account, &tokens, &key).await;
        keys.push(key.expose().to_owned());
    }
    execute(&db, "COMMIT").await;
    db.close().await.expect("cannot close the database");
    let at = sandbox.endpoints();
    let printed = json!({
        "accounts": live,
        "keys": keys,
        "settings": {
            "SECRET_KEY": Service::SECRET_KEY,
            "PROVIDER_CLIENT_ID": "sandbox-client",
            "PROVIDER_TOKEN_ENDPOINT": at.token,
            "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT": at.device_authorization,
            "PROVIDER_USERINFO_ENDPOINT": at.userinfo,
        },
    });
    println!("{printed}");
    sandbox
}

/// Starts a sandbox whose people consent at once, and whose tokens last longer than a run.
async fn sandbox() -> Sandbox {
    let options = SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        auto_person: AutoPerson::SomebodyNew,
        access_token_ttl: Duration::from_secs(24 * 3600),
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.expect("no sandbox")
}

/// Creates the database as the service does, and returns its vault.
async fn vault(url: &str, entropy: &Arc<Entropy>) -> Vault {
    let key = SecretKey::from_hex(Service::SECRET_KEY).expect("no key");
    let cipher = Arc::new(AesGcmSivCipher::new(&key, &[], Arc::clone(entropy)));
    let url = url.parse().expect("no URL of a database");
    let store = SeaOrmStore::open(&url, PoolSettings::default())
        .await
        .expect("no database");
    store.migrate_up().await.expect("no schema");
    let vault = unlock(&store, cipher, entropy).await.expect("no hash key");
    store.close().await.expect("cannot close the database");
    vault
}

/// Completes a device flow; a person of the sandbox consents at once.
async fn consent(client: &Client, sandbox: &Sandbox) -> (AccessToken, RefreshToken) {
    let (at, id) = (sandbox.endpoints(), ("client_id", "sandbox-client"));
    let start = client.post(&at.device_authorization).form(&[id]);
    let started = http::send(start).await.expect(200);
    let form = [
        id,
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", started.str("device_code")),
    ];
    let tokens = http::send(client.post(&at.token).form(&form)).await;
    let tokens = tokens.expect(200);
    (
        AccessToken::new(tokens.str("access_token")),
        RefreshToken::new(tokens.str("refresh_token")),
    )
}

async fn bring_to_life(
    db: &DatabaseConnection,
    vault: &Vault,
    idle: &Idle,
    account: u64,
    (access, refresh): &(AccessToken, RefreshToken),
    key: &AccessKey,
) {
    let owner = AccountKey {
        provider: ProviderName::new(PROVIDER),
        account_id: format!("{PERSON}{account}"),
    };
    let access = vault.seal(access, &owner);
    let refresh = vault.seal(refresh, &owner);
    let [access, refresh] = [access, refresh].map(|sealed| sealed.expect("cannot be sealed"));
    let bytes = |bytes: &[u8]| fill::bytes(db, bytes);
    let (access, refresh) = (bytes(access.as_bytes()), bytes(refresh.as_bytes()));
    let (endpoint, hash) = (&idle.token_endpoint, vault.hash_access_key(key));
    let (hash, now) = (bytes(hash.as_bytes()), idle.now);
    let ends = now + 24 * 3_600_000;
    let mac = mac_of(db, vault, account, &owner, key).await;
    let mac = bytes(mac.as_bytes());
    let sql = format!(
        "UPDATE tokens SET access_token = {access}, refresh_token = {refresh}, token_endpoint = '{endpoint}',
           obtained_at = {now}, access_token_expires_at = {ends}, next_refresh_at = {ends} - 600000, lease_until = NULL, failures = 0,
           ambiguous = FALSE, refused_since = NULL
         WHERE account_id = {account};
         UPDATE accounts SET status = 'active', last_error_code = NULL, last_error_detail = NULL WHERE id = {account};
         UPDATE access_keys SET hash = {hash}, mac = {mac} WHERE account_id = {account}"
    );
    execute(db, &sql).await;
}

/// Returns the MAC of the only key of an account.
async fn mac_of(
    db: &DatabaseConnection,
    vault: &Vault,
    account: u64,
    person: &AccountKey,
    key: &AccessKey,
) -> KeyedHash {
    let sql = format!("SELECT id FROM access_keys WHERE account_id = {account}");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    let row = row.await.expect("no answer").expect("no key");
    let id = i64::try_from(account).expect("too many accounts");
    vault.row_macs().of_key(&KeyHolder {
        id: AccessKeyId(row.try_get("", "id").expect("no number")),
        hash: vault.hash_access_key(key),
        role: KeyRole::Owner,
        expires_at: None,
        maker: None,
        limits: KeyLimits::default(),
        binding: KeyBinding::Account {
            id: AccountId(id),
            person: person.clone(),
        },
        mac: None,
    })
}
