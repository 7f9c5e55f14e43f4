//! A large database, made fast: rows that nobody decrypts, written by SQL in one transaction, always the same.

use central_oauth_domain::secret::SealId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};

/// Idle accounts, each with tokens and a key.
pub(crate) struct Idle {
    /// How many there are; they are numbered from 1.
    pub(crate) accounts: u64,
    /// The header of their sealed values. The rest is no ciphertext, because nobody decrypts them.
    pub(crate) seal: SealId,
    pub(crate) token_endpoint: String,
    /// In milliseconds. Nothing is due in the hour after it.
    pub(crate) now: i64,
}

pub(crate) const PROVIDER: &str = "default";

/// A person's id is this prefix and the number of the account.
pub(crate) const PERSON: &str = "person-";

const HOUR: i64 = 3_600_000;

/// A connection that bypasses the store.
pub(crate) async fn raw(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await;
    db.unwrap_or_else(|error| panic!("cannot open the database: {error}"))
}

pub(crate) async fn execute(db: &DatabaseConnection, sql: &str) {
    let done = db.execute_unprepared(sql).await;
    done.unwrap_or_else(|error| panic!("{sql:.200}: {error}"));
}

/// Bytes in SQL.
pub(crate) fn bytes(db: &DatabaseConnection, bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match db.get_database_backend() {
        DbBackend::Sqlite => format!("x'{digits}'"),
        _ => format!(r"'\x{digits}'::bytea"),
    }
}

impl Idle {
    /// Writes the accounts into a migrated database that nobody has open. Refreshes the times of a database that was
    /// filled before. Disables durability meanwhile; the store enables it again when it opens the file.
    pub(crate) async fn fill(&self, url: &str) {
        let db = raw(url).await;
        let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
        if is_sqlite {
            let fast =
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000";
            execute(&db, fast).await;
        }
        match first_refresh(&db).await {
            None => self.write(&db, is_sqlite).await,
            Some(first) if first < self.now + HOUR / 2 => self.rejuvenate(&db, first).await,
            Some(_) => {}
        }
        db.close().await.expect("cannot close the database");
    }

    async fn write(&self, db: &DatabaseConnection, is_sqlite: bool) {
        let bytes = bytes(db, &noise());
        let noise = format!("CREATE TEMPORARY TABLE noise AS SELECT {bytes} AS bytes");
        let (blob, number) = if is_sqlite {
            ("BLOB", "CAST(printf('%08d', account_id) AS BLOB)")
        } else {
            (
                "BYTEA",
                "convert_to(lpad(account_id::text, 8, '0'), 'UTF8')",
            )
        };
        let (tokens, keys) = (self.tokens(db, blob), keys(blob, number));
        for sql in ["BEGIN", &noise, &self.accounts(), &tokens, &keys, "COMMIT"] {
            execute(db, sql).await;
        }
        // A server does so by itself. The service never does so in a file, where SQLite would prepare most statements at
        // every execution.
        if !is_sqlite {
            execute(db, "VACUUM ANALYZE").await;
        }
    }

    async fn rejuvenate(&self, db: &DatabaseConnection, first: i64) {
        let by = self.now + HOUR - first;
        let sql = format!(
            "UPDATE tokens SET next_refresh_at = next_refresh_at + {by},
               access_token_expires_at = access_token_expires_at + {by}, obtained_at = obtained_at + {by}"
        );
        execute(db, &sql).await;
    }

    fn accounts(&self) -> String {
        let Self { accounts, now, .. } = self;
        format!(
            "INSERT INTO accounts
               (id, provider, account_id, identified, display_name, status, scopes, created_at, linked_at)
             WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {accounts})
             SELECT id, '{PROVIDER}', '{PERSON}' || id, TRUE, 'Person ' || id, 'active',
               'read:org repo', {now} - id, {now} - id
             FROM n"
        )
    }

    /// Access tokens of 200 to 1,500 bytes, refresh tokens of 64 to 500; refreshes spread over a day.
    fn tokens(&self, db: &DatabaseConnection, blob: &str) -> String {
        let Self {
            seal,
            token_endpoint,
            now,
            ..
        } = self;
        let seal = bytes(db, &seal.0);
        let sealed = |least: u32, most: u32| {
            let length = format!("CAST({least} + id * 7919 % {} AS INT)", most - least);
            let from = format!("CAST(1 + id % {} AS INT)", NOISE - most as usize);
            format!("CAST({seal} || substr(bytes, {from}, {length}) AS {blob})")
        };
        let (access, refresh) = (sealed(200, 1500), sealed(64, 500));
        let next = format!("{now} + {HOUR} + id * 7919 % 82800 * 1000");
        format!(
            "INSERT INTO tokens
               (account_id, provider, generation, access_token, refresh_token, token_endpoint, client_id,
                access_token_expires_at, obtained_at, next_refresh_at, lease_version, failures, ambiguous)
             SELECT id, provider, 1, {access}, {refresh}, '{token_endpoint}', 'sandbox-client',
               {next} + {HOUR}, {now}, {next}, 0, 0, FALSE
             FROM accounts, noise"
        )
    }
}

/// Hashes that look random from the left, and end with the number of the account.
fn keys(blob: &str, number: &str) -> String {
    let from = format!("CAST(1 + account_id * 7919 % {} AS INT)", NOISE - 24);
    format!(
        "INSERT INTO access_keys (hash, role, name, account_id, created_at)
         SELECT CAST(substr(bytes, {from}, 24) || {number} AS {blob}), 'owner', 'a program', account_id, obtained_at
         FROM tokens, noise"
    )
}

/// Returns when the first account is due; `None` without accounts.
async fn first_refresh(db: &DatabaseConnection) -> Option<i64> {
    let sql = "SELECT min(next_refresh_at) FROM tokens";
    let query = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(query).await.expect("cannot look");
    row?.try_get_by_index(0).expect("no number")
}

const NOISE: usize = 8_000;

/// Returns bytes that look random, always the same (xorshift).
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..NOISE).map(|_| next()).collect()
}
