//! Leases and results of refreshes in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::fault::Fault;
use crate::grant::refresh::{Attempts, Doubt, RefreshFailure};
use crate::grant::{AccountId, AccountStatus, Lease, ProviderName, RefreshedTokens, StoredTokens};
use crate::ports::{Recorded, RefreshStore, StoreError};
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
        lease_version: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        self.lock()
            .claim_refresh(account, lease_version, now, lease_until)
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
        lease_version: i64,
    ) -> Result<(), StoreError> {
        self.lock().release_refresh(account, lease_version);
        Ok(())
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.recordings_to_refuse)?;
        state.take_tokens()?;
        let recorded = state.record_refresh(account, generation, tokens, now);
        state.release_refresh(account, lease_version);
        recorded
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let recorded = state.record_refresh_failure(account, generation, lease_version, failure);
        state.release_refresh(account, lease_version);
        Ok(recorded)
    }

    async fn promote_spare(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
    ) -> Result<Option<StoredTokens>, StoreError> {
        Ok(self
            .lock()
            .promote_spare(account, generation, lease_version))
    }

    async fn doubt(&self, doubts: &[Doubt], fault: &Fault) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let mut doubted = 0;
        for doubt in doubts {
            let Some(tokens) = state.accounts.get_mut(&doubt.account.0) else {
                continue;
            };
            if tokens.account.next_refresh_at.is_some() {
                tokens.attempts.ambiguous = true;
                tokens.account.next_refresh_at = Some(doubt.next_refresh_at);
                tokens.account.status = AccountStatus::Degraded;
                tokens.account.last_error = Some(fault.clone());
                doubted += 1;
            }
        }
        Ok(doubted)
    }
}

/// When an account may be claimed: at its next refresh, or once the lease on it lapses where that is later.
pub(super) fn due_at(tokens: &StoredTokens) -> Option<Timestamp> {
    let next_at = tokens.account.next_refresh_at?;
    Some(
        tokens
            .lease
            .until
            .map_or(next_at, |until| until.max(next_at)),
    )
}

/// Those at providers that are not busy.
pub(super) fn not_at<'a>(
    all: impl Iterator<Item = &'a StoredTokens>,
    busy: &[ProviderName],
) -> impl Iterator<Item = &'a StoredTokens> {
    all.filter(|tokens| !busy.contains(&tokens.account.key.provider))
}

pub(super) fn claim(tokens: &mut StoredTokens, until: Timestamp) -> StoredTokens {
    tokens.attempts.ambiguous |= tokens.lease.until.is_some();
    tokens.lease = Lease {
        version: tokens.lease.version + 1,
        until: Some(until),
    };
    tokens.clone()
}

fn store(tokens: &mut StoredTokens, refreshed: RefreshedTokens, now: Timestamp) {
    tokens.generation += 1;
    tokens.spare_refresh_token = None;
    tokens.account.next_refresh_at = refreshed.next_refresh_at;
    let end_before = tokens.account.refresh_token_expires_at;
    let renews = refreshed.renews(end_before, tokens.obtained_at);
    if refreshed.refresh_token.is_some() {
        tokens.refresh_token = refreshed.refresh_token;
    }
    let account = &mut tokens.account;
    match refreshed.access_token {
        Ok(access_token) => {
            tokens.access_token = access_token;
            tokens.extra = refreshed.extra;
            tokens.origin = refreshed.origin;
            tokens.obtained_at = refreshed.requested_at;
            tokens.hints = refreshed.hints;
            tokens.attempts = Attempts::default();
            account.status = AccountStatus::Active;
            account.scopes = refreshed.scopes;
            account.access_token_expires_at = refreshed.access_token_expires_at;
            let dies_at = refreshed.refresh_token_expires_at;
            account.refresh_token_expires_at = dies_at.or(account.refresh_token_expires_at);
            account.renewed_by_use = renews.or(account.renewed_by_use);
            account.last_refreshed_at = Some(now);
            account.last_error = None;
        }
        Err(failure) => {
            tokens.attempts = failure.attempts;
            account.status = failure.status;
            account.last_error = Some(failure.fault);
        }
    }
}

impl State {
    pub(super) fn claim_due_refreshes(
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
        due.into_iter()
            .filter_map(|(_, id)| Some(claim(self.accounts.get_mut(&id)?, until)))
            .collect()
    }

    pub(super) fn claim_refresh(
        &mut self,
        account: AccountId,
        version: i64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        let tokens = self
            .accounts
            .get_mut(&account.0)
            .filter(|tokens| tokens.lease.version == version && !tokens.lease.is_held(now))
            .filter(|tokens| tokens.refresh_token.is_some())
            .ok_or(StoreError::Conflict)?;
        let planned = tokens.account.next_refresh_at;
        tokens.account.next_refresh_at = Some(planned.map_or(now, |planned| planned.min(now)));
        Ok(claim(tokens, until))
    }

    pub(super) fn release_refresh(&mut self, account: AccountId, version: i64) {
        let tokens = self.accounts.get_mut(&account.0);
        if let Some(tokens) = tokens.filter(|tokens| tokens.lease.version == version) {
            tokens.lease.until = None;
        }
    }

    pub(super) fn record_refresh(
        &mut self,
        account: AccountId,
        generation: i64,
        refreshed: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let tokens = self.accounts.get_mut(&account.0);
        let tokens = tokens.filter(|tokens| tokens.origin.may_be_sent_to(&refreshed.origin));
        let tokens = tokens.ok_or(StoreError::Conflict)?;
        if refreshed.are_stored(&tokens.access_token, tokens.refresh_token.as_ref()) {
            return Ok(Recorded::Stored);
        }
        let given_up = tokens.account.status == AccountStatus::RelinkRequired;
        if tokens.generation == generation || given_up {
            store(tokens, refreshed, now);
            return Ok(Recorded::Stored);
        }
        let (obtained_at, refreshed_at) = (tokens.obtained_at, tokens.account.last_refreshed_at);
        let stored = tokens.generation;
        if refreshed.are_of_a_later_answer(generation, stored, obtained_at, refreshed_at) {
            let earlier = tokens.refresh_token.take();
            store(tokens, refreshed, now);
            tokens.spare_refresh_token = earlier;
            return Ok(Recorded::Stored);
        }
        if refreshed.refresh_token.is_some() {
            tokens.spare_refresh_token = refreshed.refresh_token;
        }
        Ok(Recorded::Superseded)
    }

    pub(super) fn record_refresh_failure(
        &mut self,
        account: AccountId,
        generation: i64,
        version: i64,
        failure: RefreshFailure,
    ) -> bool {
        let Some(tokens) = self.claimed(account, generation, version) else {
            return false;
        };
        tokens.attempts = failure.attempts;
        tokens.account.status = failure.status;
        tokens.account.last_error = Some(failure.fault);
        tokens.account.next_refresh_at = failure.next_refresh_at;
        true
    }

    pub(super) fn promote_spare(
        &mut self,
        account: AccountId,
        generation: i64,
        version: i64,
    ) -> Option<StoredTokens> {
        let tokens = self.claimed(account, generation, version)?;
        tokens.refresh_token = Some(tokens.spare_refresh_token.take()?);
        tokens.generation += 1;
        Some(tokens.clone())
    }

    fn claimed(
        &mut self,
        account: AccountId,
        generation: i64,
        version: i64,
    ) -> Option<&mut StoredTokens> {
        let tokens = self.accounts.get_mut(&account.0)?;
        (tokens.generation == generation && tokens.lease.version == version).then_some(tokens)
    }
}
