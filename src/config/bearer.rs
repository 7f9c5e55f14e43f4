//! Keys that callers send as bearer.

use central_oauth_domain::secret::AccessKey;
use secrecy::ExposeSecret;

use super::{ConfigError, Environment};

pub(super) fn bearer(
    environment: &Environment,
    name: &str,
) -> Result<Option<AccessKey>, ConfigError> {
    let key = environment.secret(name)?;
    let key = key.map(|key| AccessKey::new(key.expose_secret().trim()));
    match key.as_ref().map(is_bearer) {
        Some(false) => {
            let problem = "is not a valid key: it is too short, or not all visible ASCII";
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
