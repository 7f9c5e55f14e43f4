//! The rules for a workload's JWT.

use std::borrow::Cow;

use crate::observe::words;

words! {
    /// A rule that a JWT can violate. The words must never change.
    Rule {
        /// The JWT is signed and in compact form (RFC 7515 section 7.1).
        Form => "malformed",
        /// The JWT is no larger than the limit.
        Size => "too_large",
        /// No JSON object in the JWT has two members with the same name (RFC 7515 section 4).
        Members => "duplicate_member",
        /// The JWT contains no nested token (RFC 7519 section 5.2).
        Nesting => "nested_token",
        /// The header requires no extension (RFC 7515 section 4.1.11).
        Extensions => "critical_header",
        /// The signature algorithm uses a public key (RFC 8725 section 3.1).
        Algorithm => "algorithm",
        /// The header does not declare another type of token (RFC 8725 section 3.11).
        Type => "token_type",
        /// The issuer equals a trusted issuer byte for byte.
        Issuer => "unknown_issuer",
        /// The JWT is not the legacy token of a Kubernetes service account, which never expires.
        LegacyServiceAccount => "legacy_service_account",
        /// The issuer publishes the key that the JWT names.
        Key => "unknown_key",
        /// The signature is right.
        Signature => "signature",
        /// The JWT has the claims that every token must have.
        Required => "missing_claim",
        /// The JWT has only one audience.
        OneAudience => "several_audiences",
        /// The audience equals the configured audience byte for byte.
        Audience => "audience",
        /// The JWT has not expired.
        Expiry => "expired",
        /// The JWT is already valid.
        Start => "not_yet_valid",
        /// The JWT's lifetime is no longer than the limit.
        Lifetime => "lifetime",
        /// The JWT has the ids that identify its workload permanently.
        ImmutableClaims => "immutable_claim",
        /// The job was not started by a pull request, unless the policy allows that.
        PullRequest => "pull_request",
        /// The job runs in the project that it acts for.
        Fork => "fork",
        /// The JWT meets a policy.
        Policy => "policy",
        /// The workload has linked an account, or an owner has granted it access to an account.
        Linked => "not_linked",
        /// The JWT has not been used before, if it is single-use.
        SingleUse => "replayed",
    }
}

/// Why a JWT is refused: the rule, and a detail for people. The detail may contain claims, but never the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct WorkloadRefusal {
    /// The rule that the JWT violates.
    pub rule: Rule,
    /// What is wrong.
    pub detail: Cow<'static, str>,
}

impl WorkloadRefusal {
    /// Creates a refusal.
    pub fn new(rule: Rule, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self { rule, detail }
    }
}
