//! A workload that has presented a valid JWT, and what it may do.

use super::Workloads;
use super::record::RequestContext;
use crate::grant::{AccountId, KeyHolder, KeyRole, ProviderName};
use crate::ports::{LinkingWorkload, SingleUse};
use crate::secret::KeyedHash;
use crate::workload::{
    ClaimList, NewWorkload, Permission, Policy, Rule, WorkloadAccess, WorkloadBinding,
    WorkloadRefusal,
};

/// A workload that has presented a valid JWT. `policies` are those that accept the JWT. `accesses` may have been stored
/// under other policies.
pub(crate) struct VerifiedWorkload {
    pub(super) context: RequestContext,
    pub(super) issuer: String,
    /// The claims that the page shows to the person.
    pub(crate) shown: ClaimList,
    pub(super) bound: ClaimList,
    pub(super) token: SingleUse,
    /// The keyed hash by which the store finds the workload.
    pub(crate) identity: KeyedHash,
    pub(super) policies: Vec<Policy>,
    pub(super) accesses: Vec<WorkloadAccess>,
}

impl VerifiedWorkload {
    /// Returns the provider at which the workload may link accounts, if there is exactly one.
    pub(crate) fn only_provider(&self) -> Option<&ProviderName> {
        let linking = self.policies.iter();
        let linking = linking.filter(|policy| policy.may.contains(&Permission::Link));
        let mut providers = linking.flat_map(|policy| &policy.providers);
        let first = providers.next()?;
        providers.all(|other| other == first).then_some(first)
    }

    /// Returns a policy under which the workload may link an account. Prefers a policy that also allows reading the
    /// token.
    fn linking_policy(&self, provider: &ProviderName) -> Result<&Policy, WorkloadRefusal> {
        let allowing = || {
            self.policies
                .iter()
                .filter(|policy| policy.allows(Permission::Link, provider))
        };
        let reading = allowing().find(|policy| policy.may.contains(&Permission::Token));
        reading.or_else(|| allowing().next()).ok_or_else(|| {
            let detail = format!("no policy lets this workload link an account of {provider}");
            WorkloadRefusal::new(Rule::Policy, detail)
        })
    }

    /// Returns the owner keys of the workload, with their accounts. Leaves out keys whose policy no longer allows links
    /// at this provider, because with such a key the workload could start a relink but not poll it.
    pub(crate) fn relinkable(
        &self,
        provider: &ProviderName,
    ) -> impl Iterator<Item = (&KeyHolder, AccountId)> {
        let owners = self.accesses.iter().filter(|access| {
            access.key.role == KeyRole::Owner && self.allows(Permission::Link, access, provider)
        });
        owners.filter_map(|access| Some((&access.key, access.key.binding.account()?)))
    }

    /// Whether the policy of an access allows `action` at a provider.
    pub(super) fn allows(
        &self,
        action: Permission,
        access: &WorkloadAccess,
        provider: &ProviderName,
    ) -> bool {
        self.policy_of(access)
            .is_some_and(|policy| policy.allows(action, provider))
    }

    /// Returns the policy of an access, if the policy accepts the JWT.
    pub(super) fn policy_of(&self, access: &WorkloadAccess) -> Option<&Policy> {
        let mut policies = self.policies.iter();
        policies.find(|policy| policy.name == access.binding.workload)
    }
}

impl Workloads {
    /// Returns what the store records about a workload that requests a link at a provider. `key` is the hash of the
    /// link's new key; `None` for a relink.
    pub(crate) fn linking(
        &self,
        workload: &VerifiedWorkload,
        provider: &ProviderName,
        key: Option<&KeyedHash>,
    ) -> Result<LinkingWorkload, WorkloadRefusal> {
        let policy = workload.linking_policy(provider)?;
        let binding = key.map(|key| {
            let binding = WorkloadBinding {
                workload: policy.name.clone(),
                issuer: workload.issuer.clone(),
                claims: workload.bound.clone(),
            };
            NewWorkload {
                mac: self.vault.workload_mac(key, &binding),
                identity: workload.identity,
                binding,
            }
        });
        Ok(LinkingWorkload {
            token: workload.token,
            binding,
        })
    }
}
