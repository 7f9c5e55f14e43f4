use std::collections::BTreeMap;

use super::{Claims, ValidJwt};
use crate::grant::ProviderName;
use crate::observe::words;

words! {
    /// An action that a policy can permit, by its name in the configuration.
    Permission {
        /// Request link codes and poll them.
        Link => "link",
        /// Read the token and the account.
        Token => "token",
    }
}

/// The section `[workload.NAME]` of the configuration. It decides what workloads with JWTs from an issuer may do, and
/// at which providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name of the policy.
    pub name: String,
    /// The name of the issuer.
    pub issuer: String,
    /// The providers whose accounts the workload may use.
    pub providers: Vec<ProviderName>,
    /// What the workload may do.
    pub may: Vec<Permission>,
    /// The allowed values of each claim. All claims must match. Values are compared byte for byte.
    pub claims: BTreeMap<String, Vec<String>>,
    /// Whether jobs that were started by a pull request are accepted.
    pub allows_pull_requests: bool,
}

impl Policy {
    /// Whether the policy allows `action` at `provider`.
    pub fn allows(&self, action: Permission, provider: &ProviderName) -> bool {
        self.may.contains(&action) && self.providers.contains(provider)
    }

    /// Checks the claims of a token from the policy's issuer.
    ///
    /// # Errors
    /// A text that names the claim that does not match.
    pub fn check_claims(&self, claims: &Claims) -> Result<(), String> {
        for (name, allowed) in &self.claims {
            match claims.text(name) {
                Some(value) if allowed.iter().any(|allowed| *allowed == value) => {}
                Some(_) => return Err(format!("{name} has another value")),
                None => return Err(format!("the token has no {name}")),
            }
        }
        Ok(())
    }

    /// Whether the policy accepts the job of a JWT. A job of a pull request is accepted only if the policy allows pull
    /// requests.
    pub const fn accepts_event(&self, judged: &ValidJwt) -> bool {
        self.allows_pull_requests || !judged.is_of_pull_request
    }
}
