//! ID tokens (OpenID Connect Core section 3.1.3.7).
//!
//! Only these claims are checked, because only they are used: `iss`, `sub`, `aud`, `azp`, `exp`, the tenant, and the
//! names of the person. Other claims may have any type, because real servers vary. `nonce` is checked with the token
//! response.

use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::IdToken;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Value;

use super::Person;
use super::jws::{self, BadSignature, Jws};
use crate::client_auth::Client;
use crate::http::{Fields, identifier};
use crate::scrub::Scrubber;
use crate::server::Issuer;
use crate::tenant::{TENANT_ID, is_guid};

/// Allowed difference between the provider's clock and ours.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// Claims that may contain the person's name, best first.
const NAMES: [&str; 4] = ["name", "preferred_username", "email", "nickname"];

/// An ID token with the values that it must have.
pub(crate) struct Verifier<'a> {
    token: Jws,
    issuer: &'a Issuer,
    /// The tenant that the token names. It counts as verified once the issuer's template, with this tenant inserted,
    /// equals the token's `iss`.
    tenant: Option<String>,
    client: &'a Client,
    now: Timestamp,
    secrets: Scrubber,
}

pub(crate) enum Unverified {
    /// The signature is by none of the given keys. The issuer may have published newer ones.
    UnknownKey,
    /// The signature is not by the key that the token names. The issuer may have replaced that key without renaming it.
    WrongSignature,
    /// The ID token is invalid.
    Refused(ProviderError),
}

impl From<Unverified> for ProviderError {
    fn from(reason: Unverified) -> Self {
        match reason {
            // An unknown key has its own error code, because the issuer may publish the key later.
            Unverified::UnknownKey => Self::refused(
                "unknown_signing_key",
                "the ID token is signed with a key that the issuer does not publish",
            ),
            Unverified::WrongSignature => refused("its signature is wrong"),
            Unverified::Refused(error) => error,
        }
    }
}

impl<'a> Verifier<'a> {
    /// Parses a token without verifying it.
    pub(crate) fn new(
        token: &IdToken,
        issuer: &'a Issuer,
        client: &'a Client,
        now: Timestamp,
    ) -> Result<Self, ProviderError> {
        let mut secrets = Scrubber::default();
        secrets.add(token.expose());
        Ok(Self {
            token: Jws::parse(token).map_err(refused)?,
            tenant: issuer.is_template().then(|| tenant_of(token)).transpose()?,
            issuer,
            client,
            now,
            secrets,
        })
    }

    /// Checks signature, issuer, audience and expiry, and returns the person.
    pub(crate) fn person(&self, keys: &CoreJsonWebKeySet) -> Result<Person, Unverified> {
        let announced = &self.issuer.algorithms;
        let verified = self
            .token
            .verify(keys, announced, self.client.secret.as_ref());
        verified.map_err(|reason| match reason {
            BadSignature::UnknownKey => Unverified::UnknownKey,
            BadSignature::Wrong => Unverified::WrongSignature,
            BadSignature::Algorithm => Unverified::Refused(refused(
                "its algorithm is not supported, or needs the client secret although the issuer does not announce it",
            )),
        })?;
        let claims = Fields::new(self.token.claims.clone());
        self.check(&claims).map_err(Unverified::Refused)?;
        let id = claims.get("sub").filter(|sub| !sub.is_null());
        let id = id.ok_or_else(|| Unverified::Refused(refused("it names no subject (sub)")))?;
        // `Person` rejects an id that is empty or of another type.
        let id = identifier(id).unwrap_or_default();
        let person = Person::new(id, claims.first_shown(&NAMES)).map_err(Unverified::Refused)?;
        Ok(Person {
            tenant: self.tenant.clone(),
            ..person
        })
    }

    fn check(&self, claims: &Fields) -> Result<(), ProviderError> {
        self.check_issuer(claims)?;
        self.check_party(claims)?;
        self.check_expiry(claims)
    }

    /// Checks that the issuer is the discovered one, or has the alias that the settings allow.
    fn check_issuer(&self, claims: &Fields) -> Result<(), ProviderError> {
        let expected = match &self.tenant {
            Some(tenant) => self.issuer.name.replace(TENANT_ID, tenant),
            None => self.issuer.name.clone(),
        };
        match claims.text("iss") {
            Some(named) if named == expected || Some(named) == self.issuer.alias.as_deref() => {
                Ok(())
            }
            Some(named) => {
                let why = format!("its issuer is `{named}` instead of `{expected}`");
                Err(refused(&self.secrets.text(&why)))
            }
            None => Err(refused("it names no issuer (iss)")),
        }
    }

    /// Checks that the token was issued to this client (section 3.1.3.7, 3 to 5). If it has other audiences too, `azp`
    /// must name this client. Zitadel, for example, adds its project id to the audiences.
    fn check_party(&self, claims: &Fields) -> Result<(), ProviderError> {
        let is_ours = |name: &String| *name == self.client.id;
        let audiences = claims.get("aud").map(texts).unwrap_or_default();
        let parties = claims.get("azp").map(texts).unwrap_or_default();
        let deciding = match parties.as_slice() {
            [] => &audiences,
            _ => &parties,
        };
        if audiences.iter().any(is_ours) && deciding.iter().all(is_ours) {
            return Ok(());
        }
        Err(refused("issued to another client"))
    }

    fn check_expiry(&self, claims: &Fields) -> Result<(), ProviderError> {
        let ends = claims.seconds("exp");
        let ends = ends.ok_or_else(|| refused("it does not say when it expires (exp)"))?;
        if Timestamp::from_millis(0) + ends > self.now - LEEWAY {
            return Ok(());
        }
        Err(refused("it has expired"))
    }
}

/// Reads the tenant, which must be a GUID, so that nothing else can get into the issuer's URL.
fn tenant_of(token: &IdToken) -> Result<String, ProviderError> {
    let claims = unverified_claims(token);
    let id = claims.as_ref().and_then(|claims| claims["tid"].as_str());
    id.filter(|id| is_guid(id))
        .map(str::to_owned)
        .ok_or_else(|| refused("it names no tenant (tid)"))
}

pub(crate) fn unverified_claims(token: &IdToken) -> Option<Value> {
    jws::part(token, 1)
}

/// Returns a string or an array as a list. An element of another type becomes an empty string, which matches no client.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .iter()
            .map(|it| identifier(it).unwrap_or_default())
            .collect(),
        one => vec![identifier(one).unwrap_or_default()],
    }
}

fn refused(why: &str) -> ProviderError {
    let detail = format!("the ID token is invalid: {why}");
    ProviderError::refused(ProviderError::INVALID_ID_TOKEN, detail)
}
