//! The signature of an ID token (RFC 7515), verified with the openidconnect crate's keys.
//!
//! That crate's own ID token is not used: it refuses a token for any standard claim of an unexpected type, even one that
//! nobody reads.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::secret::IdToken;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, SignatureVerificationError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Algorithms whose signatures anybody can check with the issuer's public keys. `none` is not among them.
const ASYMMETRIC: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Algorithms that sign with the client secret, for issuers that say they use them.
const SYMMETRIC: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::HmacSha256,
    CoreJwsSigningAlgorithm::HmacSha384,
    CoreJwsSigningAlgorithm::HmacSha512,
];

/// Types of tokens that an ID token may claim to be (RFC 7519 section 5.1).
const TYPES: [&str; 4] = ["jwt", "application/jwt", "jose", "application/jose"];

/// A signed token, taken apart. Nothing in it is to be believed before [`verify`] has succeeded.
///
/// [`verify`]: Jws::verify
pub(super) struct Jws {
    /// The claims.
    pub(super) claims: Map<String, Value>,
    algorithm: CoreJwsSigningAlgorithm,
    key_id: Option<String>,
    signed: String,
    signature: Vec<u8>,
}

/// Why a signature does not verify.
pub(super) enum BadSignature {
    /// None of these keys can have made it.
    UnknownKey,
    /// It is wrong, or made in a way that is not accepted.
    Refused(&'static str),
}

impl Jws {
    /// Takes a token apart.
    pub(super) fn parse(token: &IdToken) -> Result<Self, &'static str> {
        const FORM: &str = "not in the form of an ID token";
        let header = part(token, 0).ok_or(FORM)?;
        let Some(Value::Object(claims)) = part(token, 1) else {
            return Err(FORM);
        };
        let (signed, signature) = token.expose().rsplit_once('.').ok_or(FORM)?;
        if signed.matches('.').count() != 1 {
            return Err(FORM);
        }
        check_header(&header)?;
        Ok(Self {
            claims,
            algorithm: serde_json::from_value(header["alg"].clone())
                .map_err(|_| "its algorithm is none that is accepted")?,
            key_id: header["kid"].as_str().map(str::to_owned),
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| FORM)?,
        })
    }

    /// Checks the signature with the issuer's keys. The algorithm is ours to choose and not the token's (RFC 8725 section
    /// 3.1); a shared secret proves less than a key pair, so it counts only where the issuer announces its algorithm.
    pub(super) fn verify(
        &self,
        keys: &CoreJsonWebKeySet,
        announced: &[String],
        secret: Option<&SecretString>,
    ) -> Result<(), BadSignature> {
        if ASYMMETRIC.contains(&self.algorithm) {
            return self.verify_with(keys);
        }
        let name = serde_json::to_value(&self.algorithm).unwrap_or_default();
        let is_announced = announced.iter().any(|known| name == known.as_str());
        match secret {
            Some(secret) if is_announced && SYMMETRIC.contains(&self.algorithm) => {
                let key = secret.expose_secret().as_bytes().to_vec();
                let key = CoreJsonWebKey::new_symmetric(key);
                self.check(&key).map_err(|_| BadSignature::Refused(WRONG))
            }
            _ => Err(BadSignature::Refused(
                "its algorithm is none that is accepted",
            )),
        }
    }

    fn verify_with(&self, keys: &CoreJsonWebKeySet) -> Result<(), BadSignature> {
        let is_named = |key: &&CoreJsonWebKey| match &self.key_id {
            Some(id) => key.key_id().is_some_and(|known| known.as_str() == id),
            None => true,
        };
        let mut failure = BadSignature::UnknownKey;
        for key in keys.keys().iter().filter(is_named) {
            match self.check(key) {
                Ok(()) => return Ok(()),
                // A key for something else: another type, another algorithm, encryption.
                Err(SignatureVerificationError::InvalidKey(_)) => {}
                Err(_) => failure = BadSignature::Refused(WRONG),
            }
        }
        // An issuer with one key need not name it (OpenID Connect Core section 10.1), so a new key looks like a wrong
        // signature.
        match failure {
            BadSignature::Refused(_) if self.key_id.is_none() => Err(BadSignature::UnknownKey),
            failure => Err(failure),
        }
    }

    fn check(&self, key: &CoreJsonWebKey) -> Result<(), SignatureVerificationError> {
        key.verify_signature(&self.algorithm, self.signed.as_bytes(), &self.signature)
    }
}

const WRONG: &str = "its signature is wrong";

/// Refuses tokens of another type, nested tokens, and extensions that must be understood (RFC 7515 section 4.1.11).
fn check_header(header: &Value) -> Result<(), &'static str> {
    let is_type = |name: &str| TYPES.contains(&name.to_ascii_lowercase().as_str());
    if !header["typ"].is_null() && !header["typ"].as_str().is_some_and(is_type) {
        return Err("its header names the type of other tokens (typ)");
    }
    if !header["cty"].is_null() {
        return Err("it holds another token (cty)");
    }
    if !header["crit"].is_null() {
        return Err("its header demands extensions (crit)");
    }
    Ok(())
}

/// Returns a part of the token that is JSON: 0 is the header, 1 the claims.
pub(super) fn part(token: &IdToken, index: usize) -> Option<Value> {
    let part = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(index)?);
    serde_json::from_slice(&part.ok()?).ok()
}
