use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use crate::fault::{Fault, FaultCode};
use crate::grant::revocation::Revocation;
use crate::grant::{AccessKeyId, Account, AccountId, AccountStatus, KeyRecord};
use crate::link::Link;
use crate::observe::{LinkEnd, RevocationOutcome, words};
use crate::operator::{OperatorName, OperatorRole};

words! {
    /// A kind of entry. Programs filter by these words, so they never change.
    AuditKind {
        /// A link code was issued.
        LinkStarted => "link.started",
        /// No link code was issued, because the caller's network may not link new accounts.
        LinkRefused => "link.refused",
        /// An operator has created a relink URL for an account.
        LinkInvited => "link.invited",
        /// A person has confirmed a link code on the page.
        LinkConfirmed => "link.confirmed",
        /// The person has consented, and the link waits for its return code.
        LinkConfirming => "link.confirming",
        /// A wrong return code was sent with the key of the link.
        LinkWrongReturnCode => "link.wrong_return_code",
        /// A link has led to an account. Its key now gives access to the account.
        LinkLinked => "link.linked",
        /// A link has ended without an account.
        LinkEnded => "link.ended",
        /// Access tokens were returned to clients, counted per key and network.
        TokenHandedOut => "token.handed_out",
        /// A refresh has failed, with a different status or error code than before.
        RefreshFailed => "refresh.failed",
        /// An operator has requested a refresh.
        RefreshRequested => "refresh.requested",
        /// A refresh has succeeded after failures, or after the grant had ended.
        RefreshRecovered => "refresh.recovered",
        /// A grant has ended: a person must consent again.
        RelinkRequired => "refresh.relink_required",
        /// A grant ends soon, and no refresh can extend it.
        ExpiresSoon => "grant.expires_soon",
        /// A revocation has ended.
        RevocationEnded => "revocation.ended",
        /// An account was deleted, with its tokens and keys.
        AccountDeleted => "account.deleted",
        /// An access key was created for an account.
        KeyCreated => "key.created",
        /// An access key was deleted.
        KeyDeleted => "key.deleted",
        /// A workload was authenticated by its JWT, and its request succeeded.
        WorkloadAccepted => "workload.accepted",
        /// The JWT of a workload was refused.
        WorkloadRefused => "workload.refused",
        /// Bearer tokens were refused, counted per network.
        BearerRefused => "bearer.refused",
        /// An operator's key was used, counted per network.
        OperatorUsed => "operator.used",
        /// An operator has logged in on the page `/admin`.
        AdminLoggedIn => "admin.logged_in",
        /// A key was refused on the page `/admin`.
        AdminRefused => "admin.refused",
        /// An operator has logged out.
        AdminLoggedOut => "admin.logged_out",
        /// A webhook receiver was added. It gets all later events.
        ReceiverAdded => "webhook.receiver_added",
        /// The stored row of a webhook receiver was changed or deleted from outside the service. Events are sent again.
        ReceiverAltered => "webhook.receiver_altered",
        /// A process of the service has started. The entry describes its configuration.
        ServiceStarted => "service.started",
        /// The keys of operators were reloaded while the service was running.
        OperatorsReloaded => "operators.reloaded",
        /// Some entries were not written by this service, so they were not added to the log.
        EntriesRejected => "audit.rejected",
        /// The log was changed from outside the service. The chain continues after a gap.
        ChainBroken => "audit.broken",
    }
}

impl AuditKind {
    /// Whether callers without a key can cause events of this kind. Beyond a limit, such events are counted instead of
    /// recorded individually, so that strangers cannot fill the store.
    pub const fn is_open_to_strangers(self) -> bool {
        matches!(
            self,
            Self::LinkStarted
                | Self::LinkRefused
                | Self::LinkConfirmed
                | Self::LinkConfirming
                | Self::LinkWrongReturnCode
                | Self::LinkEnded
                | Self::BearerRefused
                | Self::WorkloadRefused
                | Self::AdminRefused
        )
    }
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The service itself.
    Service,
    /// A person, on the page or at the provider.
    Person,
    /// A caller without a key, or with an unknown key.
    Anonymous,
    /// The holder of an operator's key.
    Operator(OperatorRole, OperatorName),
    /// A holder of an access key.
    Key(AccessKeyId),
}

