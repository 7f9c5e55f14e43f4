//! The database.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use central_oauth_store_seaorm::{DatabaseUrl, InvalidDatabaseUrl, PoolSettings};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::numbers::{read_number, read_seconds};
use super::words::Words;
use super::{ConfigError, Effective, Environment};

#[derive(Deserialize)]
struct Raw {
    db_path: Option<String>,
    database_max_connections: Option<String>,
    database_connect_timeout: Option<String>,
    database_statement_timeout: Option<String>,
    token_cache: Option<String>,
}

const TOKEN_CACHE: Words<bool> = Words("TOKEN_CACHE", &[("on", true), ("off", false)]);

/// The database.
#[derive(Clone)]
pub(crate) struct StoreConfig {
    pub(crate) url: DatabaseUrl,
    pub(crate) pool: PoolSettings,
    /// Whether tokens are served from memory while the database confirms them.
    pub(crate) caches_tokens: bool,
}

/// The file that is used without a URL.
pub(super) fn at_path(path: Option<&str>) -> DatabaseUrl {
    DatabaseUrl::file(path.unwrap_or("./central-oauth.sqlite3"))
}

/// The URL that replaces the file. It may contain a password.
pub(super) fn configured_url(
    environment: &Environment,
) -> Result<Option<DatabaseUrl>, ConfigError> {
    let url = environment.secret("DATABASE_URL")?;
    let url = url.map(|url| url.expose_secret().parse());
    url.transpose()
        .map_err(|error: InvalidDatabaseUrl| ConfigError::variable("DATABASE_URL", error))
}

impl StoreConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        // The operator's URL overrides the path that the container image sets.
        let url = match configured_url(environment)? {
            Some(url) => url,
            None => at_path(raw.db_path.as_deref()),
        };
        let caches_tokens = TOKEN_CACHE.read(raw.token_cache.as_deref(), true)?;
        let pool = raw.pool()?;
        Ok(Self {
            url,
            pool,
            caches_tokens,
        })
    }

    /// Returns the values in force. The URL is shown without user and password.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        let place = self.url.to_string();
        let (file, server) = match self.url.path() {
            Some(_) => (place, String::new()),
            None => (String::new(), place),
        };
        let pool = &self.pool;
        let seconds = |duration: Duration| duration.as_secs().to_string();
        vec![
            ("DB_PATH", file),
            ("DATABASE_URL", server),
            ("DATABASE_MAX_CONNECTIONS", pool.max_connections.to_string()),
            ("DATABASE_CONNECT_TIMEOUT", seconds(pool.connect_timeout)),
            (
                "DATABASE_STATEMENT_TIMEOUT",
                seconds(pool.statement_timeout),
            ),
            TOKEN_CACHE.effective(self.caches_tokens),
        ]
    }

    /// Rejects a database file that every user of the machine may read or write. A new file is created private.
    ///
    /// # Errors
    /// The file, and the command that fixes it.
    pub(crate) fn refuse_public_file(&self) -> Result<(), ConfigError> {
        const BY_OTHERS: u32 = 0o006;
        let Some(path) = self.url.path() else {
            return Ok(());
        };
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            let is_public = std::fs::metadata(&file)
                .is_ok_and(|file| file.permissions().mode() & BY_OTHERS != 0);
            if is_public {
                let file = file.display();
                let problem = format!(
                    "every user of this machine may use this database: run `chmod o-rwx '{file}'`"
                );
                return Err(ConfigError::place(file.to_string(), problem));
            }
        }
        Ok(())
    }
}

impl Raw {
    fn pool(self) -> Result<PoolSettings, ConfigError> {
        let mut pool = PoolSettings::default();
        let mut most = u64::from(pool.max_connections);
        read_number(
            "DATABASE_MAX_CONNECTIONS",
            self.database_max_connections,
            2..=1000,
            &mut most,
        )?;
        pool.max_connections = most.try_into().unwrap_or(u32::MAX);
        read_seconds(
            "DATABASE_CONNECT_TIMEOUT",
            self.database_connect_timeout,
            1..=60,
            &mut pool.connect_timeout,
        )?;
        read_seconds(
            "DATABASE_STATEMENT_TIMEOUT",
            self.database_statement_timeout,
            1..=60,
            &mut pool.statement_timeout,
        )?;
        Ok(pool)
    }
}
