//! The key management service that wraps the secret key.

use std::time::Duration;

use central_oauth_kms::{Kms, SecretSource};
use secrecy::SecretString;

use super::numbers::read_seconds;
use super::{ConfigError, Environment};

/// The key management service that wraps the secret key.
pub(crate) struct KmsConfig {
    pub(crate) kms: Kms,
    /// The name of the key, as it is configured.
    pub(super) name: String,
    /// How long the service continues while the key management service refuses to unwrap the key.
    pub(crate) grace: Duration,
}

impl KmsConfig {
    /// Reads the section; `None` if the secret key is not wrapped.
    pub(crate) fn read(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let hour = Duration::from_secs(3600);
        let grace = read_seconds(environment, "KMS_GRACE", 0..=604_800, hour)?;
        // AWS tools read these variables too.
        let endpoint = ["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"]
            .iter()
            .find_map(|name| environment.other(name));
        let Some(key) = environment.text("KMS") else {
            return Ok(None);
        };
        let secret = match Kms::is_on_token(key) {
            true => source(environment, "KMS_PIN", |_| None),
            false => source(environment, "KMS_TOKEN", foreign_token),
        };
        let kms = Kms::new(key, endpoint, secret);
        let kms = kms.map_err(|error| ConfigError::variable("KMS", error))?;
        require_secret(key, environment)?;
        Ok(Some(Self {
            kms,
            name: key.to_owned(),
            grace,
        }))
    }
}

/// Fails if the key management service needs a token or a PIN that is not configured.
fn require_secret(key: &str, environment: &Environment) -> Result<(), ConfigError> {
    let (name, of, is_set) = if key.starts_with("arn:") {
        return Ok(());
    } else if Kms::is_on_token(key) {
        (
            "KMS_PIN",
            "on a PKCS#11 token",
            environment.is_set("KMS_PIN"),
        )
    } else {
        let is_set = environment.is_set("KMS_TOKEN") || foreign_token(environment).is_some();
        ("KMS_TOKEN", "of Vault or OpenBao", is_set)
    };
    let problem = format!("is not set, and CENTRAL_OAUTH_KMS names a key {of}");
    is_set
        .then_some(())
        .ok_or_else(|| ConfigError::variable(name, problem))
}

/// Returns a source that reads a secret again for each request, because agents renew the secret in its file. If our
/// variable is not set, the source calls `other`.
fn source(
    environment: &Environment,
    name: &'static str,
    other: fn(&Environment) -> Option<SecretString>,
) -> SecretSource {
    let environment = environment.clone();
    Box::new(move || {
        let ours = environment.secret(name);
        let ours = ours.map_err(|error| error.to_string())?;
        let missing = || format!("{}{name} is not set", Environment::PREFIX);
        ours.or_else(|| other(&environment)).ok_or_else(missing)
    })
}

/// Returns the token that the Vault and OpenBao tools use.
fn foreign_token(environment: &Environment) -> Option<SecretString> {
    let mut names = ["BAO_TOKEN", "VAULT_TOKEN"].iter();
    let token = names.find_map(|name| environment.other(name));
    token.map(SecretString::from)
}
