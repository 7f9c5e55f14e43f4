//! A workload that has presented a valid JWT, and what it may do.

use std::net::IpAddr;

use super::Workloads;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::{AccountId, KeyBinding, KeyHolder, KeyRole, ProviderName};
use crate::link::LinkCode;
use crate::observe::BearerRefusal;
use crate::ports::{LinkingWorkload, SingleUse};
use crate::secret::{KeyedHash, WorkloadToken};
use crate::time::Timestamp;
use crate::usecases::accounts::NO_SUCH_ACCOUNT;
use crate::usecases::{Caller, Refusal};
use crate::workload::{
    Action, Facts, NewWorkload, Policy, Rule, WorkloadBinding, WorkloadGrant, WorkloadRefusal,
};

/// A workload that has presented a valid JWT. The policies accept it, and each of its grants belongs to one of them.
pub struct ShownWorkload {
    pub(super) issuer: String,
    pub(super) subject: Option<String>,
    pub(super) run: Option<String>,
    pub(super) facts: Facts,
    pub(super) bound: Facts,
    pub(super) token: SingleUse,
    pub(super) identity: KeyedHash,
    pub(super) policies: Vec<Policy>,
    pub(super) grants: Vec<WorkloadGrant>,
}

impl ShownWorkload {
    /// What the page shows of it.
    pub(in crate::usecases) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The hash by which it is looked up.
    pub(in crate::usecases) const fn identity(&self) -> KeyedHash {
        self.identity
    }

    /// Returns the only provider at which it may link, if there is only one.
    pub(in crate::usecases) fn only_provider(&self) -> Option<&ProviderName> {
        let linking = self.policies.iter();
        let linking = linking.filter(|policy| policy.may.contains(&Action::Link));
        let mut providers = linking.flat_map(|policy| &policy.providers);
        let first = providers.next()?;
        providers.all(|other| other == first).then_some(first)
    }

    /// Returns the policy under which it links an account: one that also allows reading the token, if there is one.
    fn linking_policy(&self, provider: &ProviderName) -> Result<&Policy, WorkloadRefusal> {
        let allowing = || {
            self.policies
                .iter()
                .filter(|policy| policy.allows(Action::Link, provider))
        };
        let reading = allowing().find(|policy| policy.may.contains(&Action::Token));
        reading.or_else(|| allowing().next()).ok_or_else(|| {
            let detail = format!("no policy lets this workload link an account of {provider}");
            WorkloadRefusal::new(Rule::Policy, detail)
        })
    }

    /// Returns the keys with which it has linked accounts.
    pub(in crate::usecases) fn owned(&self) -> impl Iterator<Item = (&KeyHolder, AccountId)> {
        let owners = self
            .grants
            .iter()
            .filter(|it| it.key.role == KeyRole::Owner);
        owners.filter_map(|grant| Some((&grant.key, account(grant)?)))
    }

    fn named(&self) -> Named<'_> {
        Named {
            issuer: &self.issuer,
            subject: self.subject.as_deref(),
            run: self.run.as_deref(),
        }
    }

    fn allows(&self, action: Action, grant: &WorkloadGrant, provider: &ProviderName) -> bool {
        let mut policies = self.policies.iter();
        policies
            .any(|policy| policy.name == grant.binding.workload && policy.allows(action, provider))
    }
}

/// What logs call a workload.
pub(super) struct Named<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) run: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// A workload whose token is not verified: nothing but the issuer that it names is worth a log line.
    pub(super) const fn unproven(issuer: &'a str) -> Self {
        Self {
            issuer,
            subject: None,
            run: None,
        }
    }

    /// An audit event about it.
    fn event(&self, kind: AuditKind) -> AuditEvent {
        let mut event = AuditEvent::new(kind).with("issuer", self.issuer);
        for (name, value) in [("subject", self.subject), ("run", self.run)] {
            event = value
                .into_iter()
                .fold(event, |event, it| event.with(name, it));
        }
        event
    }
}

fn account(grant: &WorkloadGrant) -> Option<AccountId> {
    grant.key.binding.account()
}

