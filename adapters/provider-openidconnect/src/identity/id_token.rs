//! ID tokens (OpenID Connect Core section 3.1.3.7), verified by the openidconnect crate.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::IdToken;
use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    ClaimsVerificationError, ClientId, ClientSecret, IssuerUrl, Nonce, SignatureVerificationError,
};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::Person;
use crate::client_auth::Client;
use crate::scrub::Scrubber;
use crate::server::{Issuer, TENANT_ID, is_guid};

/// How far the provider's clock and ours may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// Signatures that anybody can check with the issuer's public keys. `none` is not among them.
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

/// Signatures with the client secret, for issuers that say they make them.
const SYMMETRIC: [(&str, CoreJwsSigningAlgorithm); 3] = [
    ("HS256", CoreJwsSigningAlgorithm::HmacSha256),
    ("HS384", CoreJwsSigningAlgorithm::HmacSha384),
    ("HS512", CoreJwsSigningAlgorithm::HmacSha512),
];

/// What an ID token is checked against.
pub(crate) struct Verifier<'a> {
    token: CoreIdToken,
    issuer: &'a Issuer,
    tenant: Option<Tenant>,
    client: &'a Client,
    now: Timestamp,
    names_no_key: bool,
    secrets: Scrubber,
}

/// Why a token does not verify.
pub(crate) enum Unverified {
    /// None of these keys made the signature; the issuer may have newer ones.
    UnknownKey,
    /// It is not to be believed.
    Refused(ProviderError),
}

impl From<Unverified> for ProviderError {
    fn from(reason: Unverified) -> Self {
        match reason {
            // The issuer may be about to publish it.
            Unverified::UnknownKey => Self::Refused {
                code: "unknown_signing_key".to_owned(),
                detail: "the ID token is signed with a key that the issuer does not publish"
                    .to_owned(),
            },
            Unverified::Refused(error) => error,
        }
    }
}

impl<'a> Verifier<'a> {
    /// Takes a token apart; nothing in it is believed yet.
    pub(crate) fn new(
        token: &IdToken,
        issuer: &'a Issuer,
        client: &'a Client,
        now: Timestamp,
    ) -> Result<Self, ProviderError> {
        let mut secrets = Scrubber::default();
        secrets.add(token.expose());
        Ok(Self {
            token: CoreIdToken::from_str(token.expose())
                .map_err(|_| refused("not in the form of an ID token"))?,
            tenant: issuer
                .is_template()
                .then(|| Tenant::of(token))
                .transpose()?,
            issuer,
            client,
            now,
            names_no_key: names_no_key(token),
            secrets,
        })
    }

    /// Checks signature, issuer, audience and expiry, and says whom the token is about.
    pub(crate) fn person(&self, keys: &CoreJsonWebKeySet) -> Result<Person, Unverified> {
        // The device flow has no authorization request that could have carried a nonce.
        let no_nonce = |_: Option<&Nonce>| Ok(());
        let claims = self
            .token
            .claims(&self.verifier(keys)?, no_nonce)
            .map_err(|error| self.explain(&error))?;
        self.check_party(claims)?;
        let person = Person::new(claims.subject().to_string(), name(claims));
        let tenant = self.tenant.as_ref().map(|tenant| tenant.0.clone());
        person
            .map(|person| Person { tenant, ..person })
            .map_err(Unverified::Refused)
    }

