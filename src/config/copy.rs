//! Source and destination of `copy`.

use central_oauth_store_seaorm::{DatabaseUrl, InvalidDatabaseUrl, PoolSettings};

use super::store::{configured_file, configured_url};
use super::{ConfigError, Environment, StoreConfig};

pub(crate) struct CopyConfig {
    pub(crate) from: DatabaseUrl,
    pub(crate) to: DatabaseUrl,
    pub(crate) pool: PoolSettings,
}

impl CopyConfig {
    /// Reads the settings. The default source is the SQLite file in `DB_PATH`. The default destination is the URL in
    /// `DATABASE_URL`, so that a password in the URL does not appear on the command line.
    pub(crate) fn read(
        environment: &Environment,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let pool = StoreConfig::read(environment)?.pool;
        let from = match from {
            Some(url) => parse(url, "--from")?,
            None => configured_file(environment)?,
        };
        let to = match to {
            Some(url) => parse(url, "--to")?,
            None => configured_url(environment)?.ok_or_else(|| {
                let problem =
                    "is missing: give a postgres:// URL, or set CENTRAL_OAUTH_DATABASE_URL";
                ConfigError::place("--to", problem)
            })?,
        };
        if are_same_file(&from, &to) {
            return Err(ConfigError::place(
                "--to",
                "is the same database as the source",
            ));
        }
        Ok(Self { from, to, pool })
    }
}

fn parse(url: &str, option: &str) -> Result<DatabaseUrl, ConfigError> {
    url.parse()
        .map_err(|error: InvalidDatabaseUrl| ConfigError::place(option, error))
}

/// Whether both URLs name the same file. Two URLs of one database on a server are detected later, because a complete
/// database is rejected as a destination.
fn are_same_file(one: &DatabaseUrl, other: &DatabaseUrl) -> bool {
    let real = |url: &DatabaseUrl| url.path()?.canonicalize().ok();
    real(one).is_some_and(|file| real(other) == Some(file))
}
