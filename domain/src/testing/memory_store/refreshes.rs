//! Leases and results of refreshes in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::audit::{AuditDraft, AuditEvent, SignedEntry};
use crate::fault::Fault;
use crate::grant::refresh::{RefreshFailure, SuspectGrant};
use crate::grant::{
    AccountId, Generation, LeaseVersion, ProviderName, RefreshedTokens, StoredTokens,
};
use crate::ports::{RecordedRefresh, RefreshStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl RefreshStore for MemoryStore {
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        overdue_by: Duration,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        Ok(self
            .lock()
            .claim_due_refreshes(now, overdue_by, lease_until, limit, busy))
    }

    async fn claim_refresh(
        &self,
        account: AccountId,
        seen: LeaseVersion,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        let mut state = self.lock();
        let tokens = state.accounts.get_mut(&account.0);
        let tokens = tokens.ok_or(StoreError::Conflict)?;
        let claimed = tokens.claim(seen, now, lease_until);
        *tokens = claimed.ok_or(StoreError::Conflict)?;
        Ok(tokens.clone())
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        let state = self.lock();
        let open = not_at(state.accounts.values(), busy);
        Ok(open.filter_map(due_at).min())
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease: LeaseVersion,
    ) -> Result<(), StoreError> {
        if let Some(tokens) = self.lock().accounts.get_mut(&account.0) {
            *tokens = tokens.release(lease);
        }
        Ok(())
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        tokens: RefreshedTokens,
        audit: AuditDraft,
    ) -> Result<RecordedRefresh, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.recordings_to_refuse)?;
        if state.is_damaged {
            return Err(StoreError::Corrupt("damaged, as the test wants it".into()));
        }
        state.take_tokens()?;
        let stored = state.accounts.get_mut(&account.0);
        let stored = stored.ok_or(StoreError::Conflict)?;
        let next = stored.record_refresh(generation, lease, tokens);
        let (next, recorded) = next.ok_or(StoreError::Conflict)?;
        let entry = entry(audit, stored, &next);
        *stored = next;
        entry.into_iter().for_each(|entry| state.keep_entry(entry));
        Ok(recorded)
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
        audit: AuditDraft,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let Some(stored) = state.accounts.get_mut(&account.0) else {
            return Ok(false);
        };
        let (next, counts) = stored.record_failure(generation, lease, failure);
        let entry = entry(audit, stored, &next);
        *stored = next;
        entry.into_iter().for_each(|entry| state.keep_entry(entry));
        Ok(counts)
    }

    async fn mark_suspect(
        &self,
        suspects: &[SuspectGrant],
        fault: &Fault,
    ) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let mut marked = 0;
        for suspect in suspects {
            if let Some(stored) = state.accounts.get_mut(&suspect.account.0)
                && let Some(next) = stored.mark_suspect(suspect.next_refresh_at, fault)
            {
                *stored = next;
                marked += 1;
            }
        }
        Ok(marked)
    }
}

fn entry(audit: AuditDraft, before: &StoredTokens, after: &StoredTokens) -> Option<SignedEntry> {
    let event = AuditEvent::of_refresh(&before.account, &after.account)?;
    Some(audit.entry(event))
}

/// Returns when an account may be leased: at its next refresh, or when its current lease expires if that is later.
pub(super) fn due_at(tokens: &StoredTokens) -> Option<Timestamp> {
    let next_at = tokens.account.next_refresh_at?;
    Some(
        tokens
            .lease
            .until
            .map_or(next_at, |until| until.max(next_at)),
    )
}

/// Returns the accounts at providers that are not busy.
pub(super) fn not_at<'a>(
    all: impl Iterator<Item = &'a StoredTokens>,
    busy: &[ProviderName],
) -> impl Iterator<Item = &'a StoredTokens> {
    all.filter(|tokens| !busy.contains(&tokens.account.key.provider))
}

impl State {
    fn claim_due_refreshes(
        &mut self,
        now: Timestamp,
        overdue_by: Duration,
        until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Vec<StoredTokens> {
        let mut due: Vec<_> = not_at(self.accounts.values(), busy)
            .filter_map(|tokens| Some((due_at(tokens)?, tokens.account.id.0)))
            .filter(|(due_at, _)| *due_at <= now - overdue_by)
            .collect();
        due.sort_unstable();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claimed = due.into_iter().filter_map(|(_, id)| {
            let tokens = self.accounts.get_mut(&id)?;
            *tokens = tokens.lease_until(until);
            Some(tokens.clone())
        });
        claimed.collect()
    }
}
