use std::net::IpAddr;

use super::record::{Visit, Why};
use super::{ShownWorkload, WorkloadCall, WorkloadTrust, Workloads};
use crate::ports::{NotVerified, SignedClaims, SingleUse};
use crate::secret::WorkloadToken;
use crate::usecases::{Coded as _, Refusal};
use crate::workload::{
    Judged, Policy, Rule, TrustedIssuer, WorkloadGrant, WorkloadRefusal, shown_text,
};

impl Workloads {
    /// Recognises a workload by its JWT: verifies it, checks its claims and finds the policies that accept it. Records refusals.
    ///
    /// # Errors
    /// [`Refusal::WorkloadRefused`] with the rule that the token violates, [`Refusal::ProviderUnavailable`] if the keys
    /// of its issuer are not known.
    pub(crate) async fn recognise(
        &self,
        call: WorkloadCall<'_>,
        action: &'static str,
    ) -> Result<ShownWorkload, Refusal> {
        let visit = Visit::unproven(&call, action, None);
        let unsettled = self.unverified(&visit);
        let recognised = self.verified(call, action).await;
        unsettled.settle();
        recognised
    }

    async fn verified(
        &self,
        call: WorkloadCall<'_>,
        action: &'static str,
    ) -> Result<ShownWorkload, Refusal> {
        let unproven = |issuer| Visit::unproven(&call, action, issuer);
        let Some(trust) = &self.trust else {
            let detail = "this service trusts no issuer of workload tokens";
            let refusal = WorkloadRefusal::new(Rule::Issuer, detail);
            return Err(self.refuse(&unproven(None), refusal.into()));
        };
        let signed = match trust.identities.verify(call.token).await {
            Ok(signed) => signed,
            Err(NotVerified::Refused {
                claimed_issuer,
                refusal,
            }) => return Err(self.refuse(&unproven(claimed_issuer), refusal.into())),
            Err(NotVerified::KeysUnavailable {
                issuer,
                detail,
                retry_after,
            }) => {
                let refusal = Refusal::ProviderUnavailable {
                    detail,
                    retry_after,
                };
                // Anybody can cause this; the verifier logs that it has no keys.
                self.audit_refusal(&unproven(Some(issuer)), Why::Code(refusal.code()));
                return Err(refusal);
            }
        };
        let visit = named(trust, &signed, unproven(Some(signed.issuer.clone())));
        match self.judged(trust, &signed) {
            Ok((issuer, judged, policies)) => {
                let shown = self.shown(call.token, issuer, judged, policies, visit);
                shown.await
            }
            Err(refusal) => Err(self.refuse(&visit, refusal.into())),
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
        visit: Visit,
    ) -> Result<ShownWorkload, Refusal> {
        let identity = self.vault.hash_workload(&issuer.url, &judged.bound);
        let hash = self
            .vault
            .hash_workload_token(token, &issuer.url, judged.jti.as_deref());
        let found = self.store.find_workloads(&identity).await;
        let mut grants = found.map_err(|error| self.refuse(&visit, error.into()))?;
        grants.retain(|grant| self.is_genuine(grant, issuer, &judged, visit.address));
        let now = self.clock.now();
        grants.retain(|grant| grant.key.expires_at.is_none_or(|at| at > now));
        Ok(ShownWorkload {
            visit,
            issuer: issuer.url.clone(),
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
        let binding = &grant.binding;
        let is_its = binding.issuer == issuer.url && binding.claims == judged.bound;
        let mac = self.vault.workload_mac(&grant.key.hash, binding);
        let is_genuine = is_its && mac.is_equal(&grant.mac);
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

/// Adds to a request what its verified token says, whether or not it is accepted.
fn named(trust: &WorkloadTrust, signed: &SignedClaims, visit: Visit) -> Visit {
    let mut issuers = trust.issuers.iter();
    let issuer = issuers.find(|issuer| issuer.url == signed.issuer);
    let run = issuer.and_then(|issuer| issuer.shown(&signed.claims).get("run").map(str::to_owned));
    let subject = signed.claims.text("sub").map(|it| shown_text(&it));
    visit.proven(subject, run)
}
