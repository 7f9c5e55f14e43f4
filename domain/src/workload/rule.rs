//! The rules for a workload's JWT.

use std::borrow::Cow;

use crate::observe::words;

words! {
    /// A rule that a JWT can violate. Its word never changes.
    Rule {
        /// It is a signed JWT in compact form (RFC 7515 section 7.1).
        Form => "malformed",
        /// It is no larger than the limit.
        Size => "too_large",
        /// No JSON object has two members of one name (RFC 7515 section 4).
        Members => "duplicate_member",
        /// It contains no nested token (RFC 7519 section 5.2).
        Nesting => "nested_token",
        /// It requires no extension (RFC 7515 section 4.1.11).
        Extensions => "critical_header",
        /// Its algorithm is one with a public key (RFC 8725 section 3.1).
        Algorithm => "algorithm",
        /// Its header does not declare another type of token (RFC 8725 section 3.11).
        Type => "token_type",
        /// Its issuer is trusted, byte for byte.
        Issuer => "unknown_issuer",
        /// It is no legacy token of a Kubernetes service account, which never expires.
        LegacyServiceAccount => "legacy_service_account",
        /// The issuer publishes the key that it names.
        Key => "unknown_key",
        /// Its signature is right.
        Signature => "signature",
        /// It has the claims that every token needs.
        Required => "missing_claim",
        /// It is for one audience.
        OneAudience => "several_audiences",
        /// It is for this service, byte for byte.
        Audience => "audience",
        /// It has not expired.
        Expiry => "expired",
        /// It is valid already.
        Start => "not_yet_valid",
        /// It lasts no longer than the limit.
        Lifetime => "lifetime",
        /// It identifies its workload by ids that nobody can take over.
        ImmutableClaims => "immutable_claim",
        /// Its job was not started by a pull request, unless the policy allows that.
        PullRequest => "pull_request",
        /// Its job runs in the project that it acts for.
        Fork => "fork",
        /// It meets a policy.
        Policy => "policy",
        /// An account is linked to its workload, or granted to it.
        Linked => "not_linked",
        /// It has not been used before, if it is single-use.
        SingleUse => "replayed",
    }
}

/// Why a JWT is refused: the rule, and a detail for people. It contains claims at most, never the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct WorkloadRefusal {
    /// The rule that was broken.
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
