//! Accounts and their tokens in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::audit::{AuditDraft, AuditEvent};
use crate::grant::revocation::{NewRevocation, RevocationLease};
use crate::grant::{
    Account, AccountFilter, AccountId, AccountKey, AccountStatus, NewGrant, StoredTokens,
};
use crate::labels::Labels;
use crate::link::{Link, LinkState};
use crate::ports::{AccountStore, StoreError};
use crate::time::Timestamp;
use crate::vault::RowMacs;

#[async_trait]
impl AccountStore for MemoryStore {
    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let state = self.lock();
        Ok(state.accounts.get(&id.0).map(|t| t.account.clone()))
    }

    async fn accounts_matching(
        &self,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.lock();
        let none = Labels::default();
        let accounts = state.accounts.values().map(|tokens| &tokens.account);
        let listed = accounts
            .filter(|account| after.is_none_or(|after| account.id > after))
            .filter(|account| {
                filter.admits(account, state.labels.get(&account.id).unwrap_or(&none))
            });
        Ok(listed
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn labels(
        &self,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Labels>, StoreError> {
        let state = self.lock();
        let labelled = accounts
            .iter()
            .filter_map(|id| Some((*id, state.labels.get(id)?.clone())));
        Ok(labelled.collect())
    }

    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError> {
        let mut state = self.lock();
        let found = state.accounts.get(&id.0).cloned();
        if let Some((clock, by)) = state.slow_read.take() {
            clock.advance(by);
        }
        Ok(found)
    }

    async fn has_others_alive(&self, than: &Account) -> Result<bool, StoreError> {
        let state = self.lock();
        let mut others = state.accounts.values().map(|tokens| &tokens.account);
        Ok(others.any(|other| {
            other.id != than.id
                && other.key.provider == than.key.provider
                && other.status != AccountStatus::RelinkRequired
        }))
    }

    async fn delete_account(
        &self,
        seen: &StoredTokens,
        revocation: NewRevocation,
        audit: AuditDraft,
    ) -> Result<RevocationLease, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.deletions_to_refuse)?;
        let lease = state.delete_account(seen, revocation)?;
        state.keep_entry(audit.entry(AuditEvent::account_deleted(&seen.account)));
        Ok(lease)
    }
}

impl State {
    pub(super) fn complete_link(
        &mut self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
        macs: &RowMacs,
    ) -> Result<Account, StoreError> {
        let known = self.account_with(&grant.account);
        let id = known.unwrap_or_else(|| AccountId(self.next_number()));
        let key = self.holder(link.key).ok_or(StoreError::Conflict)?;
        let opened = StoredTokens::new(id, grant.clone(), now).account;
        link.complete(id, now)?;
        let completed = macs.completed(&key, link, &opened)?;
        let tokens = match self.accounts.get(&id.0) {
            Some(stored) => stored.relink(grant, link.relink_of, now)?,
            None => StoredTokens::new(id, grant, now),
        };
        self.change_link(link, |link| link.complete(id, now))?;
        let account = tokens.account.clone();
        self.accounts.insert(id.0, tokens);
        let asked = &link.requester.labels;
        if !asked.is_empty() {
            let kept = self.labels.entry(id).or_default();
            let added = kept.added_by(asked).into_iter();
            *kept = Labels::stored(added.chain(kept.clone()));
        }
        self.cancel_revocations(&account.key, now);
        if let Some(key) = completed
            && let Some(kept) = self.keys.get_mut(&key.id.0)
        {
            kept.account = Some(id);
            kept.mac = key.mac;
        }
        Ok(account)
    }

    fn account_with(&self, key: &AccountKey) -> Option<AccountId> {
        let mut accounts = self.accounts.values().map(|tokens| &tokens.account);
        accounts.find(|a| a.key == *key).map(|a| a.id)
    }

    fn delete_account(
        &mut self,
        seen: &StoredTokens,
        revocation: NewRevocation,
    ) -> Result<RevocationLease, StoreError> {
        let id = seen.account.id;
        let stored = self.accounts.get(&id.0).ok_or(StoreError::Conflict)?;
        let mut relinks = self.links.values();
        let holds_tokens = relinks.any(|l| l.relink_of == Some(id) && l.held().is_some());
        if !stored.are_those_of(seen) || holds_tokens {
            return Err(StoreError::Conflict);
        }
        self.accounts.remove(&id.0);
        self.labels.remove(&id);
        let keys = &mut self.keys;
        keys.retain(|_, key| key.account != Some(id));
        self.links.retain(|_, link| {
            let linked = matches!(link.state, LinkState::Linked { account, .. } if account == id);
            !linked && link.relink_of != Some(id) && keys.contains_key(&link.key.0)
        });
        Ok(self.insert_revocation(revocation))
    }
}
