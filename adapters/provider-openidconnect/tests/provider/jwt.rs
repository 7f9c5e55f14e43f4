//! Signed tokens for tests.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJsonWebKey, CoreJwsSigningAlgorithm,
    CoreRsaPrivateSigningKey,
};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};

use crate::support::{TestClock, changed};

/// Returns a key pair with this `kid`, derived from the seed.
pub(crate) fn ed25519(kid: &str, seed: u8) -> CoreEdDsaPrivateSigningKey {
    // RFC 8410 section 7: a private key is this fixed DER prefix and 32 bytes.
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend_from_slice(&[seed; 32]);
    let body = STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let kid = JsonWebKeyId::new(kid.to_owned());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(kid)).unwrap()
}

/// Returns a key that was generated for these tests only.
pub(crate) fn rsa(kid: &str) -> CoreRsaPrivateSigningKey {
    let kid = JsonWebKeyId::new(kid.to_owned());
    CoreRsaPrivateSigningKey::from_pem(include_str!("fixtures/rsa.pem"), Some(kid)).unwrap()
}

/// Returns the claims of a good ID token.
pub(crate) fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer,
        "sub": "person-1",
        "aud": "client-1",
        "iat": TestClock::START - 10,
        "exp": TestClock::START + 300,
        "name": "Ada Lovelace",
    })
}

/// Returns the claims of a good ID token with changes; null removes a claim.
pub(crate) fn claims_with(issuer: &str, changes: Value) -> Value {
    let mut claims = changed(claims(issuer), changes);
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

/// Returns a JWT with this header (RFC 7515 section 3.1).
pub(crate) fn sign(
    header: &Value,
    claims: &Value,
    signer: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(signer(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Returns a JWT signed with EdDSA.
pub(crate) fn sign_ed25519(key: &CoreEdDsaPrivateSigningKey, kid: &str, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"});
    sign(&header, claims, |message| {
        key.sign(&CoreJwsSigningAlgorithm::EdDsa, message).unwrap()
    })
}

/// Returns a JWT signed with RS256.
pub(crate) fn sign_rsa(key: &CoreRsaPrivateSigningKey, kid: &str, claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": kid});
    sign(&header, claims, |message| {
        let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
        key.sign(&algorithm, message).unwrap()
    })
}

/// Returns a JWT signed with HS256.
pub(crate) fn sign_hmac(secret: &[u8], claims: &Value) -> String {
    sign(&json!({"alg": "HS256"}), claims, |message| {
        let algorithm = CoreJwsSigningAlgorithm::HmacSha256;
        CoreHmacKey::new(secret).sign(&algorithm, message).unwrap()
    })
}

/// Returns a JWK set (RFC 7517 section 5).
pub(crate) fn key_set(keys: &[CoreJsonWebKey]) -> Value {
    json!({ "keys": keys })
}
