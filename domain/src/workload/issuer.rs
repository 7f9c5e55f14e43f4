use crate::observe::words;

words! {
    /// A kind of platform, by its name in the configuration. The platform determines which claims identify a workload
    /// permanently, and which claims are shown to people.
    Preset {
        /// GitHub Actions on github.com, with an enterprise's own issuer or on a GitHub Enterprise Server.
        GithubActions => "github-actions",
        /// GitLab CI/CD, on gitlab.com or elsewhere.
        Gitlab => "gitlab",
        /// Service accounts of a Kubernetes cluster.
        Kubernetes => "kubernetes",
        /// SPIFFE JWT-SVIDs.
        Spiffe => "spiffe",
        /// Buildkite.
        Buildkite => "buildkite",
        /// CircleCI.
        Circleci => "circleci",
        /// Any other OpenID Connect issuer.
        Oidc => "oidc",
    }
}

impl Preset {
    /// Returns the issuer of the platform's public service, if it has one.
    pub const fn public_issuer(self) -> Option<&'static str> {
        match self {
            Self::GithubActions => Some("https://token.actions.githubusercontent.com"),
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Buildkite => Some("https://agent.buildkite.com"),
            Self::Kubernetes | Self::Spiffe | Self::Circleci | Self::Oidc => None,
        }
    }

    /// Returns the claims that identify a workload permanently. Somebody else can take over the name of a repository,
    /// project or pipeline, but not its id.
    pub const fn immutable_claims(self) -> &'static [&'static str] {
        match self {
            Self::GithubActions => &["repository_id", "repository_owner_id"],
            Self::Gitlab => &["project_id"],
            Self::Kubernetes => &[
                "kubernetes.io/namespace",
                "kubernetes.io/serviceaccount/name",
                "kubernetes.io/serviceaccount/uid",
            ],
            Self::Spiffe | Self::Oidc => &["sub"],
            Self::Buildkite => &["organization_id", "pipeline_id"],
            Self::Circleci => &["oidc.circleci.com/project-id"],
        }
    }

    /// Returns the claims that identify the owner of a workload. A policy must name at least one of these claims,
    /// because strangers have workloads at the same issuer. Empty for issuers that belong to the operator.
    pub const fn owner_claims(self) -> &'static [&'static str] {
        match self {
            Self::GithubActions => &[
                "repository_id",
                "repository_owner_id",
                "repository",
                "repository_owner",
                "enterprise_id",
                "sub",
            ],
            Self::Gitlab => &[
                "project_id",
                "namespace_id",
                "project_path",
                "namespace_path",
                "sub",
            ],
            Self::Buildkite => &["organization_id", "organization_slug", "pipeline_id", "sub"],
            Self::Kubernetes | Self::Spiffe | Self::Circleci | Self::Oidc => &[],
        }
    }

    /// Returns the claims for the page and the audit log. Each pair is the displayed name and the claim.
    pub const fn shown_claims(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GithubActions => &[
                ("repository", "repository"),
                ("workflow", "workflow"),
                ("run", "run_id"),
                ("ref", "ref"),
                ("actor", "actor"),
            ],
            Self::Gitlab => &[
                ("repository", "project_path"),
                ("workflow", "ci_config_ref_uri"),
                ("run", "pipeline_id"),
                ("ref", "ref"),
                ("actor", "user_login"),
            ],
            Self::Kubernetes => &[
                ("namespace", "kubernetes.io/namespace"),
                ("service account", "kubernetes.io/serviceaccount/name"),
                ("run", "kubernetes.io/pod/name"),
            ],
            Self::Buildkite => &[
                ("organization", "organization_slug"),
                ("pipeline", "pipeline_slug"),
                ("run", "build_number"),
                ("ref", "build_branch"),
            ],
            Self::Circleci => &[
                ("repository", "oidc.circleci.com/vcs-origin"),
                ("project", "oidc.circleci.com/project-id"),
                ("run", "oidc.circleci.com/job-id"),
                ("ref", "oidc.circleci.com/vcs-ref"),
            ],
            Self::Spiffe | Self::Oidc => &[("subject", "sub")],
        }
    }
}

/// An issuer whose JWTs are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// The name of the issuer in the configuration.
    pub name: String,
    /// The `iss` of the issuer's tokens, compared byte for byte.
    pub url: String,
    /// The kind of platform.
    pub preset: Preset,
    /// The required `aud` of the issuer's tokens, compared byte for byte.
    pub audience: String,
    /// The claims that identify a workload permanently.
    pub immutable_claims: Vec<String>,
}

/// Why an audience is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableAudience(&'static str);

/// Checks a configured audience. If other services accept the same audience, one of them could use a received token
/// here.
///
/// # Errors
/// [`UnusableAudience`] for the default audiences of platforms, and for audiences of well-known services.
pub fn check_audience(
    preset: Preset,
    issuer: &str,
    audience: &str,
) -> Result<(), UnusableAudience> {
    let bare = audience.trim_end_matches('/');
    let has_spaces = audience.contains(|c: char| c.is_whitespace() || c.is_control());
    let owner = bare.strip_prefix("https://github.com/");
    let is_owner = owner.is_some_and(|owner| !owner.contains('/'));
    let is_api_server =
        bare.contains("kubernetes.default") || bare == "api" || bare == "kubernetes";
    let organisation = issuer
        .rsplit_once("/org/")
        .map(|(_, id)| id.trim_end_matches('/'));
    let of_others = [
        "sts.amazonaws.com",
        "api://AzureADTokenExchange",
        "sigstore",
        "vault",
        "pypi",
    ];
    let why = if audience.is_empty() || has_spaces {
        "is empty or contains spaces"
    } else if bare == issuer.trim_end_matches('/') {
        "is the issuer itself, whose tokens many services accept"
    } else if preset == Preset::GithubActions && (is_owner || bare == "https://github.com") {
        "is the address of an owner, which GitHub puts into tokens by default"
    } else if preset == Preset::Kubernetes && is_api_server {
        "is the API server of the cluster, which every default token is for"
    } else if preset == Preset::Circleci && organisation == Some(bare) {
        "is the organisation's id, which CircleCI puts into tokens by default"
    } else if of_others.contains(&audience) || audience.contains("iam.googleapis.com/") {
        "is the audience of another well-known service"
    } else {
        return Ok(());
    };
    Err(UnusableAudience(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_that_others_accept_are_rejected() {
        let github = "https://token.actions.githubusercontent.com";
        let circle = "https://oidc.circleci.com/org/3b1f";
        for (preset, issuer, audience) in [
            (Preset::GithubActions, github, "https://github.com/octo-org"),
            (
                Preset::GithubActions,
                github,
                "https://github.com/octo-org/",
            ),
            (Preset::GithubActions, github, github),
            (Preset::GithubActions, github, "sts.amazonaws.com"),
            (Preset::GithubActions, github, ""),
            (
                Preset::Kubernetes,
                "https://k8s.example",
                "https://kubernetes.default.svc",
            ),
            (
                Preset::Kubernetes,
                "https://k8s.example",
                "https://kubernetes.default.svc.cluster.local",
            ),
            (Preset::Kubernetes, "https://k8s.example", "api"),
            (Preset::Gitlab, "https://gitlab.com", "https://gitlab.com"),
            (Preset::Circleci, circle, "3b1f"),
        ] {
            assert!(
                check_audience(preset, issuer, audience).is_err(),
                "{audience}"
            );
            assert_eq!(
                check_audience(preset, issuer, "https://auth.example.com"),
                Ok(())
            );
        }
    }
}
