//! A database as a large installation has it, made fast: rows that nobody opens, written by SQL in one transaction.

use std::path::Path;

use central_oauth_domain::secret::SealId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

/// Idle accounts, each with tokens and a key.
pub(crate) struct Idle {
    /// How many; they are numbered from 1.
    pub(crate) accounts: u64,
    /// What their sealed values start with. The rest is random: nobody opens them.
    pub(crate) seal: SealId,
    /// Where their tokens came from.
    pub(crate) token_endpoint: String,
    /// In milliseconds. Nothing is due in the hour that follows.
    pub(crate) now: i64,
}

/// The provider of all accounts.
pub(crate) const PROVIDER: &str = "default";

/// With the number of the account behind it: whose it is.
pub(crate) const PERSON: &str = "person-";

/// One connection that knows nothing of the store.
pub(crate) async fn raw(path: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await;
    db.unwrap_or_else(|error| panic!("cannot open the database: {error}"))
}

pub(crate) async fn execute(db: &DatabaseConnection, sql: &str) {
    let done = db.execute_unprepared(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

impl Idle {
    /// Writes them into a migrated database that nobody has open. Durability is left out meanwhile; the store turns it
    /// on again when it opens the file.
    pub(crate) async fn fill(&self, path: &Path) {
        let db = raw(path).await;
        let fast = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN";
        for sql in [fast, &self.accounts(), &self.tokens(), KEYS, "COMMIT"] {
            execute(&db, sql).await;
        }
        db.close().await.expect("cannot close the database");
    }

    fn accounts(&self) -> String {
        let Self { accounts, now, .. } = self;
        format!(
            "INSERT INTO accounts
               (id, provider, account_id, identified, display_name, status, scopes, created_at, linked_at)
             WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {accounts})
             SELECT id, '{PROVIDER}', '{PERSON}' || id, 1, 'Person ' || id, 'active',
               'read:org repo', {now} - id, {now} - id
             FROM n"
        )
    }

    /// Access tokens of 200 to 1,500 bytes, refresh tokens of 64 to 500; refreshes spread over a day.
    fn tokens(&self) -> String {
        let Self {
            seal,
            token_endpoint,
            now,
            ..
        } = self;
        let sealed = |least: u32, most: u32| {
            let more = most - least;
            format!("CAST(x'{seal}' || randomblob({least} + abs(random() % {more})) AS BLOB)")
        };
        let (access, refresh) = (sealed(200, 1500), sealed(64, 500));
        let next = format!("{now} + 3600000 + id * 7919 % 82800 * 1000");
        format!(
            "INSERT INTO tokens
               (account_id, provider, generation, access_token, refresh_token, token_endpoint, client_id,
                access_token_expires_at, obtained_at, next_refresh_at, lease_version, failures, ambiguous)
             SELECT id, provider, 1, {access}, {refresh}, '{token_endpoint}', 'sandbox-client',
               {next} + 3600000, {now}, {next}, 0, 0, 0
             FROM accounts"
        )
    }
}

const KEYS: &str = "INSERT INTO access_keys (hash, role, name, account_id, created_at)
    SELECT randomblob(32), 'owner', 'a program', id, created_at FROM accounts";
