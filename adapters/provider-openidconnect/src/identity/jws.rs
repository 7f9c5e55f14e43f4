//! Verifies the signature of an ID token (RFC 7515), with the key types of the openidconnect crate.
//!
//! The crate's own ID token is not used, because it rejects a token for any standard claim of an unexpected type, even
//! an unused one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::secret::IdToken;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, SignatureVerificationError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Algorithms with public keys. `none` is not among them.
pub(crate) const ASYMMETRIC: [CoreJwsSigningAlgorithm; 9] = [
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

/// Algorithms that sign with the client secret, for issuers that announce them.
const SYMMETRIC: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::HmacSha256,
    CoreJwsSigningAlgorithm::HmacSha384,
    CoreJwsSigningAlgorithm::HmacSha512,
];

/// Allowed values of `typ` for any JWT (RFC 7519 section 5.1).
pub(crate) const TYPES: [&str; 4] = ["jwt", "application/jwt", "jose", "application/jose"];

/// Further values of `typ` for ID tokens. There is no standard one, but RFC 8725 section 3.11 recommends explicit types:
/// rodauth-oauth and Connect2id send the first, Pocket ID has sent the second.
const ID_TOKEN_TYPES: [&str; 2] = ["id_token+jwt", "id+jwt"];

/// A parsed token. Trust nothing in it before [`verify`](Jws::verify) has succeeded.
pub(super) struct Jws {
    pub(super) claims: Map<String, Value>,
    signature: Signature,
    signed: String,
}

/// A signature, with the algorithm and the key id from the header.
pub(crate) struct Signature {
    pub(crate) algorithm: CoreJwsSigningAlgorithm,
    /// The id of the key (`kid`).
    pub(crate) key_id: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) enum BadSignature {
    /// None of the given keys can have made the signature.
    UnknownKey,
    /// The key that the token names has not made the signature.
    Wrong,
    /// The algorithm is not accepted.
    Algorithm,
}

impl Jws {
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
            signature: Signature {
                algorithm: algorithm(header["alg"].clone())
                    .ok_or("its algorithm is not supported")?,
                key_id: header["kid"].as_str().map(str::to_owned),
                bytes: URL_SAFE_NO_PAD.decode(signature).map_err(|_| FORM)?,
            },
            signed: signed.to_owned(),
        })
    }

    /// Checks the signature with the issuer's keys. Allows only algorithms that this service chose (RFC 8725 section
    /// 3.1). An algorithm with the client secret must also be announced by the issuer, because a shared secret proves
    /// less than a key pair.
    pub(super) fn verify(
        &self,
        keys: &CoreJsonWebKeySet,
        announced: &[String],
        secret: Option<&SecretString>,
    ) -> Result<(), BadSignature> {
        let Signature { algorithm, .. } = &self.signature;
        if ASYMMETRIC.contains(algorithm) {
            return self.signature.verify(&self.signed, keys);
        }
        let name = serde_json::to_value(algorithm).unwrap_or_default();
        let is_announced = announced.iter().any(|known| name == known.as_str());
        match secret {
            Some(secret) if is_announced && SYMMETRIC.contains(algorithm) => {
                let key = secret.expose_secret().as_bytes().to_vec();
                let key = CoreJsonWebKey::new_symmetric(key);
                let checked = self.signature.check(&self.signed, &key);
                checked.map_err(|_| BadSignature::Wrong)
            }
            _ => Err(BadSignature::Algorithm),
        }
    }
}

impl Signature {
    /// Checks the signature of a text with the keys of an issuer. Keys without an id are tried, too, even if the token
    /// names its key, because `kid` is optional (RFC 7517 section 4.5).
    pub(crate) fn verify(
        &self,
        signed: &str,
        keys: &CoreJsonWebKeySet,
    ) -> Result<(), BadSignature> {
        let named = self.key_id.as_deref().filter(|id| !id.is_empty());
        let mut failure = BadSignature::UnknownKey;
        for key in keys.keys() {
            let is_named = match (key.key_id(), named) {
                (Some(id), Some(named)) if id.as_str() != named => continue,
                (id, named) => id.is_some() && named.is_some(),
            };
            match self.check(signed, key) {
                Ok(()) => return Ok(()),
                // The key does not fit: it has another type or algorithm, or is for encryption.
                Err(SignatureVerificationError::InvalidKey(_)) => {}
                Err(_) if is_named => failure = BadSignature::Wrong,
                // A newer key may have made the signature: an issuer with one key need not send `kid` (OpenID Connect
                // Core section 10.1).
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn check(&self, signed: &str, key: &CoreJsonWebKey) -> Result<(), SignatureVerificationError> {
        key.verify_signature(&self.algorithm, signed.as_bytes(), &self.bytes)
    }
}

/// Reads the algorithm (`alg`) of a header.
pub(crate) fn algorithm(mut named: Value) -> Option<CoreJwsSigningAlgorithm> {
    rename_ed25519(&mut named);
    serde_json::from_value(named).ok()
}

/// Reads the keys of an issuer (RFC 7517 section 5). Removes Base64 padding, which RFC 7515 section 2 forbids, but some
/// servers send.
pub(crate) fn key_set(mut keys: Value) -> Option<CoreJsonWebKeySet> {
    let list = keys.get_mut("keys").and_then(Value::as_array_mut);
    let members = list.into_iter().flatten().filter_map(Value::as_object_mut);
    for (name, value) in members.flatten() {
        match (name.as_str(), value) {
            ("n" | "e" | "x" | "y", Value::String(text)) => {
                text.truncate(text.trim_end_matches('=').len());
            }
            ("alg", value) => rename_ed25519(value),
            _ => {}
        }
    }
    serde_json::from_value(keys).ok()
}

/// Renames `Ed25519` (RFC 9864 section 2.2) to `EdDSA`. The openidconnect crate knows only this older name, and
/// supports no other curve under it.
fn rename_ed25519(algorithm: &mut Value) {
    if *algorithm == "Ed25519" {
        *algorithm = Value::from("EdDSA");
    }
}

/// Rejects tokens of another type, nested tokens and critical extensions (RFC 7515 section 4.1.11).
fn check_header(header: &Value) -> Result<(), &'static str> {
    let is_id_token = |typ: &str| {
        let typ = typ.to_ascii_lowercase();
        let short = typ.strip_prefix("application/").unwrap_or(&typ);
        TYPES.contains(&typ.as_str()) || ID_TOKEN_TYPES.contains(&short)
    };
    if !header["typ"].is_null() && !header["typ"].as_str().is_some_and(is_id_token) {
        return Err("its header names another type of token (typ)");
    }
    if !header["cty"].is_null() {
        return Err("it contains another token (cty)");
    }
    if !header["crit"].is_null() {
        return Err("its header requires extensions (crit)");
    }
    Ok(())
}

/// Returns a JSON part of the token: 0 is the header, 1 the claims.
pub(super) fn part(token: &IdToken, index: usize) -> Option<Value> {
    let part = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(index)?);
    serde_json::from_slice(&part.ok()?).ok()
}