impl Workloads {
    /// Logs that a workload's request was accepted.
    pub(in crate::usecases) fn accepted(
        &self,
        shown: &ShownWorkload,
        action: &'static str,
        actor: Actor,
        address: Option<IpAddr>,
    ) {
        let named = shown.named();
        let Named {
            issuer,
            subject,
            run,
        } = named;
        tracing::info!(issuer, subject, run, action, "workload accepted");
        let event = named.event(AuditKind::WorkloadAccepted);
        self.audit
            .record(event.with("action", action), actor, address);
    }

    /// Refuses a workload although its token is valid. As [`Workloads::refuse`].
    pub(in crate::usecases) fn refused(
        &self,
        shown: &ShownWorkload,
        refusal: WorkloadRefusal,
        address: Option<IpAddr>,
    ) -> Refusal {
        self.refuse(&shown.named(), refusal, address)
    }

    /// Records and logs that a token is refused. Returns the answer: [`Refusal::TooManyUnknownKeys`], and no line in the log,
    /// where the network has tried too many.
    pub(super) fn refuse(
        &self,
        named: &Named<'_>,
        refusal: WorkloadRefusal,
        address: Option<IpAddr>,
    ) -> Refusal {
        let rule = refusal.rule;
        let event = named.event(AuditKind::WorkloadRefused).with("rule", rule);
        self.audit.record(event, Actor::Anonymous, address);
        let how = BearerRefusal::Workload;
        let counted = address.map_or(Ok(()), |from| self.keys.within_refusals(how, from));
        if let Err(too_many) = counted {
            return too_many;
        }
        let Named {
            issuer,
            subject,
            run,
        } = named;
        tracing::info!(issuer, subject, run, %rule, "workload refused");
        refusal.into()
    }

    /// Records that a workload has asked for an account that it may not read, or has not said which one it wants.
    fn refuse_account(&self, shown: &ShownWorkload, address: IpAddr) {
        let event = shown.named().event(AuditKind::WorkloadRefused);
        let event = event.with("rule", Rule::Linked);
        self.audit.record(event, Actor::Anonymous, Some(address));
    }

    /// Returns what is stored of a workload that requests a link at a provider. `key` is the hash of the link's new
    /// key; without one the link is a relink.
    pub(in crate::usecases) fn linking(
        &self,
        shown: &ShownWorkload,
        provider: &ProviderName,
        key: Option<&KeyedHash>,
    ) -> Result<LinkingWorkload, WorkloadRefusal> {
        let policy = shown.linking_policy(provider)?;
        let binding = key.map(|key| {
            let binding = WorkloadBinding {
                workload: policy.name.clone(),
                issuer: shown.issuer.clone(),
                claims: shown.bound.clone(),
            };
            NewWorkload {
                mac: self.vault.workload_mac(key, &binding),
                identity: shown.identity,
                binding,
            }
        });
        Ok(LinkingWorkload {
            token: shown.token,
            binding,
        })
    }

    /// Recognises a workload that polls a link: as the link's key if the link is its own, otherwise as a stranger.
    ///
    /// # Errors
    /// As [`Workloads::recognise`].
    pub async fn for_link(
        &self,
        token: &WorkloadToken,
        code: &str,
        address: IpAddr,
    ) -> Result<Caller, Refusal> {
        let shown = self.recognise(token, address).await?;
        let code = LinkCode::parse(code)?;
        let hash = self.vault.hash_link_code(&code);
        let Some(link) = self.links.find_link(&hash).await? else {
            return Ok(Caller::Nobody);
        };
        let mut grants = shown.grants.iter();
        let own = grants.find(|grant| grant.key.id == link.key);
        let own = own.filter(|grant| shown.allows(Action::Link, grant, &link.provider));
        let Some(grant) = own else {
            return Ok(Caller::Nobody);
        };
        self.admitted(&shown, grant, "poll", address)
    }

