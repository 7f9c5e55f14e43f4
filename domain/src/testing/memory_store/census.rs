//! Counts accounts in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::grant::refresh::Outage;
use crate::grant::{Account, AccountStatus, StoredTokens};
use crate::ports::{AccountCount, Census, CensusStore, ExpiringCount, OverdueCount, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl CensusStore for MemoryStore {
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let (mut accounts, mut expiring) = (BTreeMap::new(), BTreeMap::new());
        let mut overdue: BTreeMap<_, OverdueCount> = BTreeMap::new();
        let state = self.lock();
        for tokens in state.accounts.values() {
            let account = &tokens.account;
            let provider = account.key.provider.clone();
            let status = account.clone().as_of(now, &state.outages).status;
            let of = (provider.clone(), status as u8);
            if let Some(since) = overdue_since(tokens, now) {
                let found = overdue.entry(of.clone()).or_insert(OverdueCount {
                    provider: provider.clone(),
                    status,
                    count: 0,
                    longest: Duration::ZERO,
                });
                found.count += 1;
                found.longest = found.longest.max(now.since(since));
            }
            accounts.entry(of).or_insert((status, 0)).1 += 1;
            if let Some(refresh_due) = dies(tokens, now, &state.outages) {
                *expiring.entry((provider, refresh_due)).or_insert(0) += 1;
            }
        }
        let accounts = accounts.into_iter();
        let expiring = expiring.into_iter();
        Ok(Census {
            accounts: accounts
                .map(|((provider, _), (status, count))| AccountCount {
                    provider,
                    status,
                    count,
                })
                .collect(),
            expiring: expiring
                .map(|((provider, refresh_due), count)| ExpiringCount {
                    provider,
                    refresh_due,
                    count,
                })
                .collect(),
            overdue: overdue.into_values().collect(),
        })
    }
}

/// Returns whether a refresh will prevent the end of the grant. `None` if the grant does not end soon.
fn dies(tokens: &StoredTokens, now: Timestamp, outages: &[Outage]) -> Option<bool> {
    let account = &tokens.account;
    let status = account.clone().as_of(now, outages).status;
    if status == AccountStatus::RelinkRequired {
        return None;
    }
    let is_near = |at: &Timestamp, within: Duration| now < *at && *at <= now + within;
    let has_refresh_token = tokens.refresh_token.is_some();
    let last_token = account
        .access_token_expires_at
        .filter(|_| !has_refresh_token);
    let mut fixed = account.fixed_ends().chain(last_token);
    if fixed.any(|at| is_near(&at, Account::NOTICE)) {
        return Some(false);
    }
    let dies_at = account
        .refresh_token_expires_at
        .filter(|at| has_refresh_token && is_near(at, ExpiringCount::HORIZON))?;
    let works = status == AccountStatus::Active;
    Some(works && account.next_refresh_at.is_some_and(|due| due < dies_at))
}

/// Returns since when the grant has been overdue, if it is.
fn overdue_since(tokens: &StoredTokens, now: Timestamp) -> Option<Timestamp> {
    let account = &tokens.account;
    if tokens.refresh_token.is_none() || account.status == AccountStatus::RelinkRequired {
        return None;
    }
    let times = [account.access_token_expires_at, account.next_refresh_at];
    times.into_iter().flatten().min().filter(|at| *at <= now)
}
