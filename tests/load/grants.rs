//! Accounts whose tokens open, and can be refreshed: a thousand idle ones are given what the sandbox hands out.

use std::path::Path;
use std::sync::Arc;

use central_oauth_cipher_aes_gcm_siv::{AesGcmSivCipher, SecretKey};
use central_oauth_domain::Timestamp;
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::grant::{AccountKey, ProviderName};
use central_oauth_domain::secret::{AccessKey, AccessToken, RefreshToken};
use central_oauth_domain::usecases::unlock;
use central_oauth_domain::vault::Vault;
use central_oauth_sandbox_poem::Sandbox;
use central_oauth_store_seaorm::{DatabaseUrl, PoolSettings, SeaOrmStore};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use reqwest::Client;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};

use crate::fill::{self, Idle, PERSON, PROVIDER, execute};
use crate::support::http;
use crate::support::service::Service;

/// As many as the sandbox has room for.
const LIVE: u64 = 1_000;

/// Accounts that are in use, and their keys.
pub(super) struct Live {
    pub(super) accounts: Vec<u64>,
    pub(super) keys: Arc<Vec<String>>,
}

/// Fills a new database: most accounts are idle, some, spread over all, are alive.
pub(super) async fn fill(path: &Path, accounts: u64, sandbox: &Sandbox, now: Timestamp) -> Live {
    let entropy = Arc::new(Entropy::new(UnwrapErr(SysRng)));
    let vault = vault(path, &entropy).await;
    let idle = Idle {
        accounts,
        seal: vault.present(),
        token_endpoint: sandbox.endpoints().token.clone(),
        now: now.as_millis(),
    };
    idle.fill(path).await;

    let (db, client) = (fill::raw(path).await, http::client());
    let live: Vec<_> = (1..=LIVE).map(|n| n * (accounts / LIVE)).collect();
    let mut keys = Vec::new();
    execute(&db, "BEGIN").await;
    for account in &live {
        let tokens = consent(&client, sandbox).await;
        let key = AccessKey::generate(&entropy);
        bring_to_life(&db, &vault, *account, &tokens, &key).await;
        keys.push(key.expose().to_owned());
    }
    execute(&db, "COMMIT").await;
    db.close().await.expect("cannot close the database");
    Live {
        accounts: live,
        keys: Arc::new(keys),
    }
}

/// Makes the database as the service does.
async fn vault(path: &Path, entropy: &Arc<Entropy>) -> Vault {
    let key = SecretKey::from_hex(Service::SECRET_KEY).expect("no key");
    let cipher = Arc::new(AesGcmSivCipher::new(&key, &[], Arc::clone(entropy)));
    let url = DatabaseUrl::file(path.to_owned());
    let store = SeaOrmStore::open(&url, PoolSettings::default())
        .await
        .expect("no database");
    store.migrate_up().await.expect("no schema");
    let vault = unlock(&store, cipher, entropy).await.expect("no hash key");
    store.close().await.expect("cannot close the database");
    vault
}

/// Goes through a device flow; somebody at the sandbox consents at once.
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
    let (access, refresh) = (access.as_bytes().to_vec(), refresh.as_bytes().to_vec());
    let tokens = "UPDATE tokens SET access_token = ?, refresh_token = ? WHERE account_id = ?";
    update(db, tokens, [access.into(), refresh.into(), account.into()]).await;
    let hash = vault.hash_access_key(key).as_bytes().to_vec();
    let keys = "UPDATE access_keys SET hash = ? WHERE account_id = ?";
    update(db, keys, [hash.into(), account.into()]).await;
}

async fn update<const N: usize>(db: &DatabaseConnection, sql: &str, values: [Value; N]) {
    let update = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    let updated = db.execute_raw(update).await.expect("cannot be updated");
    assert_eq!(updated.rows_affected(), 1);
}
