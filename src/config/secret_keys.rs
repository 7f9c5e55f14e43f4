//! The keys that encrypt stored values, in plain text or wrapped by a key management service.

use std::time::Duration;

use central_oauth_cipher_aes_gcm_siv::SecretKey;
use central_oauth_kms::KmsError;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::{ConfigError, Environment, KmsConfig};

const CURRENT: &str = "SECRET_KEY";
const PREVIOUS: &str = "PREVIOUS_SECRET_KEYS";
/// Timeout of [`WrappedKeys::preview`]. It includes the additional request that AWS credentials may need.
const PREVIEW_TIMEOUT: Duration = Duration::from_secs(20);

/// The keys that encrypt and decrypt stored values.
pub(crate) struct SecretKeys {
    /// Encrypts and decrypts.
    pub(crate) current: SecretKey,
    /// Earlier keys that only decrypt.
    pub(crate) previous: Vec<SecretKey>,
}

/// The secret keys as they are configured, in plain text or wrapped.
pub(crate) struct WrappedKeys {
    current: ConfiguredKey,
    previous: Vec<ConfiguredKey>,
    kms: Option<KmsConfig>,
}

enum ConfiguredKey {
    Plain(SecretKey),
    /// The ciphertext from the key management service.
    Wrapped(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{}{variable}: {error}", Environment::PREFIX)]
pub(crate) struct NotUnwrapped {
    variable: &'static str,
    #[source]
    error: KmsError,
}

impl NotUnwrapped {
    /// Whether unwrapping may succeed later.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self.error, KmsError::Unavailable(_))
    }

    /// Whether another attempt with the same PIN could lock a token.
    pub(crate) const fn is_wrong_pin(&self) -> bool {
        matches!(self.error, KmsError::Pin(_))
    }
}

impl WrappedKeys {
    /// Parses the keys. Sends no request.
    pub(super) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let missing = || {
            let problem = "is not set: set it to 64 hexadecimal digits, for example from `openssl rand -hex 32`";
            ConfigError::variable(CURRENT, problem)
        };
        let kms = KmsConfig::read(environment)?;
        let current = environment.secret("SECRET_KEY")?.ok_or_else(missing)?;
        let current = current.expose_secret().trim();
        // People use zeros as a placeholder. Zeros remain valid as a previous key, so that `rekey` can replace them.
        if !current.is_empty() && current.bytes().all(|digit| digit == b'0') {
            let problem = "is all zeros; make a key, for example with `openssl rand -hex 32`";
            return Err(ConfigError::variable(CURRENT, problem));
        }
        let previous = environment.secret("PREVIOUS_SECRET_KEYS")?;
        let previous = previous.as_ref().map_or("", ExposeSecret::expose_secret);
        let previous = previous.split(',').map(str::trim);
        let previous = previous.filter(|key| !key.is_empty());
        let previous = previous.map(|text| ConfiguredKey::read(PREVIOUS, text, kms.is_some()));
        Ok(Self {
            current: ConfiguredKey::read(CURRENT, current, kms.is_some())?,
            previous: previous.collect::<Result<_, _>>()?,
            kms,
        })
    }

    /// Creates the configuration of a single key in plain text.
    pub(crate) const fn plain(key: SecretKey) -> Self {
        Self {
            current: ConfiguredKey::Plain(key),
            previous: Vec::new(),
            kms: None,
        }
    }

    pub(crate) const fn previous(&self) -> usize {
        self.previous.len()
    }

    /// Returns the key management service that has wrapped the current key; `None` if the key is in plain text.
    pub(crate) fn kms(&self) -> Option<&KmsConfig> {
        let is_wrapped = matches!(self.current, ConfiguredKey::Wrapped(_));
        self.kms.as_ref().filter(|_| is_wrapped)
    }

