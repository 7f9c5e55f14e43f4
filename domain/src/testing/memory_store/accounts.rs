//! Accounts, tokens and keys in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::grant::refresh::Attempts;
use crate::grant::revocation::{NewRevocation, RevocationLease};
use crate::grant::{Account, AccountId, AccountKey, AccountStatus, Lease, NewGrant, StoredTokens};
use crate::link::{Link, LinkState};
use crate::ports::{AccountStore, StoreError};
use crate::secret::Sealed;
use crate::time::Timestamp;

#[async_trait]
impl AccountStore for MemoryStore {
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
    ) -> Result<RevocationLease, StoreError> {
        self.lock().delete_account(seen, revocation)
    }
}

impl State {
    pub(super) fn complete_link(
        &mut self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        let known = self.account_with(&grant.account);
        let id = known.unwrap_or_else(|| AccountId(self.next_number()));
        let linked = self.change_link(link, |link| link.complete(id, now))?;
        let account = self.link_account(id, grant, now);
        self.cancel_revocations(&account.key, now);
        if let Some(key) = self.keys.get_mut(&linked.key.0) {
            key.account = Some(id);
        }
        Ok(account)
    }

    fn account_with(&self, key: &AccountKey) -> Option<AccountId> {
        let mut accounts = self.accounts.values().map(|tokens| &tokens.account);
        accounts.find(|a| a.key == *key).map(|a| a.id)
    }

    fn link_account(&mut self, id: AccountId, grant: NewGrant, now: Timestamp) -> Account {
        let old = self.accounts.remove(&id.0);
        let tokens = linked(id, old.as_ref(), grant, now);
        let account = tokens.account.clone();
        self.accounts.insert(id.0, tokens);
        account
    }

    fn delete_account(
        &mut self,
        seen: &StoredTokens,
        revocation: NewRevocation,
    ) -> Result<RevocationLease, StoreError> {
        let id = seen.account.id;
        let stored = self.accounts.get(&id.0).ok_or(StoreError::Conflict)?;
        if !same_tokens(stored, seen) {
            return Err(StoreError::Conflict);
        }
        self.accounts.remove(&id.0);
        let keys = &mut self.keys;
        keys.retain(|_, key| key.account != Some(id));
        self.links.retain(|_, link| {
            let linked = matches!(link.state, LinkState::Linked { account, .. } if account == id);
            !linked && link.relink_of != Some(id) && keys.contains_key(&link.key.0)
        });
        Ok(self.insert_revocation(revocation))
    }
}

fn same_tokens(one: &StoredTokens, other: &StoredTokens) -> bool {
    let tokens = |t: &StoredTokens| {
        (
            t.generation,
            t.access_token.clone(),
            t.refresh_token.clone(),
            t.spare_refresh_token.clone(),
        )
    };
    tokens(one) == tokens(other)
}

/// What linking leaves behind, given what there was.
fn linked(
    id: AccountId,
    old: Option<&StoredTokens>,
    grant: NewGrant,
    now: Timestamp,
) -> StoredTokens {
    let created_at = old.map_or(now, |old| old.account.created_at);
    let keeps_old = |old: &StoredTokens| grant.keeps_refresh_token(&old.origin, old.account.status);
    let kept = old.filter(|old| keeps_old(old)).cloned();
    let before = old.map(StoredTokens::access_end).unwrap_or_default();
    let keeps_one = kept.as_ref().is_some_and(|old| old.refresh_token.is_some());
    let has_refresh_token = keeps_one || grant.refresh_token.is_some();
    let grant = grant.lasting_as_before(before, has_refresh_token);
    let generation = old.map_or(0, |old| old.generation) + 1;
    let version = old.map_or(0, |old| old.lease.version) + 1;
    let replaced = Kept {
        generation,
        refresh_token: grant.refresh_token,
        dies_at: grant.refresh_token_expires_at,
        renewed: None,
        grant_ends_at: grant.grant_expires_at,
        spare: None,
        lease: Lease {
            version,
            until: None,
        },
        ambiguous: false,
    };
    let kept = kept.map_or(replaced, |old| Kept {
        generation: old.generation,
        refresh_token: old.refresh_token,
        dies_at: old.account.refresh_token_expires_at,
        renewed: old.account.renewed_by_use,
        grant_ends_at: old.account.grant_expires_at,
        spare: old.spare_refresh_token,
        lease: old.lease,
        ambiguous: old.attempts.ambiguous,
    });
    StoredTokens {
        account: Account {
            id,
            key: grant.account,
            identified: grant.identified,
            display_name: grant.display_name,
            status: AccountStatus::Active,
            scopes: grant.scopes,
            created_at,
            linked_at: now,
            access_token_expires_at: grant.access_token_expires_at,
            refresh_token_expires_at: kept.dies_at,
            renewed_by_use: kept.renewed,
            grant_expires_at: kept.grant_ends_at,
            last_refreshed_at: None,
            next_refresh_at: grant
                .next_refresh_at
                .filter(|_| kept.refresh_token.is_some()),
            last_error: None,
        },
        generation: kept.generation,
        access_token: grant.access_token,
        refresh_token: kept.refresh_token,
        spare_refresh_token: kept.spare,
        extra: grant.extra,
        origin: grant.origin,
        obtained_at: now,
        hints: grant.hints,
        lease: kept.lease,
        attempts: Attempts {
            ambiguous: kept.ambiguous,
            ..Attempts::default()
        },
    }
}

/// What goes with a refresh token, whether it is a new one or stays.
struct Kept {
    generation: i64,
    refresh_token: Option<Sealed>,
    dies_at: Option<Timestamp>,
    renewed: Option<bool>,
    grant_ends_at: Option<Timestamp>,
    spare: Option<Sealed>,
    lease: Lease,
    ambiguous: bool,
}
