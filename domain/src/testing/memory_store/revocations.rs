//! The outbox of revocations in memory.

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::grant::revocation::{
    NewRevocation, RevocableTokens, Revocation, RevocationId, RevocationLease, RevocationResult,
    RevocationStatus,
};
use crate::grant::{AccountKey, Lease, LeaseVersion, ProviderName};
use crate::link::LinkState;
use crate::ports::{RevocationStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl RevocationStore for MemoryStore {
    async fn store_stray(&self, stray: NewRevocation) -> Result<bool, StoreError> {
        Ok(self.lock().store_stray(stray))
    }

    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError> {
        let mut state = self.lock();
        let mut due: Vec<_> = not_at(&state, busy)
            .filter_map(|kept| Some((due_at(kept)?, kept.revocation.id.0)))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort_unstable();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claimed = due.into_iter().filter_map(|(_, id)| {
            let kept = state.revocations.get_mut(&id)?;
            kept.revocation.lease = kept.revocation.lease.next(lease_until);
            Some(kept.clone())
        });
        Ok(claimed.collect())
    }

    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(not_at(&self.lock(), busy).filter_map(due_at).min())
    }

    async fn attribute_revocation(
        &self,
        lease: &RevocationLease,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.lock().attribute(&lease.revocation, person, now))
    }

    async fn tokens_held_until(
        &self,
        person: &AccountKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let state = self.lock();
        let links = state.links.values().filter(|link| match &link.state {
            LinkState::Confirming(held) => held.owner.key == *person,
            _ => false,
        });
        let waiting = links.filter(|link| !link.is_past_deadline(now));
        Ok(waiting.map(|link| link.expires_at).max())
    }

    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.recordings_to_refuse)?;
        let Some(kept) = state.pending_revocation(id, lease) else {
            return Ok(false);
        };
        match result {
            RevocationResult::Ended { status, fault } => {
                end(kept, status, now);
                kept.revocation.last_error = fault;
            }
            RevocationResult::Again {
                at,
                failures,
                fault,
            } => {
                kept.revocation.next_attempt_at = Some(at);
                kept.revocation.lease.until = None;
                kept.revocation.failures = failures;
                kept.revocation.last_error = Some(fault);
            }
        }
        Ok(true)
    }

    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError> {
        let state = self.lock();
        Ok(state.revocations.get(&id.0).map(|r| r.revocation.clone()))
    }

    async fn revocations(
        &self,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        let state = self.lock();
        let all = state.revocations.values().map(|kept| &kept.revocation);
        let later = all.filter(|revocation| Some(revocation.id) > after);
        Ok(later
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn purge_revocations(
        &self,
        ended_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let over = state.revocations.values().map(|kept| &kept.revocation);
        let over = over.filter(|r| r.ended_at.is_some_and(|at| at < ended_before));
        let over: Vec<_> = over
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|revocation| revocation.id.0)
            .collect();
        state.revocations.retain(|id, _| !over.contains(id));
        Ok(over.len() as u64)
    }
}

fn due_at(kept: &RevocationLease) -> Option<Timestamp> {
    let next_at = kept.revocation.next_attempt_at?;
    let until = kept.revocation.lease.until;
    Some(until.map_or(next_at, |until| until.max(next_at)))
}

fn not_at<'a>(
    state: &'a State,
    busy: &[ProviderName],
) -> impl Iterator<Item = &'a RevocationLease> {
    let all = state.revocations.values();
    all.filter(|kept| !busy.contains(&kept.revocation.provider))
}

fn end(kept: &mut RevocationLease, status: RevocationStatus, now: Timestamp) {
    kept.tokens = RevocableTokens::default();
    kept.revocation.status = status;
    kept.revocation.ended_at = Some(now);
    kept.revocation.next_attempt_at = None;
    kept.revocation.lease.until = None;
}

impl State {
    pub(super) fn store_stray(&mut self, stray: NewRevocation) -> bool {
        let person = stray.person.as_deref();
        if person.is_some_and(|person| self.is_alive(&stray.provider, Some(person))) {
            return false;
        }
        self.insert_revocation(stray);
        true
    }

    /// Whether a person has an account at the provider. With `None`, whether any account there belongs to an unknown
    /// person.
    fn is_alive(&self, provider: &ProviderName, person: Option<&str>) -> bool {
        let accounts = self.accounts.values().map(|tokens| &tokens.account);
        let mut accounts = accounts.filter(|account| account.key.provider == *provider);
        accounts.any(|account| match person {
            Some(person) => account.key.account_id == person,
            None => !account.identified,
        })
    }

    pub(super) fn insert_revocation(&mut self, new: NewRevocation) -> RevocationLease {
        let revocation = Revocation {
            id: RevocationId(self.next_number()),
            provider: new.provider,
            person: new.person,
            account: new.account,
            status: RevocationStatus::Pending,
            created_at: new.created_at,
            ended_at: None,
            next_attempt_at: Some(new.created_at),
            failures: 0,
            last_error: None,
            lease: Lease {
                version: LeaseVersion(1),
                until: new.lease_until,
            },
        };
        let kept = RevocationLease {
            revocation,
            reference: new.reference,
            origin: new.origin,
            tokens: new.tokens,
            requested_at: new.requested_at,
        };
        self.revocations.insert(kept.revocation.id.0, kept.clone());
        kept
    }

    fn pending_revocation(
        &mut self,
        id: RevocationId,
        lease: LeaseVersion,
    ) -> Option<&mut RevocationLease> {
        let kept = self.revocations.get_mut(&id.0)?;
        let revocation = &kept.revocation;
        let pending = revocation.status == RevocationStatus::Pending;
        (pending && revocation.lease.version == lease).then_some(kept)
    }

    fn attribute(&mut self, leased: &Revocation, person: Option<&str>, now: Timestamp) -> bool {
        let Some(kept) = self.pending_revocation(leased.id, leased.lease.version) else {
            return false;
        };
        kept.revocation.person = person.map(str::to_owned);
        let alive = self.is_alive(&leased.provider, person);
        if let Some(kept) = self.revocations.get_mut(&leased.id.0).filter(|_| alive) {
            end(kept, RevocationStatus::Cancelled, now);
        }
        !alive
    }

    pub(super) fn cancel_revocations(&mut self, person: &AccountKey, now: Timestamp) {
        let pending = self.revocations.values_mut().filter(|kept| {
            let revocation = &kept.revocation;
            revocation.status == RevocationStatus::Pending
                && revocation.provider == person.provider
                && revocation.person.as_ref() == Some(&person.account_id)
        });
        pending.for_each(|kept| end(kept, RevocationStatus::Cancelled, now));
    }
}
