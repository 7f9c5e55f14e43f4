use std::time::Duration;

use async_trait::async_trait;

use crate::secret::WorkloadToken;
use crate::workload::{Claims, WorkloadRefusal};

/// Checks the form and the signature of JWTs from trusted issuers. The domain decides what the claims mean.
#[async_trait]
pub trait WorkloadIdentities: Send + Sync {
    /// Returns the claims of a JWT that a trusted issuer has signed.
    ///
    /// # Errors
    /// [`NotVerified`].
    async fn verify(&self, token: &WorkloadToken) -> Result<SignedClaims, NotVerified>;
}

/// Verified claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedClaims {
    /// The `iss` claim of the token. It equals the configured issuer byte for byte.
    pub issuer: String,
    /// All claims.
    pub claims: Claims,
}

/// Why a JWT was not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotVerified {
    /// The JWT violates a rule.
    Refused {
        /// The trusted issuer that the JWT names, if any. The name is unverified, because the signature may be wrong.
        claimed_issuer: Option<String>,
        /// The rule that the JWT violates.
        refusal: WorkloadRefusal,
    },
    /// The keys of the issuer are unknown, because the issuer does not respond.
    KeysUnavailable {
        /// The trusted issuer that the token names.
        issuer: String,
        /// What happened.
        detail: String,
        /// When to retry.
        retry_after: Duration,
    },
}
