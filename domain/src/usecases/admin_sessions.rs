//! Logs operators in and out at the page `/admin`.

use std::net::IpAddr;
use std::sync::Arc;

use super::operators::Operator;
use super::{AuditLog, Caller, Keys, Operators, Ports, Refusal};
use crate::admin_session::AdminSession;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::entropy::Entropy;
use crate::operator::OperatorRole;
use crate::ports::{AdminSessionStore, Clock, StoreError};
use crate::secret::{AccessKey, BrowserToken};
use crate::vault::Vault;

/// Logs operators in and out at the page `/admin`. Only admins and auditors have sessions.
pub struct AdminSessions {
    sessions: Arc<dyn AdminSessionStore>,
    operators: Arc<Operators>,
    keys: Arc<Keys>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    audit: Arc<AuditLog>,
}

const WRONG_KEY: Refusal = Refusal::Unauthorized("this is not the key of an operator");
const OTHER_KEY: Refusal = Refusal::Unauthorized("this is not the key that you logged in with");

impl AdminSessions {
    pub(super) fn new(ports: &Ports, operators: &Arc<Operators>, keys: &Arc<Keys>) -> Self {
        Self {
            sessions: ports.store.clone(),
            operators: Arc::clone(operators),
            keys: Arc::clone(keys),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Whether the key of an admin or an auditor is configured. Without one, nobody can log in.
    pub fn is_open(&self) -> bool {
        self.operators.all().iter().any(|one| caller(one).is_some())
    }

    /// Begins a session. Returns the value of the session cookie.
    ///
    /// # Errors
    /// As [`Keys::refuse_bearer`], if the key is not an admin's or an auditor's. Also when the store fails.
    pub async fn log_in(&self, key: &AccessKey, address: IpAddr) -> Result<BrowserToken, Refusal> {
        let operator = self.operators.find(key);
        let recognised = operator.and_then(|one| Some((caller(&one)?, one)));
        let Some((caller, operator)) = recognised else {
            return Err(self.refuse(WRONG_KEY, Actor::Anonymous, address));
        };
        let (token, now) = (BrowserToken::generate(&self.entropy), self.clock.now());
        let hash = self.vault.hash_session(&token);
        let session = AdminSession {
            token: hash,
            created_at: now,
            seen_at: now,
            mac: self.vault.session_mac(&hash, now, &operator.hash),
        };
        self.sessions.begin_session(&session).await?;
        tracing::info!(operator = %operator.name, %address, "operator logged in");
        self.record(
            AuditKind::AdminLoggedIn,
            &operator,
            Actor::from(&caller),
            address,
        );
        Ok(token)
    }

    /// Returns the operator of a session, if the session has not ended and the operator still has the same key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resume(&self, token: &BrowserToken) -> Result<Option<LoggedInOperator>, Refusal> {
        let (hash, now) = (self.vault.hash_session(token), self.clock.now());
        let Some(session) = self.sessions.session(&hash).await? else {
            return Ok(None);
        };
        let owner = self.operators.all().iter().find_map(|one| {
            let mac = self.vault.session_mac(&hash, session.created_at, &one.hash);
            let is_theirs = mac.is_equal(&session.mac);
            Some((caller(one)?, one.clone())).filter(|_| is_theirs)
        });
        let Some((caller, operator)) = owner.filter(|_| !session.is_over(now)) else {
            self.sessions.end_session(&hash).await?;
            return Ok(None);
        };
        if session.is_use_due(now) {
            self.sessions.note_session_use(&hash, now).await?;
        }
        Ok(Some(LoggedInOperator { caller, operator }))
    }

    /// Checks that `key` is the key with which the operator logged in, before an action that cannot be undone.
    ///
    /// # Errors
    /// As [`Keys::refuse_bearer`] for any other key.
    pub fn confirm(
        &self,
        who: &LoggedInOperator,
        key: &AccessKey,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let presented = self.vault.hash_operator_key(key);
        if presented.is_equal(&who.operator.hash) {
            return Ok(());
        }
        Err(self.refuse(OTHER_KEY, Actor::from(&who.caller), address))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn log_out(
        &self,
        who: &LoggedInOperator,
        token: &BrowserToken,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let hash = self.vault.hash_session(token);
        if self.sessions.end_session(&hash).await? {
            tracing::info!(operator = who.name(), %address, "operator logged out");
            let actor = Actor::from(&who.caller);
            self.record(AuditKind::AdminLoggedOut, &who.operator, actor, address);
        }
        Ok(())
    }

    /// Deletes up to `limit` sessions that have been idle for too long. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let seen_before = self.clock.now() - AdminSession::LONGEST_PAUSE;
        self.sessions.purge_sessions(seen_before, limit).await
    }

    fn refuse(&self, refusal: Refusal, actor: Actor, address: IpAddr) -> Refusal {
        let event = AuditEvent::new(AuditKind::AdminRefused);
        self.audit.record(event, actor, Some(address));
        self.keys.refuse_bearer(refusal, address)
    }

    fn record(&self, kind: AuditKind, who: &Operator, actor: Actor, address: IpAddr) {
        let event = AuditEvent::new(kind).with("operator", who.name);
        self.audit.record(event, actor, Some(address));
    }
}

/// An operator with a session.
pub struct LoggedInOperator {
    caller: Caller,
    operator: Operator,
}

impl LoggedInOperator {
    /// Returns the operator as a [`Caller`], for calls of other services.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the operator's name in the configuration.
    pub fn name(&self) -> &str {
        self.operator.name.as_str()
    }

    /// Whether the operator may change something.
    pub const fn is_admin(&self) -> bool {
        matches!(self.caller, Caller::Admin(_))
    }
}

/// Returns the operator as a [`Caller`]; `None` for an enrolment key, which has no sessions.
fn caller(operator: &Operator) -> Option<Caller> {
    (operator.role != OperatorRole::Enroll).then(|| Caller::from(operator))
}
