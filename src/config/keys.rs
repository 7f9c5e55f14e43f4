//! The operator's secrets.

use central_oauth_domain::secret::AccessKey;
use secrecy::ExposeSecret;

use super::secret_keys::WrappedKeys;
use super::{ConfigError, Environment};

/// The operator's secrets.
pub(crate) struct Keys {
    /// What encrypts and decrypts the stored values.
    pub(crate) secret: WrappedKeys,
    /// The admin's bearer key.
    pub(crate) admin: Option<AccessKey>,
    /// The bearer key for asking for link codes.
    pub(crate) enroll: Option<AccessKey>,
}

impl Keys {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let keys = Self {
            secret: WrappedKeys::read(environment)?,
            admin: operator_key(environment, "ADMIN_KEY")?,
            enroll: operator_key(environment, "ENROLL_KEY")?,
        };
        keys.refuse_one_key_for_both()?;
        Ok(keys)
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
