use std::net::IpAddr;

use super::record::{RefusalReason, RequestContext};
use super::{VerifiedWorkload, WorkloadCall, WorkloadTrust, Workloads};
use crate::ports::{NotVerified, SignedClaims, SingleUse};
use crate::secret::WorkloadToken;
use crate::usecases::{Coded as _, Refusal};
use crate::workload::{
    Policy, Rule, TrustedIssuer, ValidJwt, WorkloadAccess, WorkloadRefusal, shown_text,
};

impl Workloads {
    /// Recognises a workload by its JWT: verifies the JWT, checks the claims and finds the policies that accept them.
    /// Records refusals.
    ///
    /// # Errors
    /// [`Refusal::WorkloadRefused`] with the rule that the JWT violates, [`Refusal::ProviderUnavailable`] if the
    /// signing keys of the issuer are not known.
    pub(crate) async fn recognise(
        &self,
        call: WorkloadCall<'_>,
        action: &'static str,
    ) -> Result<VerifiedWorkload, Refusal> {
        let context = RequestContext::unverified_jwt(&call, action, None);
        let unanswered = self.unanswered_unverified(&context);
        let recognised = self.verified(call, action).await;
        unanswered.mark_answered();
        recognised
    }

    async fn verified(
        &self,
        call: WorkloadCall<'_>,
        action: &'static str,
    ) -> Result<VerifiedWorkload, Refusal> {
        let unverified_jwt = |issuer| RequestContext::unverified_jwt(&call, action, issuer);
        let Some(trust) = &self.trust else {
            let detail = "this service trusts no issuer of workload tokens";
            let refusal = WorkloadRefusal::new(Rule::Issuer, detail);
            return Err(self.refuse(&unverified_jwt(None), refusal.into()));
        };
        let signed = match trust.identities.verify(call.token).await {
            Ok(signed) => signed,
            Err(NotVerified::Refused {
                claimed_issuer,
                refusal,
            }) => return Err(self.refuse(&unverified_jwt(claimed_issuer), refusal.into())),
            Err(NotVerified::KeysUnavailable {
                issuer,
                detail,
                retry_after,
            }) => {
                let refusal = Refusal::ProviderUnavailable {
                    detail,
                    retry_after,
                };
                // Not logged here: anybody can cause this refusal, and the verifier logs that it has no keys.
                self.audit_refusal(
                    &unverified_jwt(Some(issuer)),
                    RefusalReason::Code(refusal.code()),
                );
                return Err(refusal);
            }
        };
        let context = named(trust, &signed, unverified_jwt(Some(signed.issuer.clone())));
        match self.judge(trust, &signed) {
            Ok((issuer, jwt, policies)) => {
                let workload = self.workload(call.token, issuer, jwt, policies, context);
                workload.await
            }
            Err(refusal) => Err(self.refuse(&context, refusal.into())),
        }
    }

    fn judge<'a>(
        &self,
        trust: &'a WorkloadTrust,
        signed: &SignedClaims,
    ) -> Result<(&'a TrustedIssuer, ValidJwt, Vec<&'a Policy>), WorkloadRefusal> {
        let mut issuers = trust.issuers.iter();
        let issuer = issuers.find(|issuer| issuer.url == signed.issuer);
        let issuer = issuer.ok_or_else(|| {
            WorkloadRefusal::new(Rule::Issuer, "the token's issuer is not trusted here")
        })?;
        let jwt = issuer.judge(&signed.claims, self.clock.now())?;
        let policies = met(trust, issuer, signed, &jwt)?;
        Ok((issuer, jwt, policies))
    }

    async fn workload(
        &self,
        token: &WorkloadToken,
        issuer: &TrustedIssuer,
        jwt: ValidJwt,
        policies: Vec<&Policy>,
        context: RequestContext,
    ) -> Result<VerifiedWorkload, Refusal> {
        let identity = self.vault.hash_workload(&issuer.url, &jwt.bound);
        let hash = self
            .vault
            .hash_workload_token(token, &issuer.url, jwt.jti.as_deref());
        let now = self.clock.now();
        let found = self.store.find_workloads(&identity, now).await;
        let mut accesses = found.map_err(|error| self.refuse(&context, error.into()))?;
        accesses.retain(|access| self.is_genuine(access, issuer, &jwt, context.address));
        Ok(VerifiedWorkload {
            context,
            issuer: issuer.url.clone(),
            shown: jwt.shown,
            bound: jwt.bound,
            token: SingleUse {
                hash,
                expires_at: jwt.expires_at,
            },
            identity,
            policies: policies.into_iter().cloned().collect(),
            accesses,
        })
    }

    /// Whether a stored workload has the issuer and the claims of the JWT, and the MACs of its row and its key are
    /// valid.
    fn is_genuine(
        &self,
        access: &WorkloadAccess,
        issuer: &TrustedIssuer,
        jwt: &ValidJwt,
        from: IpAddr,
    ) -> bool {
        let binding = &access.binding;
        let is_its = binding.issuer == issuer.url && binding.claims == jwt.bound;
        let mac = self.vault.workload_mac(&access.key.hash, binding);
        let is_genuine = is_its && mac.is_equal(&access.mac);
        if !is_genuine && self.keys.logs_refusal(from) {
            tracing::error!(
                key = access.key.id.0,
                "a stored workload was changed by somebody else; it is ignored"
            );
        }
        is_genuine && self.keys.is_genuine(&access.key, from)
    }
}

/// Returns the policies of the issuer that accept the JWT.
fn met<'a>(
    trust: &'a WorkloadTrust,
    issuer: &TrustedIssuer,
    signed: &SignedClaims,
    jwt: &ValidJwt,
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
    by_claims.retain(|policy| policy.accepts_event(jwt));
    if by_claims.is_empty() {
        let detail = "a pull request has started the job, or an event that follows one, and no policy allows that";
        return Err(WorkloadRefusal::new(Rule::PullRequest, detail));
    }
    Ok(by_claims)
}

/// Adds the subject and the run of a verified JWT to the context of its request, for logs.
fn named(trust: &WorkloadTrust, signed: &SignedClaims, context: RequestContext) -> RequestContext {
    let mut issuers = trust.issuers.iter();
    let issuer = issuers.find(|issuer| issuer.url == signed.issuer);
    let run = issuer.and_then(|issuer| issuer.shown(&signed.claims).get("run").map(str::to_owned));
    let subject = signed.claims.text("sub").map(|it| shown_text(&it));
    context.with_verified_claims(subject, run)
}
