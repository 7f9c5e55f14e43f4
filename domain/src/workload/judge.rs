//! The rules for every JWT of an issuer.

use std::time::Duration;

use super::rule::Rule;
use super::{ClaimList, ClaimValue, Claims, Preset, TrustedIssuer, WorkloadRefusal};
use crate::text::presentable;
use crate::time::Timestamp;

/// Maximum lifetime of a token, because a stolen token works until it expires.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Maximum length of a claim's value on pages and in logs, in characters.
const LONGEST_SHOWN: usize = 200;

/// Tolerated difference between the clocks of two machines.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A valid JWT that its issuer has issued for this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidJwt {
    /// The claims that identify the workload permanently.
    pub bound: ClaimList,
    /// The claims for the page and the audit log.
    pub shown: ClaimList,
    /// The id of the JWT (RFC 7519 section 4.1.7), if present.
    pub jti: Option<String>,
    /// When the JWT expires.
    pub expires_at: Timestamp,
    /// Whether a pull request may have started the job. Anybody can open a pull request with their own code.
    pub is_of_pull_request: bool,
}

impl TrustedIssuer {
    /// Checks claims that this issuer has signed.
    ///
    /// # Errors
    /// [`WorkloadRefusal`] with the first violated rule.
    pub fn judge(&self, claims: &Claims, now: Timestamp) -> Result<ValidJwt, WorkloadRefusal> {
        self.check_audience_of(claims)?;
        let expires_at = check_time(claims, now)?;
        self.check_platform(claims)?;
        Ok(ValidJwt {
            bound: self.bound(claims)?,
            shown: self.shown(claims),
            jti: claims.text("jti").map(Into::into),
            expires_at,
            is_of_pull_request: self.is_of_pull_request(claims),
        })
    }

    fn check_audience_of(&self, claims: &Claims) -> Result<(), WorkloadRefusal> {
        let audience = match claims.get("aud") {
            Some(ClaimValue::Text(audience)) => audience,
            Some(ClaimValue::Texts(audiences)) => match audiences.as_slice() {
                [audience] => audience,
                [] => return Err(missing("aud")),
                _ => {
                    let detail =
                        "the token is for several audiences; request one for this service alone";
                    return Err(WorkloadRefusal::new(Rule::OneAudience, detail));
                }
            },
            _ => return Err(missing("aud")),
        };
        if *audience == self.audience {
            return Ok(());
        }
        let detail = format!(
            "the token's aud is not {:?}; request the token with that audience",
            self.audience
        );
        Err(WorkloadRefusal::new(Rule::Audience, detail))
    }

    fn check_platform(&self, claims: &Claims) -> Result<(), WorkloadRefusal> {
        let of_job = claims.get("job_project_id").is_some();
        if self.preset == Preset::Gitlab
            && of_job
            && claims.text("job_project_id") != claims.text("project_id")
        {
            let detail =
                "the job runs in another project than the one that it acts for (job_project_id)";
            return Err(WorkloadRefusal::new(Rule::Fork, detail));
        }
        let is_spiffe_id = |subject: &str| {
            let rest = subject.strip_prefix("spiffe://");
            rest.is_some_and(|rest| !rest.starts_with('/') && rest.contains('/'))
        };
        if self.preset == Preset::Spiffe
            && !claims.text("sub").is_some_and(|sub| is_spiffe_id(&sub))
        {
            let detail = "the token's sub is not a SPIFFE ID";
            return Err(WorkloadRefusal::new(Rule::ImmutableClaims, detail));
        }
        Ok(())
    }

    fn bound(&self, claims: &Claims) -> Result<ClaimList, WorkloadRefusal> {
        let names = self.immutable_claims.iter();
        let bound = names.map(|name| match claims.text(name) {
            Some(value) => Ok((name.clone(), value.into_owned())),
            None => {
                let detail =
                    format!("the token has no {name}, which identifies its workload permanently");
                Err(WorkloadRefusal::new(Rule::ImmutableClaims, detail))
            }
        });
        bound.collect()
    }

    /// Returns the claims for the page and the audit log. The issuer must have signed these claims, but the token may
    /// still be refused.
    pub(crate) fn shown(&self, claims: &Claims) -> ClaimList {
        let shown = self.preset.shown_claims().iter();
        let known = shown.filter_map(|(word, claim)| Some((*word, claims.text(claim)?)));
        let clean = known.map(|(word, value)| (word, shown_text(&value)));
        clean.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Whether a pull request may have started the job. `pull_request_target` and `workflow_run` count too, because
    /// both process a stranger's data with the rights of the repository. `parent_pipeline` counts too, because a child
    /// pipeline does not state whether a merge request started its parent. Tokens of other platforms do not name the
    /// event.
    fn is_of_pull_request(&self, claims: &Claims) -> bool {
        let event = match self.preset {
            Preset::GithubActions => claims.text("event_name"),
            Preset::Gitlab => claims.text("pipeline_source"),
            _ => return false,
        };
        // These platforms always state the event, so a token without an event counts as started by a pull request.
        event.is_none_or(|event| {
            event.starts_with("pull_request")
                || matches!(
                    &*event,
                    "workflow_run"
                        | "merge_request_event"
                        | "external_pull_request_event"
                        | "parent_pipeline"
                )
        })
    }
}

/// Returns the value of a claim in the form for pages and logs. A stranger may have chosen a deceptive value, for
/// example as the name of a workflow or a branch.
pub(crate) fn shown_text(value: &str) -> String {
    let shown = presentable(value);
    shown.trim().chars().take(LONGEST_SHOWN).collect()
}

/// Checks `exp`, `iat` and `nbf`. Returns when the token expires.
fn check_time(claims: &Claims, now: Timestamp) -> Result<Timestamp, WorkloadRefusal> {
    let seconds = |name| {
        claims
            .number(name)
            .map(|at| Timestamp::from_millis(at.saturating_mul(1000)))
    };
    let expires_at = seconds("exp").ok_or_else(|| missing("exp"))?;
    let issued_at = seconds("iat").ok_or_else(|| missing("iat"))?;
    let valid_from = match claims.get("nbf") {
        Some(_) => seconds("nbf").ok_or_else(|| missing("nbf"))?,
        None => issued_at,
    };
    if expires_at <= now {
        return Err(WorkloadRefusal::new(
            Rule::Expiry,
            "the token has expired (exp); request a new one",
        ));
    }
    if issued_at.max(valid_from) > now + CLOCK_SKEW {
        let detail = "the token is not valid yet (iat or nbf); compare the clocks of both machines";
        return Err(WorkloadRefusal::new(Rule::Start, detail));
    }
    if expires_at.since(issued_at) > LONGEST_LIFETIME {
        let detail = "the token lasts longer than one hour (exp and iat); request a shorter one";
        return Err(WorkloadRefusal::new(Rule::Lifetime, detail));
    }
    Ok(expires_at)
}

fn missing(claim: &str) -> WorkloadRefusal {
    WorkloadRefusal::new(Rule::Required, format!("the token has no valid {claim}"))
}

#[cfg(test)]
mod tests;
