//! Who calls, and which account they may use.

use std::ops::Deref;
use std::sync::Arc;

use super::Refusal;
use super::operators::Operator;
use crate::grant::{AccountId, KeyBinding, KeyHolder, StoredTokens};
use crate::operator::{OperatorName, OperatorRole};
use crate::ports::OpenedKey;
use crate::time::Timestamp;

/// Who has sent a request, as the bearer token shows.
pub enum Caller {
    /// The request has no bearer token.
    Nobody,
    /// An operator who may do everything except read tokens.
    Admin(OperatorName),
    /// An operator who may read what an admin may read, but change nothing.
    Auditor(OperatorName),
    /// A holder of the enrolment key.
    Enroller(OperatorName),
    /// A holder of an access key.
    Key(PresentedKey),
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

/// The access key of a request. Contains the tokens of its account if they were read together with the key.
pub struct PresentedKey(Arc<OpenedKey>);

impl PresentedKey {
    /// Returns the tokens of the key's account as they were at most half a second ago, if they were read with the key.
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
    /// Wraps a key that was read without tokens.
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

/// Fails unless the caller is an admin or an auditor. Other valid keys get `refused`.
pub(super) fn require_auditor(
    caller: &Caller,
    now: Timestamp,
    refused: Refusal,
) -> Result<(), Refusal> {
    match caller {
        Caller::Admin(_) | Caller::Auditor(_) => Ok(()),
        Caller::Nobody => Err(KEY_NEEDED),
        Caller::Enroller(_) => Err(refused),
        // `account_of` refuses a key without an account as in every other operation.
        Caller::Key(key) => account_of(key, now).and(Err(refused)),
    }
}

/// Returns the account to which a key gives access.
///
/// # Errors
/// [`Refusal::LinkPending`] before the key's link is complete, [`Refusal::Unauthorized`] once the link has ended
/// without an account.
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

/// The refusal for a bearer that is no key of this service.
pub const UNKNOWN_KEY: Refusal =
    Refusal::Unauthorized("the key is unknown or revoked, or its link ended without an account");
/// The refusal for a key whose row was altered. The response is the same as for an unknown key; only the log says more.
pub(super) const ALTERED_KEY: Refusal = UNKNOWN_KEY;
/// The refusal for a request without a key.
pub const KEY_NEEDED: Refusal = Refusal::Unauthorized(
    "authentication required: send an access key as `Authorization: Bearer <key>`",
);
/// The refusal for an auditor who tries to change something.
pub const AUDITING_ONLY: Refusal = Refusal::Forbidden("an auditor's key may only read");
/// The refusal for a reader key that tries to change something.
pub const READING_ONLY: Refusal =
    Refusal::Forbidden("this key may only read the token and the account");
/// The refusal for a workload that requests more than it may.
pub const NOT_FOR_WORKLOADS: Refusal = Refusal::Forbidden(
    "a workload may only request and poll link codes, and read its token and account",
);
