//! Where the data is.

use central_oauth_store_seaorm::{DatabaseUrl, InvalidDatabaseUrl};
use serde::Deserialize;

use super::{ConfigError, Environment};

#[derive(Deserialize)]
struct Raw {
    db_path: Option<String>,
    database_url: Option<String>,
}

/// Where the data is.
pub(crate) struct StoreConfig {
    pub(crate) url: DatabaseUrl,
}

impl StoreConfig {
    const DEFAULT_PATH: &'static str = "./central-oauth.sqlite3";

    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        // The container image sets a path; an operator's URL goes before it.
        let url = match raw.database_url {
            Some(url) => url.parse().map_err(|error: InvalidDatabaseUrl| {
                ConfigError::variable("DATABASE_URL", error)
            })?,
            None => DatabaseUrl::file(raw.db_path.as_deref().unwrap_or(Self::DEFAULT_PATH)),
        };
        Ok(Self { url })
    }
}