    /// Recognises a workload that wants the token of an account, or of the only account that it may read.
    ///
    /// # Errors
    /// As [`Workloads::recognise`]; [`Refusal::NotFound`] if it may not read the named account;
    /// [`Refusal::Unprocessable`] if it may read several and names none; [`Refusal::LinkPending`] while its link is open.
    pub async fn for_token(
        &self,
        token: &WorkloadToken,
        named: Option<&str>,
        address: IpAddr,
    ) -> Result<Caller, Refusal> {
        let shown = self.recognise(token, address).await?;
        let readable = self.readable(&shown).await?;
        if let Some(name) = named {
            let found = readable.iter().find(|(_, id)| id.to_string() == name);
            let Some((grant, _)) = found else {
                self.refuse_account(&shown, address);
                return Err(NO_SUCH_TARGET);
            };
            return self.admitted(&shown, grant, "token", address);
        }
        let Some((grant, account)) = readable.first() else {
            return Err(self.nothing_to_read(&shown, address));
        };
        if readable.iter().any(|(_, other)| other != account) {
            self.refuse_account(&shown, address);
            return Err(Refusal::Unprocessable(SEVERAL_ACCOUNTS.to_owned()));
        }
        self.admitted(&shown, grant, "token", address)
    }

    /// Recognises a workload that wants to see an account.
    ///
    /// # Errors
    /// As [`Workloads::for_token`].
    pub async fn for_account(
        &self,
        token: &WorkloadToken,
        id: AccountId,
        address: IpAddr,
    ) -> Result<Caller, Refusal> {
        let shown = self.recognise(token, address).await?;
        let readable = self.readable(&shown).await?;
        let found = readable.iter().find(|(_, account)| *account == id);
        let Some((grant, _)) = found else {
            self.refuse_account(&shown, address);
            return Err(NO_SUCH_ACCOUNT);
        };
        self.admitted(&shown, grant, "account", address)
    }

    /// Returns the accounts that a workload may read by the present policies.
    async fn readable<'a>(
        &self,
        shown: &'a ShownWorkload,
    ) -> Result<Vec<(&'a WorkloadGrant, AccountId)>, Refusal> {
        let mut readable = Vec::new();
        for grant in &shown.grants {
            let Some(id) = account(grant) else { continue };
            let account = match self.accounts.get(id).await {
                // Deleted since the workload was read.
                Err(Refusal::NotFound(_)) => continue,
                account => account?,
            };
            if shown.allows(Action::Token, grant, &account.key.provider) {
                readable.push((grant, id));
            }
        }
        Ok(readable)
    }

    fn nothing_to_read(&self, shown: &ShownWorkload, address: IpAddr) -> Refusal {
        let now: Timestamp = self.clock.now();
        let is_open = |grant: &WorkloadGrant| match &grant.key.binding {
            KeyBinding::Link(link) => !link.status(now).is_final(),
            KeyBinding::Account { .. } => false,
        };
        if shown.grants.iter().any(is_open) {
            return Refusal::LinkPending;
        }
        let refusal = if shown.grants.iter().any(|grant| account(grant).is_some()) {
            WorkloadRefusal::new(
                Rule::Policy,
                "no policy lets this workload read the token of its account",
            )
        } else {
            let detail = format!(
                "no account is linked to this workload or granted to it ({})",
                shown.bound
            );
            WorkloadRefusal::new(Rule::Linked, detail)
        };
        self.refused(shown, refusal, Some(address))
    }

    /// Returns the caller for the workload's key, and records what it does.
    fn admitted(
        &self,
        shown: &ShownWorkload,
        grant: &WorkloadGrant,
        action: &'static str,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        let admitted = self.keys.admit(grant.key.clone(), from);
        let caller = admitted.map_err(|refusal| self.keys.refuse_bearer(refusal, from))?;
        self.accepted(shown, action, Actor::Key(grant.key.id), Some(from));
        Ok(caller)
    }
}

/// For a workload that names none of the accounts that it may read.
pub const SEVERAL_ACCOUNTS: &str = "this workload may read several accounts; name one with POST /oauth/token and audience=ACCOUNT_ID";
/// The answer for an account that a workload may not read, whether or not it exists.
const NO_SUCH_TARGET: Refusal = Refusal::NotFound("there is no such account for this workload");
