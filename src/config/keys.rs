//! The operator's secrets.

use central_oauth_cipher_aes_gcm_siv::SecretKey;
use central_oauth_domain::secret::AccessKey;
use serde::Deserialize;

use super::{ConfigError, Environment};

#[derive(Deserialize)]
struct Raw {
    secret_key: Option<String>,
    previous_secret_keys: Option<String>,
    admin_key: Option<String>,
    enroll_key: Option<String>,
}

/// The operator's secrets.
pub(crate) struct Keys {
    /// Encrypts and decrypts.
    pub(crate) secret: SecretKey,
    /// Earlier keys that only decrypt.
    pub(crate) previous: Vec<SecretKey>,
    /// The admin's bearer key.
    pub(crate) admin: Option<AccessKey>,
    /// The bearer key for asking for link codes.
    pub(crate) enroll: Option<AccessKey>,
}

impl Keys {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let missing = || {
            let problem = "is not set: set it to 64 hexadecimal digits, for example from `openssl rand -hex 32`";
            ConfigError::variable("SECRET_KEY", problem)
        };
        let secret = raw.secret_key.ok_or_else(missing)?;
        let previous = raw.previous_secret_keys.unwrap_or_default();
        let previous = previous
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty());
        Ok(Self {
            secret: key("SECRET_KEY", secret.trim())?,
            previous: previous
                .map(|text| key("PREVIOUS_SECRET_KEYS", text))
                .collect::<Result<_, _>>()?,
            admin: bearer("ADMIN_KEY", raw.admin_key)?,
            enroll: bearer("ENROLL_KEY", raw.enroll_key)?,
        })
    }

    /// Returns warnings about weak keys.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let keys = [("ADMIN_KEY", &self.admin), ("ENROLL_KEY", &self.enroll)];
        let short = keys.into_iter().filter(|(_, key)| {
            let key = key.as_ref();
            key.is_some_and(|key| key.expose().len() < SHORT)
        });
        let warning = |(name, _)| {
            let prefix = Environment::PREFIX;
            format!("{prefix}{name} has fewer than {SHORT} characters and may be guessed")
        };
        short.map(warning).collect()
    }
}

fn key(name: &str, text: &str) -> Result<SecretKey, ConfigError> {
    SecretKey::from_hex(text).map_err(|problem| ConfigError::variable(name, problem))
}

/// Parses a bearer key. Secret stores often append a line feed.
pub(super) fn bearer(name: &str, value: Option<String>) -> Result<Option<AccessKey>, ConfigError> {
    let key = value.map(|value| AccessKey::new(value.trim()));
    match key.as_ref().map(is_bearer) {
        Some(false) => {
            let problem = "is not a valid key: it needs at least 8 characters, all visible ASCII";
            Err(ConfigError::variable(name, problem))
        }
        _ => Ok(key),
    }
}

/// Whether a text can be a bearer key that is not trivial to guess.
pub(crate) fn is_bearer(key: &AccessKey) -> bool {
    const SHORTEST: usize = 8;
    let key = key.expose();
    key.len() >= SHORTEST && key.bytes().all(|b| b.is_ascii_graphic())
}

/// Shorter keys get a warning.
const SHORT: usize = 16;