    fn verifier(
        &self,
        keys: &CoreJsonWebKeySet,
    ) -> Result<CoreIdTokenVerifier<'static>, Unverified> {
        let id = ClientId::new(self.client.id().to_owned());
        let issuer = match &self.tenant {
            Some(tenant) => self.issuer.name.replace(TENANT_ID, &tenant.0),
            None => self.issuer.name.clone(),
        };
        let issuer = IssuerUrl::new(issuer)
            .map_err(|_| Unverified::Refused(refused("its issuer has no address")))?;
        let verifier = match self.client.secret() {
            Some(secret) => {
                let secret = ClientSecret::new(secret.expose_secret().to_owned());
                CoreIdTokenVerifier::new_confidential_client(id, secret, issuer, keys.clone())
            }
            None => CoreIdTokenVerifier::new_public_client(id, issuer, keys.clone()),
        };
        let now = moment(self.now - LEEWAY);
        Ok(verifier
            .set_allowed_algs(self.algorithms())
            .set_time_fn(move || now)
            // Who the other audiences may be is for `check_party` to say.
            .set_other_audience_verifier_fn(|_| true))
    }

    /// A shared secret proves less than a key pair, so it is only accepted where the issuer announces it.
    fn algorithms(&self) -> Vec<CoreJwsSigningAlgorithm> {
        let announced = |name: &str| self.issuer.algorithms.iter().any(|known| known == name);
        let symmetric = SYMMETRIC.into_iter().filter(|(name, _)| announced(name));
        let symmetric = symmetric.map(|(_, algorithm)| algorithm);
        ASYMMETRIC.into_iter().chain(symmetric).collect()
    }

    /// A token for several audiences must have been issued to this client (section 3.1.3.7, 3 to 5). Zitadel, for one,
    /// adds the id of its project.
    fn check_party(&self, claims: &CoreIdTokenClaims) -> Result<(), Unverified> {
        let is_ours = match claims.authorized_party() {
            Some(party) => party.as_str() == self.client.id(),
            None => claims.audiences().len() == 1,
        };
        is_ours
            .then_some(())
            .ok_or_else(|| Unverified::Refused(refused("issued to another client")))
    }

    fn explain(&self, error: &ClaimsVerificationError) -> Unverified {
        let ClaimsVerificationError::SignatureVerification(reason) = error else {
            return Unverified::Refused(refused(&self.secrets.text(&error.to_string())));
        };
        match reason {
            SignatureVerificationError::NoMatchingKey => Unverified::UnknownKey,
            // An issuer with one key need not name it (section 10.1), so that a new key looks like a bad signature.
            SignatureVerificationError::CryptoError(_) if self.names_no_key => {
                Unverified::UnknownKey
            }
            _ => Unverified::Refused(refused(&self.secrets.text(&reason.to_string()))),
        }
    }
}

/// The tenant that a token says it is about. It proves true when the issuer, with this tenant put into it, turns out to
/// be the token's own.
struct Tenant(String);

impl Tenant {
    /// A GUID: nothing else can get into the issuer's address.
    fn of(token: &IdToken) -> Result<Self, ProviderError> {
        let claims = unverified_claims(token);
        let id = claims.as_ref().and_then(|claims| claims["tid"].as_str());
        id.filter(|id| is_guid(id))
            .map(|id| Self(id.to_owned()))
            .ok_or_else(|| refused("it names no tenant (tid)"))
    }
}

/// The claims as they stand. Nothing in them is to be believed before the signature is verified.
pub(crate) fn unverified_claims(token: &IdToken) -> Option<Value> {
    part(token, 1)
}

/// Whether it is signed with a published key and does not say with which.
fn names_no_key(token: &IdToken) -> bool {
    let header = part(token, 0).unwrap_or_default();
    let is_shared = |name: &str| SYMMETRIC.iter().any(|(known, _)| *known == name);
    header["kid"].is_null() && !header["alg"].as_str().is_some_and(is_shared)
}

fn part(token: &IdToken, index: usize) -> Option<Value> {
    let part = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(index)?);
    serde_json::from_slice(&part.ok()?).ok()
}

fn name(claims: &CoreIdTokenClaims) -> Option<&str> {
    let name = claims.name().and_then(|name| name.get(None));
    let nickname = claims.nickname().and_then(|name| name.get(None));
    [
        name.map(|text| text.as_str()),
        claims.preferred_username().map(|text| text.as_str()),
        claims.email().map(|text| text.as_str()),
        nickname.map(|text| text.as_str()),
    ]
    .into_iter()
    .flatten()
    .find(|text| !text.trim().is_empty())
}

/// Out of chrono's range there is no token worth believing: the far future makes every one expired.
fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.as_millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn refused(why: &str) -> ProviderError {
    ProviderError::Refused {
        code: ProviderError::INVALID_ID_TOKEN.to_owned(),
        detail: format!("the ID token does not verify: {why}"),
    }
}