    /// Returns a warning about a key management service that does not protect the current key.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let is_idle = self.kms.is_some() && self.kms().is_none();
        is_idle.then_some(
            "CENTRAL_OAUTH_KMS is set, but CENTRAL_OAUTH_SECRET_KEY is in plain text: the key management service does not \
             protect it, and disabling its key stops nothing; `central-oauth wrap-key` wraps the key",
        )
    }

    /// Sends all wrapped keys to the key management service, which unwraps them.
    ///
    /// # Errors
    /// [`NotUnwrapped`].
    pub(crate) async fn unwrap(&self) -> Result<SecretKeys, NotUnwrapped> {
        let mut previous = Vec::with_capacity(self.previous.len());
        for key in &self.previous {
            previous.push(self.unwrapped(PREVIOUS, key).await?);
        }
        let current = self.unwrap_current().await?;
        Ok(SecretKeys { current, previous })
    }

    /// Sends only the current key to the key management service, if it is wrapped.
    ///
    /// # Errors
    /// [`NotUnwrapped`].
    pub(crate) async fn unwrap_current(&self) -> Result<SecretKey, NotUnwrapped> {
        self.unwrapped(CURRENT, &self.current).await
    }

    /// Describes what `serve` would do with the key management service, and changes nothing there.
    ///
    /// # Errors
    /// [`NotUnwrapped`], if the start would fail.
    pub(crate) async fn preview(&self) -> Result<Vec<String>, NotUnwrapped> {
        let Some(KmsConfig { name, .. }) = &self.kms else {
            return Ok(Vec::new());
        };
        let wrapped = self.previous.iter().chain([&self.current]);
        let wrapped = wrapped.filter(|key| matches!(key, ConfiguredKey::Wrapped(_)));
        let count = wrapped.count();
        let outcome = match timeout(PREVIEW_TIMEOUT, self.unwrap()).await {
            _ if count == 0 => {
                "not asked: no secret key is wrapped; `central-oauth wrap-key` wraps one".to_owned()
            }
            Ok(Ok(_)) => format!("unwraps all wrapped secret keys ({count})"),
            Ok(Err(error)) if error.may_pass() => would_wait(&error),
            Ok(Err(error)) => return Err(error),
            Err(_) => would_wait(&"it has not answered within 20 s"),
        };
        Ok(vec![
            format!("\nkey management service {name}"),
            format!("  {outcome}"),
        ])
    }

    async fn unwrapped(
        &self,
        variable: &'static str,
        key: &ConfiguredKey,
    ) -> Result<SecretKey, NotUnwrapped> {
        let failed = |error| NotUnwrapped { variable, error };
        match (key, &self.kms) {
            (ConfiguredKey::Plain(key), _) => Ok(key.clone()),
            (ConfiguredKey::Wrapped(wrapped), Some(KmsConfig { kms, .. })) => {
                let key = kms.unwrap(wrapped).await.map_err(failed)?;
                Ok(SecretKey::from_bytes(*key))
            }
            // Cannot happen: `read` accepts a wrapped key only with a key management service.
            (ConfiguredKey::Wrapped(_), None) => {
                Err(failed(KmsError::Refused("none is configured".to_owned())))
            }
        }
    }
}

/// Warns that `serve` would start without its secret key and wait for it. Returns a shorter text for the output.
fn would_wait(reason: &dyn std::fmt::Display) -> String {
    tracing::warn!(
        "serve would start, wait for the key management service and not be ready: {reason}"
    );
    "not available: serve would wait for it and not be ready".to_owned()
}

impl ConfiguredKey {
    /// Parses 64 hexadecimal digits, or a key that a key management service has wrapped.
    fn read(variable: &str, text: &str, may_be_wrapped: bool) -> Result<Self, ConfigError> {
        /// A ciphertext is longer than the 64 digits of a key. A shorter text is a malformed key.
        const LEAST_WRAPPED: usize = 65;
        match SecretKey::from_hex(text) {
            Ok(key) => Ok(Self::Plain(key)),
            Err(_) if may_be_wrapped && text.len() >= LEAST_WRAPPED => {
                Ok(Self::Wrapped(text.to_owned()))
            }
            Err(problem) => Err(ConfigError::variable(variable, problem)),
        }
    }
}
