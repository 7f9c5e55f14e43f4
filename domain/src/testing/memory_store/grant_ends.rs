//! Ends of grants in memory.

use std::ops::Range;

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::audit::{AuditDraft, AuditEvent, SignedEntry};
use crate::grant::{Account, AccountId, AccountStatus};
use crate::ports::{GrantEndStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl GrantEndStore for MemoryStore {
    async fn unannounced_ends(
        &self,
        period: Range<Timestamp>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.lock();
        let accounts = state.accounts.values().map(|tokens| &tokens.account);
        let found = accounts.filter(|account| {
            let end = account.known_end();
            account.status != AccountStatus::RelinkRequired
                && end.is_some_and(|end| period.contains(&end))
                && !state.is_announced(account.id, end)
        });
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.take(most).cloned().collect())
    }

    async fn announce_end(
        &self,
        account: AccountId,
        end: Timestamp,
        audit: SignedEntry,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if !state.accounts.contains_key(&account.0) || state.is_announced(account, Some(end)) {
            return Ok(false);
        }
        state.announced_ends.insert(account, end);
        state.keep_entry(audit);
        Ok(true)
    }

    async fn expired_accounts(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<AccountId>, StoreError> {
        let state = self.lock();
        let expired = state.accounts.values();
        let expired = expired.filter_map(|tokens| Some(tokens.expire(now)?.account.id));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(expired.take(most).collect())
    }

    async fn expire_account(
        &self,
        account: AccountId,
        now: Timestamp,
        audit: AuditDraft,
    ) -> Result<Option<AccountStatus>, StoreError> {
        let mut state = self.lock();
        let stored = state.accounts.get_mut(&account.0);
        let Some((stored, next)) = stored.and_then(|it| it.expire(now).map(|next| (it, next)))
        else {
            return Ok(None);
        };
        let event = AuditEvent::of_refresh(&stored.account, &next.account);
        let status = next.account.status;
        *stored = next;
        if let Some(event) = event {
            state.keep_entry(audit.entry(event));
        }
        Ok(Some(status))
    }
}

impl State {
    fn is_announced(&self, account: AccountId, end: Option<Timestamp>) -> bool {
        let announced = self.announced_ends.get(&account).copied();
        announced
            .zip(end)
            .is_some_and(|(one, other)| Account::is_same_end(one, other))
    }
}
