//! `central-oauth wrap-key`: encrypts the secret key with a key management service.

use central_oauth_cipher_aes_gcm_siv::SecretKey;
use secrecy::ExposeSecret as _;

use super::help::Notes;
use super::{Exit, Failure, print};
use crate::config::{ConfigError, Environment, KmsConfig};
use crate::wiring;

pub(super) const NOTES: Notes = Notes::of(&[
    "CENTRAL_OAUTH_KMS=arn:aws:kms:eu-central-1:111122223333:alias/central-oauth central-oauth wrap-key",
    "CENTRAL_OAUTH_KMS=https://vault.example.com:8200/v1/transit/keys/central-oauth central-oauth wrap-key",
    "CENTRAL_OAUTH_KMS='pkcs11:token=my-token;object=central-oauth?module-path=/usr/lib/softhsm/libsofthsm2.so' central-oauth wrap-key",
])
.exits(&[Exit::WrongPin])
.variables(&["KMS", "KMS_TOKEN", "KMS_PIN", "SECRET_KEY"]);

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = KmsConfig::read(environment)?.ok_or_else(|| {
        let problem =
            "is not set: set it to the ARN of an AWS KMS key, the URL of a Transit key, or the URI of a key on a PKCS#11 token";
        ConfigError::variable("KMS", problem)
    })?;
    let (key, what) = match environment.secret("SECRET_KEY")? {
        None => (
            SecretKey::from_bytes(wiring::entropy().bytes()),
            "a new key",
        ),
        Some(text) => {
            let key = SecretKey::from_hex(text.expose_secret().trim());
            let key = key.map_err(|problem| ConfigError::variable("SECRET_KEY", problem))?;
            (key, "the key in CENTRAL_OAUTH_SECRET_KEY")
        }
    };
    let wrapped = config.kms.wrap(key.expose()).await?;
    print::tell(format_args!(
        "This is {what}, wrapped. Set CENTRAL_OAUTH_SECRET_KEY to it, and keep CENTRAL_OAUTH_KMS set."
    ));
    print::result(wrapped)?;
    Ok(Exit::Done)
}