impl Display for Actor {
    /// Formats the role and the name of an operator's key. Leaves out a name that is the word of the role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("service"),
            Self::Person => f.write_str("person"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Operator(role, name) => {
                f.write_str(match role {
                    OperatorRole::Admin => "admin",
                    OperatorRole::Auditor => "auditor",
                    OperatorRole::Enroll => "enroller",
                })?;
                if *name == OperatorName::of_role(*role) {
                    return Ok(());
                }
                write!(f, ":{name}")
            }
            Self::Key(key) => write!(f, "key:{key}"),
        }
    }
}

/// An event: its kind, its account, its key, and a few named codes.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    pub(super) kind: AuditKind,
    pub(super) account: Option<AccountId>,
    pub(super) key: Option<AccessKeyId>,
    pub(super) detail: String,
}

impl AuditEvent {
    /// Maximum length of a value in bytes.
    pub const LONGEST_VALUE: usize = 200;
    /// The word in place of a value that is not a code. Such a value may be a provider's text, an e-mail address or a
    /// secret.
    const NO_CODE: &str = "other";

    /// Creates an event of a kind.
    pub const fn new(kind: AuditKind) -> Self {
        Self {
            kind,
            account: None,
            key: None,
            detail: String::new(),
        }
    }

    /// Returns the kind.
    pub const fn kind(&self) -> AuditKind {
        self.kind
    }

    /// Sets the account that the event is about.
    pub fn account(self, account: AccountId) -> Self {
        let account = Some(account);
        Self { account, ..self }
    }

    /// Sets the key that the event is about.
    pub fn key(self, key: AccessKeyId) -> Self {
        let key = Some(key);
        Self { key, ..self }
    }

    /// Adds a code or a number to the detail. Replaces a value with `other` if the value is empty, is too long, or has
    /// characters other than letters, digits and `._:/,-`. So the log contains no text of a provider and no e-mail
    /// address.
    pub fn with(self, name: &'static str, value: impl Display) -> Self {
        let value = value.to_string();
        let is_code = !value.is_empty()
            && value.len() <= Self::LONGEST_VALUE
            && value.bytes().all(Self::is_code);
        self.pair(name, if is_code { &value } else { Self::NO_CODE })
    }

