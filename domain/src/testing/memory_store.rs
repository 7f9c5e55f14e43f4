//! A store that forgets everything at the end.

mod accounts;
mod links;
mod refreshes;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::grant::refresh::RefreshFailure;
use crate::grant::{
    Account, AccountId, KeyHolder, KeyRole, NewGrant, ProviderName, RefreshedTokens, StoredTokens,
};
use crate::link::{Ending, Link, LinkId, LinkState, PollSchedule, SealedConsent, SealedGrant};
use crate::ports::{LinkCreation, NewLink, Recorded, StoreError, TokenStore};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;

/// A [`TokenStore`] in memory. It keeps the same contract as a database does, save that nothing is durable.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

/// Keyed by the numbers inside the ids; one sequence of numbers serves all, so mixing them up shows.
#[derive(Default)]
struct State {
    hash_key: Option<Sealed>,
    last_number: i64,
    links: BTreeMap<i64, Link>,
    keys: BTreeMap<i64, Key>,
    accounts: BTreeMap<i64, StoredTokens>,
    recordings_to_refuse: u32,
}

struct Key {
    hash: KeyedHash,
    role: KeyRole,
    expires_at: Option<Timestamp>,
    account: Option<AccountId>,
}

impl MemoryStore {
    /// Is away for the next so many attempts to record refreshed tokens.
    pub fn refuse_recordings(&self, times: u32) {
        self.lock().recordings_to_refuse = times;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError> {
        Ok(self.lock().hash_key.clone())
    }

    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError> {
        Ok(self.lock().hash_key.get_or_insert(candidate).clone())
    }

    async fn create_link(&self, link: NewLink, most_open: u64) -> Result<LinkCreation, StoreError> {
        self.lock().create_link(link, most_open)
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        let state = self.lock();
        Ok(state.links.values().find(|l| l.code == *code).cloned())
    }

    async fn reserve_link(
        &self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock().reserve_link(link, browser, now)
    }

    async fn begin_consent(
        &self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock()
            .begin_consent(link, version, consent, poll, expires_at, now)
    }

    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        Ok(self.lock().claim_due_polls(now, lease_until, limit, busy))
    }

    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError> {
        let state = self.lock();
        let open = state
            .links
            .values()
            .filter(|link| !busy.contains(&link.provider));
        Ok(open.filter_map(links::due_at).min())
    }

    async fn postpone_poll(
        &self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError> {
        self.lock().postpone_poll(link, version, poll)
    }

    async fn keep_redeemed(
        &self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock()
            .keep_redeemed(link, version, grant, poll, expires_at)
    }

    async fn complete_link(
        &self,
        link: LinkId,
        version: i64,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        self.lock().complete_link(link, version, grant, now)
    }

    async fn end_link(
        &self,
        link: LinkId,
        version: i64,
        ending: Ending,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let link = state.open_link(link, version)?;
        links::close(link, LinkState::Ended { ending, at: now });
        Ok(())
    }

    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError> {
        Ok(self.lock().find_key(key))
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let state = self.lock();
        Ok(state.accounts.get(&id.0).map(|t| t.account.clone()))
    }

    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.lock();
        let later = state
            .accounts
            .values()
            .filter(|tokens| after.is_none_or(|after| tokens.account.id > after));
        Ok(later
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|tokens| tokens.account.clone())
            .collect())
    }

    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError> {
        Ok(self.lock().accounts.get(&id.0).cloned())
    }

    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        Ok(self
            .lock()
            .claim_due_refreshes(now, lease_until, limit, busy))
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
        let open = refreshes::not_at(state.accounts.values(), busy);
        Ok(open.filter_map(refreshes::due_at).min())
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
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let mut state = self.lock();
        if let Some(left) = state.recordings_to_refuse.checked_sub(1) {
            state.recordings_to_refuse = left;
            return Err(StoreError::Unavailable("away, as the test wants it".into()));
        }
        state.record_refresh(account, generation, tokens, now)
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError> {
        Ok(self
            .lock()
            .record_refresh_failure(account, generation, lease_version, failure))
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

    async fn purge_links(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        Ok(self.lock().purge_links(ended_before, limit))
    }
}
