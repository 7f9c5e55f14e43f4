use std::net::IpAddr;
use std::time::Duration;

use super::Keys;
use super::unknown::WRONG_NETWORK;
use crate::audit::{Actor, AuditKind};
use crate::grant::{AccessKeyId, KeyBinding, KeyHolder};
use crate::link::LinkState;
use crate::observe::BearerRefusal;
use crate::secret::{AccessKey, KeyedHash, WorkloadToken};
use crate::time::Timestamp;
use crate::usecases::caller::{ALTERED_KEY, NOT_FOR_WORKLOADS, PresentedKey, UNKNOWN_KEY};
use crate::usecases::{Caller, Refusal};

impl Keys {
    /// Authenticates the caller by the bearer token and records that the key was used. A key whose link is not complete
    /// is accepted too.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a bearer that is no key of this service, for an expired key, and for a key that
    /// may not be used from this address; [`Refusal::KeyUsedTooOften`]; [`Refusal::Forbidden`] for a workload's JWT,
    /// which [`Workloads`](crate::usecases::Workloads) recognises and records.
    pub async fn authenticate(
        &self,
        bearer: Option<&AccessKey>,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        let caller = self.recognise(bearer, from).await?;
        self.note_use(&caller);
        Ok(caller)
    }

    /// Authenticates a caller who requests a token. Uses the cache: the key and its tokens were read together, at most
    /// half a second ago.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn authenticate_for_token(
        &self,
        bearer: Option<&AccessKey>,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        let caller = self.caller(bearer, Source::Cache, from).await?;
        self.note_use(&caller);
        Ok(caller)
    }

    /// Authenticates the caller without recording that the key was used: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn recognise(
        &self,
        bearer: Option<&AccessKey>,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        self.caller(bearer, Source::Store, from).await
    }

    /// Counts a request with an operator's key for the audit log.
    pub fn count_operator(&self, caller: &Caller, address: IpAddr) {
        if matches!(
            caller,
            Caller::Admin(_) | Caller::Auditor(_) | Caller::Enroller(_)
        ) {
            let actor = Actor::from(caller);
            self.audit
                .count(AuditKind::OperatorUsed, None, actor, address);
        }
    }

    async fn caller(
        &self,
        bearer: Option<&AccessKey>,
        source: Source,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        let Some(bearer) = bearer else {
            return Ok(Caller::Nobody);
        };
        if let Some(operator) = self.operators.find(bearer) {
            return Ok(Caller::from(&operator));
        }
        if self.trusts_workloads && WorkloadToken::is_like(bearer.expose()) {
            return Err(NOT_FOR_WORKLOADS);
        }
        let hash = self.vault.hash_access_key(bearer);
        let cached = match source {
            Source::Cache => self.cache.get(&hash),
            Source::Store => None,
        };
        let key = match cached {
            Some(cached) => PresentedKey::from(cached),
            None => self.read(&hash, source, from).await?,
        };
        self.require_within_limits(&key, from)?;
        Ok(Caller::Key(key))
    }

    async fn read(
        &self,
        hash: &KeyedHash,
        source: Source,
        from: IpAddr,
    ) -> Result<PresentedKey, Refusal> {
        let found = match source {
            Source::Store => self.keys.find_key(hash).await?.map(PresentedKey::from),
            Source::Cache => self.cache.read(hash).await?.map(PresentedKey::from),
        };
        let key = found.ok_or(UNKNOWN_KEY)?;
        if self.is_genuine(&key, from) {
            Ok(key)
        } else {
            Err(ALTERED_KEY)
        }
    }

    /// Whether the row of a key has a valid MAC and does not contradict the row of its link. Reports an altered key.
    /// Only the key's own row says to which account the key gives access. The store reads both rows from one snapshot,
    /// so a link that is completed meanwhile is no contradiction.
    pub(crate) fn is_genuine(&self, key: &KeyHolder, from: IpAddr) -> bool {
        let is_genuine = !is_behind_its_link(key) && self.macs.is_genuine(key);
        if !is_genuine {
            self.report_altered(key, from);
        }
        is_genuine
    }

    /// Checks the limits of a workload's key, whose MAC is valid. Records that the key was used, unless the request is
    /// a `HEAD`.
    ///
    /// # Errors
    /// The key has expired, may not be used from this address, or is used too often.
    pub(crate) fn admit(
        &self,
        key: KeyHolder,
        from: IpAddr,
        is_head: bool,
    ) -> Result<Caller, Refusal> {
        self.require_within_limits(&key, from)?;
        let caller = Caller::Key(PresentedKey::from(key));
        if !is_head {
            self.note_use(&caller);
        }
        Ok(caller)
    }

    /// Returns when a key was last used, including uses that are not stored yet.
    pub(crate) fn last_used(
        &self,
        key: AccessKeyId,
        stored: Option<Timestamp>,
    ) -> Option<Timestamp> {
        self.uses.latest(key, stored, self.clock.now())
    }

    fn report_altered(&self, key: &KeyHolder, from: IpAddr) {
        self.observer.key_altered();
        if self.logs_refusal(from) {
            let account = key.binding.account().map(|account| account.0);
            tracing::error!(
                key = key.id.0,
                account,
                "access key refused: its row was changed in the database, but not by this service; find out who wrote to the database, and delete the key"
            );
        }
    }

    fn require_within_limits(&self, key: &KeyHolder, from: IpAddr) -> Result<(), Refusal> {
        if key.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Refusal::Unauthorized("this access key has expired"));
        }
        if !key.limits.admit(from) {
            if self.logs_refusal(from) {
                tracing::warn!(key = key.id.0, address = %from, "access key refused: it may not be used from this network; it may have been stolen");
            }
            return Err(Refusal::Unauthorized(WRONG_NETWORK));
        }
        let Some(uses) = key.limits.uses_per_minute else {
            return Ok(());
        };
        let every = Duration::from_secs(60) / uses.max(1);
        let admitted = self.used.admit_at(key.id, self.clock.uptime(), every, uses);
        admitted.map(drop).map_err(|retry_after| {
            self.observer.bearer_refused(BearerRefusal::UsedTooOften);
            Refusal::KeyUsedTooOften(retry_after)
        })
    }

    fn note_use(&self, caller: &Caller) {
        if let Caller::Key(key) = caller {
            self.uses.note(key.id, self.clock.now());
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    /// The key alone, from the store.
    Store,
    /// The key and its tokens, at most half a second old.
    Cache,
}

/// Whether the key's link is complete while the key's row names no account. This service never leaves such rows.
fn is_behind_its_link(key: &KeyHolder) -> bool {
    matches!(&key.binding, KeyBinding::Link(link) if matches!(link.state, LinkState::Linked { .. }))
}
