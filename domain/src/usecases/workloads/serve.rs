use std::net::IpAddr;

use super::record::RefusalReason;
use super::{VerifiedWorkload, Workloads};
use crate::audit::Actor;
use crate::grant::{AccountId, KeyBinding};
use crate::link::LinkCode;
use crate::secret::WorkloadToken;
use crate::usecases::account_reader::NO_SUCH_ACCOUNT;
use crate::usecases::{Caller, Coded, Refusal};
use crate::workload::{Permission, Rule, WorkloadAccess, WorkloadRefusal};

/// A request with the JWT of a workload.
#[derive(Clone, Copy)]
pub struct WorkloadCall<'a> {
    /// The JWT.
    pub token: &'a WorkloadToken,
    /// Where the request comes from.
    pub address: IpAddr,
    /// Whether the request is a `HEAD`, which does not count as a use.
    pub is_head: bool,
}

/// What a workload requests with the rights of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadAction<'a> {
    /// The status of the link with this code.
    Poll(&'a str),
    /// The confirmation of the link with this code.
    Confirm(&'a str),
    /// The token of the account with this id, or of the only account that the workload may read.
    Token(Option<&'a str>),
    /// The account with this number.
    Account(AccountId),
}

impl WorkloadAction<'_> {
    /// Returns the name of the action in the audit log, which never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll(_) => "poll",
            Self::Confirm(_) => "confirm",
            Self::Token(_) => "token",
            Self::Account(_) => "account",
        }
    }
}

impl Workloads {
    /// Recognises a workload, calls `work` with the workload's key as the caller, and records the result. For somebody
    /// else's link, `work` gets [`Caller::Nobody`].
    ///
    /// # Errors
    /// [`Refusal::WorkloadRefused`] with the rule that the JWT violates, [`Refusal::ProviderUnavailable`] if the
    /// signing keys of the issuer are not known, [`Refusal::NotFound`] for an account that the workload may not read,
    /// [`Refusal::Unprocessable`] if the workload may read several accounts and names none, [`Refusal::LinkPending`]
    /// while its link is open, and the errors of `work`.
    pub async fn serve<T, E, W>(
        &self,
        call: WorkloadCall<'_>,
        action: WorkloadAction<'_>,
        work: impl FnOnce(Caller) -> W,
    ) -> Result<T, E>
    where
        E: From<Refusal> + Coded,
        W: Future<Output = Result<T, E>>,
    {
        let workload = self.recognise(call, action.as_str()).await?;
        let unanswered = self.unanswered(&workload);
        let caller = match self.caller(&workload, action).await {
            Ok(caller) => caller,
            Err(refusal) => {
                unanswered.mark_answered();
                return Err(self.refuse(&workload.context, refusal).into());
            }
        };
        let (actor, is_stranger) = (Actor::from(&caller), matches!(caller, Caller::Nobody));
        let outcome = work(caller).await;
        unanswered.mark_answered();
        match &outcome {
            Ok(_) if is_stranger => {
                self.note_refusal(&workload.context, RefusalReason::Rule(Rule::Linked));
            }
            Ok(_) => self.accept(&workload.context, actor),
            // Not recorded: some programs poll too fast, which says nothing about the workload.
            Err(error) if error.is_too_soon() => {}
            Err(error) => self.note_refusal(&workload.context, RefusalReason::Code(error.code())),
        }
        outcome
    }

    /// Records that a request with a workload's JWT was rejected before any operation recognised the workload: the
    /// request is not valid, or the operation is not for workloads. `code` is the error code of the response.
    pub async fn record_rejection(
        &self,
        call: WorkloadCall<'_>,
        action: &'static str,
        code: &'static str,
    ) {
        // If the JWT violates a rule, `recognise` has recorded the rule.
        if let Ok(workload) = self.recognise(call, action).await {
            self.note_refusal(&workload.context, RefusalReason::Code(code));
        }
    }

    async fn caller(
        &self,
        workload: &VerifiedWorkload,
        action: WorkloadAction<'_>,
    ) -> Result<Caller, Refusal> {
        let access = match action {
            WorkloadAction::Poll(code) | WorkloadAction::Confirm(code) => {
                self.of_link(workload, code).await?
            }
            WorkloadAction::Token(named) => Some(self.of_token(workload, named).await?),
            WorkloadAction::Account(id) => Some(self.of_account(workload, id).await?),
        };
        let Some(access) = access else {
            return Ok(Caller::Nobody);
        };
        let (key, context) = (access.key.clone(), &workload.context);
        self.keys.admit(key, context.address, context.is_head)
    }

