//! Where the data is.

use std::fmt::Display;

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
        let wrong = |problem: &dyn Display| ConfigError::variable("DATABASE_URL", problem);
        let url = match (raw.database_url, raw.db_path) {
            (Some(_), Some(_)) => {
                return Err(wrong(
                    &"is set beside CENTRAL_OAUTH_DB_PATH: give one of them",
                ));
            }
            (Some(url), None) => url
                .parse()
                .map_err(|error: InvalidDatabaseUrl| wrong(&error))?,
            (None, path) => DatabaseUrl::file(path.as_deref().unwrap_or(Self::DEFAULT_PATH)),
        };
        Ok(Self { url })
    }
}
