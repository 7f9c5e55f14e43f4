//! Lists, grants and withdraws the workloads of an account.

use std::net::IpAddr;

use super::Workloads;
use crate::grant::{AccessKeyId, AccountId, KeyLimits, KeyRole, NewKey};
use crate::ports::Descendants;
use crate::secret::AccessKey;
use crate::usecases::keys::{maker, maker_expiry};
use crate::usecases::page::Page;
use crate::usecases::{Caller, Refusal};
use crate::workload::{
    ClaimList, NewWorkload, Permission, Policy, TrustedIssuer, WorkloadBinding, WorkloadRecord,
};

/// One page of an account's workloads.
pub type WorkloadPage = Page<WorkloadRecord, AccessKeyId>;

/// A request to let a workload read an account.
#[derive(Debug, Clone)]
pub struct WorkloadRequest {
    /// The name of the workload's policy.
    pub workload: String,
    /// The immutable claims that identify the workload, with their values.
    pub claims: Vec<(String, String)>,
}

/// The refusal for a workload that the account does not have.
pub const NO_SUCH_WORKLOAD: Refusal = Refusal::NotFound("the account has no such workload");
/// The detail for a workload name that no policy has.
pub const NO_SUCH_POLICY: &str = "there is no workload of this name in the configuration";

impl Workloads {
    /// Lists the workloads of an account.
    ///
    /// # Errors
    /// [`Refusal`]: the key is not valid, the account does not exist, or the store fails.
    pub async fn list(
        &self,
        caller: &Caller,
        id: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<WorkloadPage, Refusal> {
        self.accounts.with_listable_keys(caller, id).await?;
        let found = self.store.workloads(id, after, limit.saturating_add(1));
        let mut found = found.await?;
        for workload in &mut found {
            workload.last_used_at = self.keys.last_used(workload.id, workload.last_used_at);
        }
        Ok(Page::cut(found, limit, |workload| workload.id))
    }

    /// Lets a workload read the token and the account. This access expires with the requesting key.
    ///
    /// # Errors
    /// As [`Workloads::list`]. [`Refusal::Unprocessable`]: the policy is unknown; it does not allow reading tokens of
    /// this provider; the claims are not exactly the immutable claims of the issuer; the policy does not allow their
    /// values; or the account has too many keys.
    pub async fn grant(
        &self,
        caller: &Caller,
        id: AccountId,
        request: WorkloadRequest,
        address: IpAddr,
    ) -> Result<WorkloadRecord, Refusal> {
        let account = self.accounts.owned(caller, id).await?;
        let (policy, issuer) = self.policy(&request.workload)?;
        if !policy.allows(Permission::Token, &account.key.provider) {
            let provider = &account.key.provider;
            let detail = format!(
                "the workload {} may not read tokens of {provider}",
                policy.name
            );
            return Err(Refusal::Unprocessable(detail));
        }
        let binding = WorkloadBinding {
            workload: policy.name.clone(),
            issuer: issuer.url.clone(),
            claims: claims(issuer, policy, &request.claims)?,
        };
        // Nobody holds this key, because the workload authenticates with its JWT.
        let hash = self
            .vault
            .hash_access_key(&AccessKey::generate(&self.entropy));
        let workload = NewWorkload {
            identity: self.vault.hash_workload(&issuer.url, &binding.claims),
            mac: self.vault.workload_mac(&hash, &binding),
            binding: binding.clone(),
        };
        let key = NewKey {
            account: id,
            hash,
            name: format!("workload {}", policy.name),
            maker: maker(caller),
            limits: KeyLimits::default(),
            created_at: self.clock.now(),
            expires_at: maker_expiry(caller),
            workload: Some(workload),
        };
        let record = self
            .keys
            .store_new(key, caller, address, "keys and workloads")
            .await?;
        tracing::info!(
            account = id.0,
            key = record.id.0,
            workload = policy.name,
            "workload granted"
        );
        Ok(WorkloadRecord {
            id: record.id,
            binding,
            role: KeyRole::Reader,
            created_at: record.created_at,
            expires_at: record.expires_at,
            last_used_at: None,
        })
    }

    /// Withdraws a workload's access to an account, and ends the open relinks that the workload has started.
    ///
    /// # Errors
    /// As [`Workloads::list`]. Also if the account has no such workload.
    pub async fn withdraw(
        &self,
        caller: &Caller,
        id: AccountId,
        workload: AccessKeyId,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        self.accounts.owned(caller, id).await?;
        if !self.store.is_workload(id, workload).await? {
            return Err(NO_SUCH_WORKLOAD);
        }
        self.keys
            .delete(caller, id, workload, Descendants::Kept, address)
            .await
    }

    fn policy(&self, name: &str) -> Result<(&Policy, &TrustedIssuer), Refusal> {
        let trust = self.trust.as_ref();
        let found = trust.and_then(|trust| {
            let policy = trust.policies.iter().find(|policy| policy.name == name)?;
            let mut issuers = trust.issuers.iter();
            let issuer = issuers.find(|issuer| issuer.name == policy.issuer)?;
            Some((policy, issuer))
        });
        found.ok_or_else(|| Refusal::Unprocessable(NO_SUCH_POLICY.to_owned()))
    }
}

/// Checks the claims of a request. Returns them in the order of the issuer's immutable claims.
fn claims(
    issuer: &TrustedIssuer,
    policy: &Policy,
    given: &[(String, String)],
) -> Result<ClaimList, Refusal> {
    let needed = &issuer.immutable_claims;
    let is_plain =
        |text: &str| !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
    let is_complete = given.len() == needed.len();
    let value = |name: &String| {
        let mut given = given.iter();
        let found = given.find_map(|(known, value)| (known == name).then_some(value))?;
        is_plain(found).then(|| (name.clone(), found.clone()))
    };
    let claims: Option<ClaimList> = needed
        .iter()
        .map(value)
        .collect::<Option<Vec<_>>>()
        .map(ClaimList::from_iter);
    let Some(claims) = claims.filter(|_| is_complete) else {
        let detail = format!("claims must be exactly {}, as texts", needed.join(", "));
        return Err(Refusal::Unprocessable(detail));
    };
    for (name, value) in claims.iter() {
        if policy
            .claims
            .get(name)
            .is_some_and(|allowed| !allowed.iter().any(|known| known == value))
        {
            let detail = format!(
                "the policy of the workload {} does not allow this {name}",
                policy.name
            );
            return Err(Refusal::Unprocessable(detail));
        }
    }
    Ok(claims)
}
