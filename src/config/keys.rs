//! The operator's secrets.

use central_oauth_cipher_aes_gcm_siv::SecretKey;
use central_oauth_domain::secret::AccessKey;
use secrecy::ExposeSecret;

use super::{ConfigError, Effective, Environment, HIDDEN, hidden};

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
        let missing = || {
            let problem = "is not set: set it to 64 hexadecimal digits, for example from `openssl rand -hex 32`";
            ConfigError::variable("SECRET_KEY", problem)
        };
        let secret = environment.secret("SECRET_KEY")?.ok_or_else(missing)?;
        let secret = secret.expose_secret().trim();
        // What people write until they have a key. As a previous key it is accepted, because it must be replaced.
        if !secret.is_empty() && secret.bytes().all(|digit| digit == b'0') {
            let problem = "is all zeros; make a key, for example with `openssl rand -hex 32`";
            return Err(ConfigError::variable("SECRET_KEY", problem));
        }
        let previous = environment.secret("PREVIOUS_SECRET_KEYS")?;
        let previous = previous.as_ref().map_or("", ExposeSecret::expose_secret);
        let previous = previous
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty());
        let keys = Self {
            secret: key("SECRET_KEY", secret)?,
            previous: previous
                .map(|text| key("PREVIOUS_SECRET_KEYS", text))
                .collect::<Result<_, _>>()?,
            admin: operator_key(environment, "ADMIN_KEY")?,
            enroll: operator_key(environment, "ENROLL_KEY")?,
        };
        keys.refuse_one_key_for_both()?;
        Ok(keys)
    }

    /// Returns which secrets are set.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        vec![
            ("SECRET_KEY", HIDDEN.to_owned()),
            ("PREVIOUS_SECRET_KEYS", hidden(!self.previous.is_empty())),
            ("ADMIN_KEY", hidden(self.admin.is_some())),
            ("ENROLL_KEY", hidden(self.enroll.is_some())),
        ]
    }

    /// Whoever may ask for link codes would be admin.
    fn refuse_one_key_for_both(&self) -> Result<(), ConfigError> {
        let admin = self.admin.as_ref().map(AccessKey::expose);
        if admin.is_some() && admin == self.enroll.as_ref().map(AccessKey::expose) {
            let problem =
                "is the same key as CENTRAL_OAUTH_ADMIN_KEY: whoever enrols would be admin";
            return Err(ConfigError::variable("ENROLL_KEY", problem));
        }
        Ok(())
    }
}

fn key(name: &str, text: &str) -> Result<SecretKey, ConfigError> {
    SecretKey::from_hex(text).map_err(|problem| ConfigError::variable(name, problem))
}

/// Reads a key that the operator has chosen for the service.
fn operator_key(environment: &Environment, name: &str) -> Result<Option<AccessKey>, ConfigError> {
    /// As many characters as 64 random bits have in hexadecimal.
    const SHORTEST: usize = 16;
    let key = bearer(environment, name)?;
    if key
        .as_ref()
        .is_some_and(|key| key.expose().len() < SHORTEST)
    {
        let problem = "has fewer than 16 characters and could be guessed; make a key, for example with `openssl rand -hex 32`";
        return Err(ConfigError::variable(name, problem));
    }
    Ok(key)
}

/// Reads a bearer key.
pub(super) fn bearer(
    environment: &Environment,
    name: &str,
) -> Result<Option<AccessKey>, ConfigError> {
    let key = environment.secret(name)?;
    let key = key.map(|key| AccessKey::new(key.expose_secret().trim()));
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
