//! Signatures (Standard Webhooks, "Signature scheme"): HMAC-SHA-256 over id, timestamp and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// A symmetric secret: `whsec_` and 24 to 64 bytes in Base64.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

/// The error for a text that is not a webhook secret. The error does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not `whsec_` with 24 to 64 bytes in Base64; make one with: echo whsec_$(openssl rand -base64 32)"
)]
pub struct WebhookSecretError;

impl WebhookSecret {
    const PREFIX: &str = "whsec_";

    /// Parses a secret.
    ///
    /// # Errors
    /// [`WebhookSecretError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text.strip_prefix(Self::PREFIX).ok_or(WebhookSecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| WebhookSecretError)?;
        let bytes = SecretSlice::from(bytes);
        match bytes.expose_secret().len() {
            24..=64 => Ok(Self(bytes)),
            _ => Err(WebhookSecretError),
        }
    }

    fn sign(&self, id: &str, seconds: &str, body: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else {
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// Returns the header `webhook-signature`, with one signature for each secret.
pub(super) fn header(secrets: &[WebhookSecret], id: &str, seconds: &str, body: &str) -> String {
    let signatures = secrets.iter();
    let signatures = signatures.map(|secret| format!("v1,{}", secret.sign(id, seconds, body)));
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the tests of the reference libraries (github.com/standard-webhooks/standard-webhooks).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_the_reference_libraries() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let (id, seconds) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let signed = header(&[secret], id, seconds, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let signed = header(&[secret.clone(), secret], "id", "1", "{}");
        let signatures: Vec<_> = signed.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert_eq!(signatures[0], signatures[1]);
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for bytes in [24, 64] {
            assert!(WebhookSecret::parse(&of(bytes)).is_ok(), "{bytes}");
        }
        let bare = SECRET.replace("whsec_", "");
        for text in ["", "whsec_", "whsec_!", &bare, &of(23), &of(65)] {
            assert!(WebhookSecret::parse(text).is_err(), "{text}");
        }
    }
}
