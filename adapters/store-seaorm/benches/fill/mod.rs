//! Fills a large database quickly: SQL statements write all rows in one transaction. The rows are the same in every
//! run, and their sealed values cannot be decrypted.

use central_oauth_domain::secret::SealId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};

/// Idle accounts, each with tokens and a key.
pub(crate) struct Idle {
    /// The number of accounts. Their ids start at 1.
    pub(crate) accounts: u64,
    /// The header of all sealed values. Filler bytes follow the header, because nobody decrypts the values.
    pub(crate) seal: SealId,
    pub(crate) token_endpoint: String,
    /// The current time in milliseconds since the Unix epoch. No refresh is due within the half hour after this time.
    pub(crate) now: i64,
}

pub(crate) const PROVIDER: &str = "default";

/// A person's id is this prefix and the number of the account.
pub(crate) const PERSON: &str = "person-";

const HOUR: i64 = 3_600_000;

/// Opens a connection that bypasses the store.
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

/// Returns `bytes` as an SQL literal.
pub(crate) fn bytes(db: &DatabaseConnection, bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match db.get_database_backend() {
        DbBackend::Sqlite => format!("x'{digits}'"),
        _ => format!(r"'\x{digits}'::bytea"),
    }
}

impl Idle {
    /// Writes the accounts into a migrated database that nobody has open. If the database was filled before, only moves
    /// its times forward, if necessary. Turns off the journal of a SQLite file. The store turns it on again when it
    /// opens the file.
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
        // A PostgreSQL server also runs ANALYZE by itself. The service never runs ANALYZE on a SQLite file, because
        // SQLite would then prepare most statements again at every execution.
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

    /// Returns the INSERT of the tokens: access tokens of 200 to 1,500 bytes and refresh tokens of 64 to 500 bytes,
    /// without their headers. The refreshes are spread over 23 hours.
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

/// Returns the INSERT of the access keys. A hash consists of 24 pseudorandom bytes and the id of the account, which
/// makes the hash unique.
fn keys(blob: &str, number: &str) -> String {
    let from = format!("CAST(1 + account_id * 7919 % {} AS INT)", NOISE - 24);
    format!(
        "INSERT INTO access_keys (hash, role, name, account_id, created_at)
         SELECT CAST(substr(bytes, {from}, 24) || {number} AS {blob}), 'owner', 'a program', account_id, obtained_at
         FROM tokens, noise"
    )
}

/// Returns the time of the earliest refresh in milliseconds since the Unix epoch; `None` without accounts.
async fn first_refresh(db: &DatabaseConnection) -> Option<i64> {
    let sql = "SELECT min(next_refresh_at) FROM tokens";
    let query = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(query).await.expect("cannot look");
    row?.try_get_by_index(0).expect("no number")
}

const NOISE: usize = 8_000;

/// Returns pseudorandom bytes (xorshift). They are the same in every run.
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
