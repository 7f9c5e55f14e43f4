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
    /// Seals and opens.
    pub(crate) secret: SecretKey,
    /// Still open what they sealed.
    pub(crate) previous: Vec<SecretKey>,
    /// The bearer that is admin.
    pub(crate) admin: Option<AccessKey>,
    /// The bearer that may ask for link codes.
    pub(crate) enroll: Option<AccessKey>,
}

impl Keys {
    /// An operator's key shorter than this could be guessed.
    const SHORTEST_BEARER: usize = 16;

    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let missing = || {
            let problem = "is not set: give 32 random bytes as 64 hexadecimal digits, for example from `openssl rand -hex 32`";
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
}

fn key(name: &str, text: &str) -> Result<SecretKey, ConfigError> {
    SecretKey::from_hex(text).map_err(|problem| ConfigError::variable(name, problem))
}

fn bearer(name: &str, value: Option<String>) -> Result<Option<AccessKey>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    if value.len() < Keys::SHORTEST_BEARER || !value.bytes().all(|b| b.is_ascii_graphic()) {
        let problem = "a key has at least 16 characters, visible ASCII only";
        return Err(ConfigError::variable(name, problem));
    }
    Ok(Some(AccessKey::new(value)))
}
