//! Keys that callers send as bearer tokens.

use central_oauth_domain::secret::AccessKey;
use secrecy::ExposeSecret;

use super::{ConfigError, Environment};

/// The minimum length of a key that a client sends.
pub(super) const SHORTEST: usize = 8;

/// Reads a bearer key that has at least this length.
pub(super) fn bearer(
    environment: &Environment,
    name: &str,
    shortest: usize,
) -> Result<Option<AccessKey>, ConfigError> {
    let key = environment.secret(name)?;
    let key = key.map(|key| AccessKey::new(key.expose_secret().trim()));
    let is_valid = |key: &AccessKey| key.expose().len() >= shortest && is_bearer(key);
    if key.as_ref().is_none_or(is_valid) {
        return Ok(key);
    }
    let problem = format!(
        "is not a valid key: it must have at least {shortest} characters, all visible ASCII"
    );
    Err(ConfigError::variable(name, problem))
}

/// Whether a key consists of visible ASCII characters and has at least [`SHORTEST`] of them.
pub(crate) fn is_bearer(key: &AccessKey) -> bool {
    let key = key.expose();
    key.len() >= SHORTEST && key.bytes().all(|b| b.is_ascii_graphic())
}
