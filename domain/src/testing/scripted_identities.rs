//! A fake [`WorkloadIdentities`] that checks no signatures.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::lock::lock;
use crate::ports::{NotVerified, SignedClaims, WorkloadIdentities};
use crate::secret::WorkloadToken;
use crate::workload::{ClaimValue, Claims, Rule, WorkloadRefusal};

/// A fake that accepts only tokens from [`issue`](Self::issue).
#[derive(Default)]
pub struct ScriptedIdentities {
    issued: Mutex<BTreeMap<String, SignedClaims>>,
    is_away: Mutex<bool>,
    is_silent: Mutex<bool>,
}

impl ScriptedIdentities {
    /// Issues a token with these claims and with `issuer` as `iss`.
    pub fn issue(&self, issuer: &str, claims: &[(&str, ClaimValue)]) -> WorkloadToken {
        let mut issued = lock(&self.issued);
        let mut signed = Claims::default();
        for (name, value) in claims {
            let _ = signed.insert((*name).to_owned(), value.clone());
        }
        let token = format!("eyJ0.eyJ{}.signature", issued.len());
        let signed = SignedClaims {
            issuer: issuer.to_owned(),
            claims: signed,
        };
        issued.insert(token.clone(), signed);
        WorkloadToken::new(token)
    }

    /// Makes the keys of all issuers unavailable, or available again.
    pub fn be_away(&self, is_away: bool) {
        *lock(&self.is_away) = is_away;
    }

    /// Makes all further verifications hang.
    pub fn be_silent(&self) {
        *lock(&self.is_silent) = true;
    }
}

#[async_trait]
impl WorkloadIdentities for ScriptedIdentities {
    async fn verify(&self, token: &WorkloadToken) -> Result<SignedClaims, NotVerified> {
        if *lock(&self.is_silent) {
            std::future::pending::<()>().await;
        }
        if *lock(&self.is_away) {
            return Err(NotVerified::KeysUnavailable {
                issuer: "https://away.example".to_owned(),
                detail: "away, as the test wants it".to_owned(),
                retry_after: std::time::Duration::from_secs(10),
            });
        }
        let issued = lock(&self.issued);
        let signed = issued.get(token.expose()).cloned();
        signed.ok_or_else(|| NotVerified::Refused {
            claimed_issuer: None,
            refusal: WorkloadRefusal::new(Rule::Signature, "the token's signature is wrong"),
        })
    }
}