    /// Returns the access whose key started the link with this code; `None` if another caller has started the
    /// link, or if no policy allows the link any more.
    async fn of_link<'a>(
        &self,
        workload: &'a VerifiedWorkload,
        code: &str,
    ) -> Result<Option<&'a WorkloadAccess>, Refusal> {
        let code = LinkCode::parse(code)?;
        let hash = self.vault.hash_link_code(&code);
        let Some(link) = self.links.find_link(&hash).await? else {
            return Ok(None);
        };
        let mut accesses = workload.accesses.iter();
        let own = accesses.find(|access| access.key.id == link.key);
        Ok(own.filter(|access| workload.allows(Permission::Link, access, &link.provider)))
    }

    async fn of_token<'a>(
        &self,
        workload: &'a VerifiedWorkload,
        named: Option<&str>,
    ) -> Result<&'a WorkloadAccess, Refusal> {
        let readable = self.readable(workload).await?;
        if let Some(name) = named {
            let found = readable.iter().find(|(_, id)| id.to_string() == name);
            return found.map(|(access, _)| *access).ok_or(NO_SUCH_TARGET);
        }
        let Some((access, account)) = readable.first() else {
            return Err(self.nothing_to_read(workload));
        };
        if readable.iter().any(|(_, other)| other != account) {
            return Err(Refusal::Unprocessable(SEVERAL_ACCOUNTS.to_owned()));
        }
        Ok(access)
    }

    async fn of_account<'a>(
        &self,
        workload: &'a VerifiedWorkload,
        id: AccountId,
    ) -> Result<&'a WorkloadAccess, Refusal> {
        let readable = self.readable(workload).await?;
        let found = readable.iter().find(|(_, account)| *account == id);
        found.map(|(access, _)| *access).ok_or(NO_SUCH_ACCOUNT)
    }

    /// Returns the accounts that a workload may read under the current policies.
    async fn readable<'a>(
        &self,
        workload: &'a VerifiedWorkload,
    ) -> Result<Vec<(&'a WorkloadAccess, AccountId)>, Refusal> {
        let mut readable = Vec::new();
        for access in &workload.accesses {
            let Some(id) = access.key.binding.account() else {
                continue;
            };
            let account = match self.accounts.get(id).await {
                // The account was deleted after the workload was read.
                Err(Refusal::NotFound(_)) => continue,
                account => account?,
            };
            if workload.allows(Permission::Token, access, &account.key.provider) {
                readable.push((access, id));
            }
        }
        Ok(readable)
    }

    fn nothing_to_read(&self, workload: &VerifiedWorkload) -> Refusal {
        let now = self.clock.now();
        let is_open = |access: &WorkloadAccess| match &access.key.binding {
            KeyBinding::Link(link) => {
                !link.status(now).is_final() && workload.policy_of(access).is_some()
            }
            KeyBinding::Account { .. } => false,
        };
        if workload.accesses.iter().any(is_open) {
            return Refusal::LinkPending;
        }
        let mut accesses = workload.accesses.iter();
        let refusal = if let Some(access) =
            accesses.find(|access| access.key.binding.account().is_some())
        {
            let detail = format!(
                "the account was linked or granted under the policy {}, which does not let this workload read the token",
                access.binding.workload
            );
            WorkloadRefusal::new(Rule::Policy, detail)
        } else {
            let detail = format!(
                "no account is linked to this workload or granted to it ({})",
                workload.bound
            );
            WorkloadRefusal::new(Rule::Linked, detail)
        };
        refusal.into()
    }
}

/// The detail for a workload that may read several accounts and names none.
pub const SEVERAL_ACCOUNTS: &str = "this workload may read several accounts; name one with POST /oauth/token and audience=ACCOUNT_ID";
/// The refusal for an account that a workload may not read, whether or not the account exists.
const NO_SUCH_TARGET: Refusal = Refusal::NotFound("there is no such account for this workload");
