//! Wraps the secret key in a key management service (KMS), so that the configuration holds only its ciphertext.
//!
//! A new kind of service is one file or folder that implements `Service`, and one line in [`Kms::new`].

mod aws;
mod client;
#[cfg(not(target_feature = "crt-static"))]
mod pkcs11;
mod transit;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use aws::AwsKms;
#[cfg(not(target_feature = "crt-static"))]
use pkcs11::Pkcs11;
use transit::Transit;

/// Length of the secret key in bytes.
const KEY_LENGTH: usize = 32;

/// A function that reads the Vault token for the Transit engine, or the PIN of a PKCS#11 token. It runs before each
/// request, because an agent may have replaced the Vault token in its file.
pub type SecretSource = Box<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// A key in a key management service. It wraps and unwraps the secret key of Central OAuth.
pub struct Kms(Box<dyn Service>);

/// Why a request to the key management service failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// The KMS does not respond, has an internal error, or does not accept our credentials at the moment. A retry may
    /// succeed.
    #[error("the key management service is not available: {0}")]
    Unavailable(String),
    /// The KMS refuses to use the key: it is disabled or deleted, we may not use it, or the ciphertext belongs to
    /// another key. A retry does not help.
    #[error("the key management service refuses: {0}")]
    Refused(String),
    /// A PKCS#11 token rejects the PIN. The same PIN must not be sent again.
    #[error(
        "the token rejects the PIN: {0}; it is not tried again, because a few wrong PINs lock a token"
    )]
    Pin(String),
}

/// The text does not name a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyName {
    /// Neither an ARN nor a URL.
    #[error(
        "must be the ARN of an AWS KMS key, the URL of a Transit key \
         (https://vault.example.com:8200/v1/transit/keys/NAME), or the URI of a key on a PKCS#11 token \
         (pkcs11:token=NAME;object=NAME?module-path=/usr/lib/MODULE.so)"
    )]
    Malformed,
    /// The PKCS#11 URI does not name one key.
    #[error(
        "is a PKCS#11 URI (pkcs11:token=NAME;object=NAME?module-path=/usr/lib/MODULE.so) that {0}"
    )]
    Token(&'static str),
    /// The URI names a PKCS#11 token, but this program is linked statically and cannot load its module.
    #[error(
        "names a PKCS#11 token, and this static binary cannot load the token's module: build it with \
         `cargo build --release`, without crt-static"
    )]
    Static,
    /// The secret key would be sent unencrypted.
    #[error("must be https (plain http is for loopback addresses only)")]
    NotHttps,
    /// The configured endpoint of AWS KMS is not a valid URL, or neither https nor on loopback.
    #[error(
        "cannot be used: AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL is no https URL (plain http is for loopback addresses only)"
    )]
    Endpoint,
    /// No HTTPS client could be created.
    #[error("no HTTPS client: {0} (SSL_CERT_FILE may name a file of CA certificates)")]
    NoClient(String),
}

/// One kind of key management service.
#[async_trait]
trait Service: Send + Sync {
    /// Encrypts a key. The result contains no spaces and no commas.
    async fn encrypt(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError>;

    /// Decrypts a ciphertext of [`Service::encrypt`]. Returns the key as base64.
    async fn decrypt(&self, ciphertext: &str) -> Result<SecretString, KmsError>;
}

impl Kms {
    /// Parses the name of a key: the ARN of a key or alias in AWS KMS, the URL of a key of the Transit engine, or the
    /// URI of a key on a PKCS#11 token. `endpoint` overrides the URL of AWS KMS. Transit and PKCS#11 use `secret`.
    ///
    /// # Errors
    /// [`InvalidKeyName`].
    pub fn new(
        key: &str,
        endpoint: Option<&str>,
        secret: SecretSource,
    ) -> Result<Self, InvalidKeyName> {
        Ok(Self(if key.starts_with("arn:") {
            Box::new(AwsKms::new(key, endpoint)?)
        } else if Self::is_on_token(key) {
            on_token(key, secret)?
        } else {
            let url = Url::parse(key).map_err(|_| InvalidKeyName::Malformed)?;
            Box::new(Transit::new(&url, secret)?)
        }))
    }

    /// Whether the name of a key is a PKCS#11 URI.
    #[must_use]
    pub fn is_on_token(key: &str) -> bool {
        key.starts_with("pkcs11:")
    }

    /// Encrypts the secret key.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn wrap(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError> {
        self.0.encrypt(key).await
    }

    /// Decrypts the secret key.
    ///
    /// # Errors
    /// [`KmsError`]; also if the decrypted value is not a key.
    pub async fn unwrap(&self, wrapped: &str) -> Result<Zeroizing<[u8; KEY_LENGTH]>, KmsError> {
        use secrecy::ExposeSecret as _;

        let not_a_key = || KmsError::Refused("it decrypted something that is no key".to_owned());
        let plaintext = self.0.decrypt(wrapped).await?;
        let bytes = BASE64_STANDARD.decode(plaintext.expose_secret());
        let bytes = Zeroizing::new(bytes.map_err(|_| not_a_key())?);
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        if bytes.len() != KEY_LENGTH {
            return Err(not_a_key());
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }
}

#[cfg(not(target_feature = "crt-static"))]
fn on_token(uri: &str, pin: SecretSource) -> Result<Box<dyn Service>, InvalidKeyName> {
    Ok(Box::new(Pkcs11::new(uri, pin)?))
}

#[cfg(target_feature = "crt-static")]
fn on_token(_: &str, _: SecretSource) -> Result<Box<dyn Service>, InvalidKeyName> {
    Err(InvalidKeyName::Static)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: &str) -> Option<InvalidKeyName> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Kms::new(key, None, Box::new(|| Ok(SecretString::from("token")))).err()
    }

    #[test]
    fn keys_are_named_by_arn_or_url() {
        for bad in [
            "",
            "central-oauth",
            "arn:aws:s3:eu-central-1:111122223333:key/1",
            "arn:aws:kms:eu-central-1:111122223333",
            "arn:aws:kms:evil.example#:111122223333:key/1",
            "http://127.0.0.1:8200/v1/transit/encrypt/central-oauth",
            "http://127.0.0.1:8200/v1/transit/keys/",
            "http://127.0.0.1:8200/v1/transit/keys/a/b",
            "http://127.0.0.1:8200/v1/transit/keys/a?b",
        ] {
            assert_eq!(named(bad), Some(InvalidKeyName::Malformed), "{bad:?}");
        }
        let plain = "http://vault.example.com:8200/v1/transit/keys/central-oauth";
        assert_eq!(named(plain), Some(InvalidKeyName::NotHttps));
        let loopback = "http://127.0.0.1:8200/v1/team/transit/keys/central-oauth";
        assert_eq!(named(loopback), None);
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1";
        assert_eq!(named(arn), None);
        for endpoint in ["localhost:4566", "http://aws.example.com/"] {
            let token: SecretSource = Box::new(|| Ok(SecretString::from("token")));
            let kms = Kms::new(arn, Some(endpoint), token);
            assert_eq!(kms.err(), Some(InvalidKeyName::Endpoint), "{endpoint}");
        }
    }
}
