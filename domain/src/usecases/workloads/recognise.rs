//! Recognises a workload by its JWT.

use std::net::IpAddr;

use super::shown::Named;
use super::{ShownWorkload, WorkloadTrust, Workloads};
use crate::ports::{NotVerified, SignedClaims, SingleUse};
use crate::secret::WorkloadToken;
use crate::usecases::Refusal;
use crate::workload::{
    Judged, Policy, Rule, TrustedIssuer, WorkloadBinding, WorkloadGrant, WorkloadRefusal,
};

/// Maximum length of a token's value in the log.
const LONGEST_LOGGED: usize = 200;

impl Workloads {
    /// Recognises a workload by its JWT: verifies it, checks its claims and finds the policies that accept it.
    ///
    /// # Errors
    /// [`Refusal::WorkloadRefused`] with the rule that the token violates, [`Refusal::ProviderUnavailable`] if the keys
    /// of its issuer are not known.
    pub async fn recognise(
        &self,
        token: &WorkloadToken,
        address: IpAddr,
    ) -> Result<ShownWorkload, Refusal> {
        let Some(trust) = &self.trust else {
            let detail = "this service trusts no issuer of workload tokens";
            let refusal = WorkloadRefusal::new(Rule::Issuer, detail);
            return Err(self.refuse(&Named::unproven("unknown"), refusal, Some(address)));
        };
        let signed = match trust.identities.verify(token).await {
            Ok(signed) => signed,
            Err(NotVerified::Refused {
                claimed_issuer,
                refusal,
            }) => {
                let issuer = claimed_issuer.as_deref().unwrap_or("unknown");
                return Err(self.refuse(&Named::unproven(issuer), refusal, Some(address)));
            }
            Err(NotVerified::KeysUnavailable {
                detail,
                retry_after,
            }) => {
                return Err(Refusal::ProviderUnavailable {
                    detail,
                    retry_after,
                });
            }
        };
        match self.judged(trust, &signed) {
            Ok((issuer, judged, policies)) => {
                let shown = self.shown(token, issuer, judged, policies, address);
                shown.await
            }
            Err(refusal) => {
                let subject = signed.claims.text("sub").map(|it| shortened(&it));
                let mut issuers = trust.issuers.iter();
                let issuer = issuers.find(|issuer| issuer.url == signed.issuer);
                let shown = issuer.map(|issuer| issuer.shown(&signed.claims));
                let run = shown.and_then(|shown| shown.get("run").map(shortened));
                let named = Named {
                    issuer: &signed.issuer,
                    subject: subject.as_deref(),
                    run: run.as_deref(),
                };
                Err(self.refuse(&named, refusal, Some(address)))
            }
        }
    }

    fn judged<'a>(
        &self,
        trust: &'a WorkloadTrust,
        signed: &SignedClaims,
    ) -> Result<(&'a TrustedIssuer, Judged, Vec<&'a Policy>), WorkloadRefusal> {
        let mut issuers = trust.issuers.iter();
        let issuer = issuers.find(|issuer| issuer.url == signed.issuer);
        let issuer = issuer.ok_or_else(|| {
            WorkloadRefusal::new(Rule::Issuer, "the token's issuer is not trusted here")
        })?;
        let judged = issuer.judge(&signed.claims, self.clock.now())?;
        let policies = met(trust, issuer, signed, &judged)?;
        Ok((issuer, judged, policies))
    }

    async fn shown(
        &self,
        token: &WorkloadToken,
        issuer: &TrustedIssuer,
        judged: Judged,
        policies: Vec<&Policy>,
        from: IpAddr,
    ) -> Result<ShownWorkload, Refusal> {
        let identity = self.vault.hash_workload(&issuer.url, &judged.bound);
        let hash = self
            .vault
            .hash_workload_token(token, &issuer.url, judged.jti.as_deref());
        let mut grants = self.store.find_workloads(&identity).await?;
        grants.retain(|grant| self.is_genuine(grant, issuer, &judged, from));
        let now = self.clock.now();
        grants.retain(|grant| grant.key.expires_at.is_none_or(|at| at > now));
        grants.retain(|grant| {
            policies
                .iter()
                .any(|policy| policy.name == grant.binding.workload)
        });
        Ok(ShownWorkload {
            issuer: issuer.url.clone(),
            subject: judged.subject.as_deref().map(shortened),
            run: judged.shown.get("run").map(shortened),
            facts: judged.shown,
            bound: judged.bound,
            token: SingleUse {
                hash,
                expires_at: judged.expires_at,
            },
            identity,
            policies: policies.into_iter().cloned().collect(),
            grants,
        })
    }

    /// Whether a stored workload is the one that presents the token, and the service has written its row.
    fn is_genuine(
        &self,
        grant: &WorkloadGrant,
        issuer: &TrustedIssuer,
        judged: &Judged,
        from: IpAddr,
    ) -> bool {
        let WorkloadBinding {
            issuer: bound_to,
            claims,
            ..
        } = &grant.binding;
        let is_its = *bound_to == issuer.url && *claims == judged.bound;
        let is_genuine =
            is_its && self.vault.workload_mac(&grant.key.hash, &grant.binding) == grant.mac;
        if !is_genuine && self.keys.logs_refusal(from) {
            tracing::error!(
                key = grant.key.id.0,
                "a stored workload was changed by somebody else; it is ignored"
            );
        }
        is_genuine && self.keys.is_genuine(&grant.key, from)
    }
}

/// Returns the policies that accept a token.
fn met<'a>(
    trust: &'a WorkloadTrust,
    issuer: &TrustedIssuer,
    signed: &SignedClaims,
    judged: &Judged,
) -> Result<Vec<&'a Policy>, WorkloadRefusal> {
    let own = trust.policies.iter();
    let own = own.filter(|policy| policy.issuer == issuer.name);
    let mut unmet = Vec::new();
    let mut by_claims = Vec::new();
    for policy in own {
        match policy.check_claims(&signed.claims) {
            Ok(()) => by_claims.push(policy),
            Err(why) => unmet.push(format!("{}: {why}", policy.name)),
        }
    }
    if by_claims.is_empty() {
        let detail = format!(
            "the token meets no policy of its issuer ({})",
            unmet.join("; ")
        );
        return Err(WorkloadRefusal::new(Rule::Policy, detail));
    }
    by_claims.retain(|policy| policy.accepts_event(judged));
    if by_claims.is_empty() {
        let detail = "a pull request has started the job, or an event that follows one, and no policy allows that";
        return Err(WorkloadRefusal::new(Rule::PullRequest, detail));
    }
    Ok(by_claims)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_LOGGED).collect()
}