    const fn is_code(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b',' | b'-')
    }

    fn pair(mut self, name: &'static str, value: &str) -> Self {
        let separator = if self.detail.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(self.detail, "{separator}{name}={value}");
        self
    }

    /// Adds a name from a trusted issuer to the detail. Percent-encodes characters that [`AuditEvent::with`] does not
    /// allow, and truncates a long name.
    pub fn named(self, name: &'static str, value: &str) -> Self {
        let mut encoded = String::new();
        for c in value.chars() {
            let mut utf8 = [0; 4];
            let bytes = c.encode_utf8(&mut utf8).bytes();
            let part: String = match c.is_ascii() && Self::is_code(c as u8) {
                true => c.into(),
                false => bytes.map(|byte| format!("%{byte:02X}")).collect(),
            };
            if encoded.len() + part.len() > Self::LONGEST_VALUE {
                break;
            }
            encoded.push_str(&part);
        }
        self.pair(name, &encoded)
    }

    /// Adds the code of a fault to the detail. Replaces the code with `other` if it is long or has characters other
    /// than lower-case letters and underscores, because a provider may have chosen the code.
    pub fn code(self, code: &str) -> Self {
        const LONGEST: usize = 40;
        let is_code = |b: u8| b.is_ascii_lowercase() || b == b'_';
        let is_code = code.len() <= LONGEST && code.bytes().all(is_code);
        self.with("code", if is_code { code } else { Self::NO_CODE })
    }

    /// Creates the event for a new access key.
    pub fn key_created(account: AccountId, key: &KeyRecord) -> Self {
        Self::new(AuditKind::KeyCreated)
            .account(account)
            .key(key.id)
    }

    /// Creates the event for a deleted access key.
    pub(super) fn key_deleted(account: AccountId, key: AccessKeyId) -> Self {
        Self::new(AuditKind::KeyDeleted).account(account).key(key)
    }

    /// Creates the event for a deleted account.
    pub fn account_deleted(account: &Account) -> Self {
        Self::of_account(AuditKind::AccountDeleted, account)
    }

    /// Creates the event for a new link code.
    pub fn link_started(link: &Link) -> Self {
        let event = Self::of_link(AuditKind::LinkStarted, link);
        match link.relink_of {
            Some(account) => event.account(account).with("relink", true),
            None => event,
        }
    }

    /// Creates the event for a link that has led to an account.
    pub fn linked(link: &Link, account: &Account) -> Self {
        Self::of_link(AuditKind::LinkLinked, link).account(account.id)
    }

    /// Creates the event for a link that has ended without an account.
    pub fn link_ended(link: &Link, outcome: LinkEnd, code: Option<&str>) -> Self {
        let event = Self::of_link(AuditKind::LinkEnded, link).with("outcome", outcome.as_str());
        code.into_iter().fold(event, Self::code)
    }

    /// Returns the event for the change that a refresh has made to an account: a new failure, the end of the grant, or
    /// the recovery. `None` if nothing of this has changed.
    pub fn of_refresh(before: &Account, after: &Account) -> Option<Self> {
        // The service does not record that it marks an account after a restore, so it does not record the recovery
        // either.
        let is_restored = |fault: &Fault| fault.code == FaultCode::RestoredFromBackup;
        let is_well = |account: &Account| {
            account.status == AccountStatus::Active
                || account.last_error.as_ref().is_some_and(is_restored)
        };
        let code = |account: &Account| Some(account.last_error.as_ref()?.code.clone());
        let event = |kind| Self::of_account(kind, after);
        if is_well(after) {
            return (!is_well(before)).then(|| event(AuditKind::RefreshRecovered));
        }
        let is_new = before.status != after.status || code(before) != code(after);
        let kind = match after.status {
            AccountStatus::RelinkRequired => AuditKind::RelinkRequired,
            AccountStatus::Active | AccountStatus::Degraded => AuditKind::RefreshFailed,
        };
        is_new.then(|| event(kind).code(code(after).as_deref().unwrap_or_default()))
    }

    /// Creates the event for a grant that ends soon and that no refresh can extend.
    pub fn ends_soon(account: &Account, left: Duration) -> Self {
        Self::of_account(AuditKind::ExpiresSoon, account).with("seconds_left", left.as_secs())
    }

    /// Creates the event for a revocation that has ended.
    pub fn revocation_ended(
        revocation: &Revocation,
        outcome: RevocationOutcome,
        code: Option<&str>,
    ) -> Self {
        let event = Self::new(AuditKind::RevocationEnded)
            .with("revocation", revocation.id)
            .with("provider", &revocation.provider)
            .with("outcome", outcome.as_str());
        let event = code.into_iter().fold(event, Self::code);
        revocation.account.into_iter().fold(event, Self::account)
    }

    pub(crate) fn of_account(kind: AuditKind, account: &Account) -> Self {
        let provider = &account.key.provider;
        Self::new(kind)
            .account(account.id)
            .with("provider", provider)
    }

    pub(crate) fn of_link(kind: AuditKind, link: &Link) -> Self {
        Self::new(kind)
            .key(link.key)
            .with("link", link.id.0)
            .with("provider", &link.provider)
    }
}
