//! Counting.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::grant::{AccountStatus, StoredTokens};
use crate::ports::{AccountCount, Census, CensusStore, DyingCount, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl CensusStore for MemoryStore {
    async fn census(&self, horizon: Timestamp) -> Result<Census, StoreError> {
        let (mut accounts, mut dying) = (BTreeMap::new(), BTreeMap::new());
        for tokens in self.lock().accounts.values() {
            let account = &tokens.account;
            let provider = account.key.provider.clone();
            let of = (provider.clone(), account.status as u8);
            accounts.entry(of).or_insert((account.status, 0)).1 += 1;
            if let Some(refresh_due) = dies(tokens, horizon) {
                *dying.entry((provider, refresh_due)).or_insert(0) += 1;
            }
        }
        let accounts = accounts.into_iter();
        let dying = dying.into_iter();
        Ok(Census {
            accounts: accounts
                .map(|((provider, _), (status, count))| AccountCount {
                    provider,
                    status,
                    count,
                })
                .collect(),
            dying: dying
                .map(|((provider, refresh_due), count)| DyingCount {
                    provider,
                    refresh_due,
                    count,
                })
                .collect(),
        })
    }
}

/// Whether the grant dies by then, and if so whether a refresh is due before.
fn dies(tokens: &StoredTokens, horizon: Timestamp) -> Option<bool> {
    let account = &tokens.account;
    let dies_at = match tokens.refresh_token {
        Some(_) => account.refresh_token_expires_at,
        None => account.access_token_expires_at,
    };
    let dies_at = dies_at.filter(|at| *at <= horizon)?;
    if account.status == AccountStatus::RelinkRequired {
        return None;
    }
    let works = account.status == AccountStatus::Active;
    Some(works && account.next_refresh_at.is_some_and(|due| due < dies_at))
}
