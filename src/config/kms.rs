//! The key management service that wraps the secret key.

use std::time::Duration;

use central_oauth_kms::{Kms, TokenSource};
use secrecy::SecretString;
use serde::Deserialize;

use super::numbers::read_seconds;
use super::{ConfigError, Effective, Environment};

#[derive(Deserialize)]
struct Raw {
    kms: Option<String>,
    kms_grace: Option<String>,
}

/// The key management service that wraps the secret key.
pub(crate) struct KmsConfig {
    pub(crate) kms: Kms,
    /// The name of the key, as it is configured.
    pub(super) name: String,
    /// How long the service continues after its key was refused.
    pub(crate) grace: Duration,
}

impl KmsConfig {
    /// Reads the section; `None` if the secret key is not wrapped.
    pub(crate) fn read(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let raw: Raw = environment.section()?;
        let mut grace = Duration::from_secs(3600);
        read_seconds("KMS_GRACE", raw.kms_grace, 0..=604_800, &mut grace)?;
        // AWS tools read these variables too.
        let endpoint = ["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"]
            .iter()
            .find_map(|name| environment.other(name));
        let Some(key) = raw.kms else { return Ok(None) };
        let kms = Kms::new(&key, endpoint, token(environment)?);
        let kms = kms.map_err(|error| ConfigError::variable("KMS", error))?;
        let has_token = environment.is_set("KMS_TOKEN") || foreign_token(environment).is_some();
        if !key.starts_with("arn:") && !has_token {
            let problem = "is not set, and CENTRAL_OAUTH_KMS names a key of Vault or OpenBao";
            return Err(ConfigError::variable("KMS_TOKEN", problem));
        }
        Ok(Some(Self {
            kms,
            name: key,
            grace,
        }))
    }

    /// Returns the values in force, which are empty if the secret key is not wrapped.
    pub(super) fn effective(config: Option<&Self>) -> [Effective; 2] {
        let value = |of: fn(&Self) -> String| config.map_or_else(String::new, of);
        [
            ("KMS", value(|config| config.name.clone())),
            (
                "KMS_GRACE",
                value(|config| config.grace.as_secs().to_string()),
            ),
        ]
    }
}

/// Reads the token again for each request, because agents renew it in its file. Without a variable of ours, uses those
/// of the Vault and OpenBao tools.
fn token(environment: &Environment) -> Result<TokenSource, ConfigError> {
    let environment = environment.clone();
    let token = move || {
        let ours = environment.secret("KMS_TOKEN");
        let token = ours.map(|ours| ours.or_else(|| foreign_token(&environment)));
        let missing = || "CENTRAL_OAUTH_KMS_TOKEN is not set".to_owned();
        token
            .map_err(|error| error.to_string())?
            .ok_or_else(missing)
    };
    Ok(Box::new(token))
}

fn foreign_token(environment: &Environment) -> Option<SecretString> {
    let mut names = ["BAO_TOKEN", "VAULT_TOKEN"].iter();
    let token = names.find_map(|name| environment.other(name));
    token.map(SecretString::from)
}
