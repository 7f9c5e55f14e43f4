//! Who calls, and which account they may use.

use std::ops::Deref;
use std::sync::Arc;

use super::Refusal;
use super::operators::Operator;
use crate::grant::{AccountId, KeyBinding, KeyHolder, StoredTokens};
use crate::operator::{OperatorName, OperatorRole};
use crate::ports::OpenedKey;
use crate::time::Timestamp;

/// Who calls.
pub enum Caller {
    /// The request has no bearer token.
    Nobody,
    /// An operator who may do everything but read tokens.
    Admin(OperatorName),
    /// An operator who may read what an admin may read, and change nothing.
    Auditor(OperatorName),
    /// A holder of the enrolment key.
    Enroller(OperatorName),
    /// A holder of an access key.
    Key(PresentedKey),
}

impl Caller {
    /// The holder of an admin key without a name of its own.
    pub const ADMIN: Self = Self::Admin(OperatorName::of_role(OperatorRole::Admin));
    /// The holder of an auditor's key without a name of its own.
    pub const AUDITOR: Self = Self::Auditor(OperatorName::of_role(OperatorRole::Auditor));
    /// The holder of an enrolment key without a name of its own.
    pub const ENROLLER: Self = Self::Enroller(OperatorName::of_role(OperatorRole::Enroll));
}

impl From<&Operator> for Caller {
    fn from(operator: &Operator) -> Self {
        match operator.role {
            OperatorRole::Admin => Self::Admin(operator.name),
            OperatorRole::Auditor => Self::Auditor(operator.name),
            OperatorRole::Enroll => Self::Enroller(operator.name),
        }
    }
}

/// A presented access key, perhaps with the tokens that were read together with it.
pub struct PresentedKey(Arc<OpenedKey>);

impl PresentedKey {
    /// The tokens of its account as they were stored at most half a second ago, if they were read.
    pub(super) fn tokens(&self) -> Option<&StoredTokens> {
        self.0.grant.as_ref().map(|grant| &grant.tokens)
    }
}

impl From<Arc<OpenedKey>> for PresentedKey {
    fn from(opened: Arc<OpenedKey>) -> Self {
        Self(opened)
    }
}

impl From<KeyHolder> for PresentedKey {
    /// A key whose tokens were not read.
    fn from(holder: KeyHolder) -> Self {
        let grant = None;
        Self(Arc::new(OpenedKey { holder, grant }))
    }
}

impl Deref for PresentedKey {
    type Target = KeyHolder;

    fn deref(&self) -> &KeyHolder {
        &self.0.holder
    }
}

/// Fails unless the caller is an operator who may read everything. `refused` is for other valid keys.
pub(super) fn require_auditor(
    caller: &Caller,
    now: Timestamp,
    refused: Refusal,
) -> Result<(), Refusal> {
    match caller {
        Caller::Admin(_) | Caller::Auditor(_) => Ok(()),
        Caller::Nobody => Err(KEY_NEEDED),
        Caller::Enroller(_) => Err(refused),
        // An invalid key is rejected as invalid, as everywhere else.
        Caller::Key(key) => account_of(key, now).and(Err(refused)),
    }
}

/// Returns the account to which a key gives access.
///
/// # Errors
/// [`Refusal::LinkPending`] before the key's link is complete, [`Refusal::Unauthorized`] once it ended without an
/// account.
pub(super) fn account_of(key: &KeyHolder, now: Timestamp) -> Result<AccountId, Refusal> {
    let link = match &key.binding {
        KeyBinding::Account { id, .. } => return Ok(*id),
        KeyBinding::Link(link) => link,
    };
    if link.status(now).is_final() {
        Err(UNKNOWN_KEY)
    } else {
        Err(Refusal::LinkPending)
    }
}

/// For a bearer that is no key of this service.
pub const UNKNOWN_KEY: Refusal =
    Refusal::Unauthorized("the key is unknown or revoked, or its link ended without an account");
/// The response is the same as for an unknown key; only the log says more.
pub(super) const ALTERED_KEY: Refusal = UNKNOWN_KEY;
/// For a request without a key.
pub const KEY_NEEDED: Refusal = Refusal::Unauthorized(
    "authentication required: send an access key as `Authorization: Bearer <key>`",
);
/// For an auditor who tries to change something.
pub const AUDITING_ONLY: Refusal = Refusal::Forbidden("an auditor's key may only read");
/// For a key that was made for an account later.
pub const READING_ONLY: Refusal =
    Refusal::Forbidden("this key may only read the token and the account");
/// For a workload that requests more than it may.
pub const NOT_FOR_WORKLOADS: Refusal = Refusal::Forbidden(
    "a workload may only request and poll link codes, and read its token and account",
);
