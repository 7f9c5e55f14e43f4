//! From where to where everything is copied.

use central_oauth_store_seaorm::{DatabaseUrl, InvalidDatabaseUrl, PoolSettings};
use serde::Deserialize;

use super::store::at_path;
use super::{ConfigError, Environment, StoreConfig};

#[derive(Deserialize)]
struct Raw {
    db_path: Option<String>,
    database_url: Option<String>,
}

/// From where to where everything is copied.
pub(crate) struct CopyConfig {
    pub(crate) from: DatabaseUrl,
    pub(crate) to: DatabaseUrl,
    pub(crate) pool: PoolSettings,
}

impl CopyConfig {
    /// What is not named on the command line is where a service finds it: the file that it has used before, and the URL
    /// that goes before that file. A URL may hold a password, which is better kept off the command line.
    pub(crate) fn read(
        environment: &Environment,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let pool = StoreConfig::read(environment)?.pool;
        let from = match from {
            Some(url) => parse(url, "--from")?,
            None => at_path(raw.db_path.as_deref()),
        };
        let to = match (to, &raw.database_url) {
            (Some(url), _) => parse(url, "--to")?,
            (None, Some(url)) => url.parse().map_err(|error: InvalidDatabaseUrl| {
                ConfigError::variable("DATABASE_URL", error)
            })?,
            (None, None) => {
                let problem = "is missing: give postgres://…, or set CENTRAL_OAUTH_DATABASE_URL";
                return Err(ConfigError::place("--to", problem));
            }
        };
        if are_same_file(&from, &to) {
            return Err(ConfigError::place("--to", "is the database to be copied"));
        }
        Ok(Self { from, to, pool })
    }
}

fn parse(url: &str, option: &str) -> Result<DatabaseUrl, ConfigError> {
    url.parse()
        .map_err(|error: InvalidDatabaseUrl| ConfigError::place(option, error))
}

/// Of servers it shows later: one that can be copied is complete, and so refused as a destination.
fn are_same_file(one: &DatabaseUrl, other: &DatabaseUrl) -> bool {
    let real = |url: &DatabaseUrl| url.path()?.canonicalize().ok();
    real(one).is_some_and(|file| real(other) == Some(file))
}
