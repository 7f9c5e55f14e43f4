//! Implements the [`WorkloadIdentities`] port: verifies the form and the signature of JWTs from trusted issuers (RFC
//! 7515, RFC 8725).
//!
//! Keys come only from the source that the operator configured for the issuer. What a token's header says about keys
//! (`jku`, `jwk`, `x5u`, `x5c`) is ignored, except for the id of the key (`kid`).

mod issuer;
mod json;
mod jwt;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::ports::{Clock, NotVerified, SignedClaims, WorkloadIdentities};
use central_oauth_domain::secret::WorkloadToken;
use central_oauth_domain::workload::{Rule, WorkloadRefusal};

pub use issuer::{KeySource, WorkloadIssuerError, WorkloadIssuerSettings};
use jwt::Jwt;
use keys::Keys;

/// When to retry a token whose issuer did not respond.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The `iss` of legacy service account tokens, the same in every Kubernetes cluster.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// Verifies JWTs of trusted issuers.
pub struct WorkloadVerifier {
    issuers: Vec<(String, Arc<Keys>)>,
}

impl WorkloadVerifier {
    /// Creates a verifier. Reads key files, but contacts no issuer yet.
    ///
    /// # Errors
    /// [`WorkloadIssuerError`] with the name of the issuer whose settings are wrong.
    pub fn new(
        issuers: Vec<WorkloadIssuerSettings>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, (String, WorkloadIssuerError)> {
        let keys = issuers.into_iter().map(|settings| {
            let (name, issuer) = (settings.name.clone(), settings.issuer.clone());
            match Keys::new(settings, clock) {
                Ok(keys) => Ok((issuer, Arc::new(keys))),
                Err(error) => Err((name, error)),
            }
        });
        Ok(Self {
            issuers: keys.collect::<Result<_, _>>()?,
        })
    }

    async fn verified(&self, token: &WorkloadToken) -> Result<SignedClaims, NotVerified> {
        let jwt = Jwt::parse(token.expose()).map_err(|refusal| refused(None, refusal))?;
        let named = jwt.issuer().map_err(|refusal| refused(None, refusal))?;
        let mut issuers = self.issuers.iter();
        let Some((issuer, keys)) = issuers.find(|(issuer, _)| *issuer == named) else {
            return Err(refused(None, untrusted(&named)));
        };
        let refused = |refusal| refused(Some(issuer), refusal);
        let unavailable = |detail| unavailable(issuer, detail);
        let mut known = Keys::current(keys).await.map_err(unavailable)?;
        let mut verified = jwt.verify(&known);
        if verified
            .as_ref()
            .is_err_and(|refusal| matches!(refusal.rule, Rule::Key | Rule::Signature))
        {
            // Perhaps the issuer has a new key, or has replaced one without renaming it.
            known = Keys::newer(keys).await.map_err(unavailable)?;
            verified = jwt.verify(&known);
        }
        verified.map_err(refused)?;
        Ok(SignedClaims {
            issuer: issuer.clone(),
            claims: jwt.claims,
        })
    }
}

#[async_trait]
impl WorkloadIdentities for WorkloadVerifier {
    async fn verify(&self, token: &WorkloadToken) -> Result<SignedClaims, NotVerified> {
        self.verified(token).await
    }
}

fn refused(issuer: Option<&String>, refusal: WorkloadRefusal) -> NotVerified {
    NotVerified::Refused {
        claimed_issuer: issuer.cloned(),
        refusal,
    }
}

fn untrusted(named: &str) -> WorkloadRefusal {
    if named == LEGACY_ISSUER {
        let detail = "the token is a legacy one of a service account, which never expires; use a projected token";
        return WorkloadRefusal::new(Rule::LegacyServiceAccount, detail);
    }
    WorkloadRefusal::new(Rule::Issuer, "the token's issuer (iss) is not trusted here")
}

fn unavailable(issuer: &str, detail: String) -> NotVerified {
    NotVerified::KeysUnavailable {
        issuer: issuer.to_owned(),
        detail,
        retry_after: RETRY_AFTER,
    }
}
