//! Outages in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::refreshes::due_at;
use crate::grant::refresh::{Outage, WaitingAccount};
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::ports::{OutageStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl OutageStore for MemoryStore {
    async fn outages(&self) -> Result<Vec<Outage>, StoreError> {
        Ok(self.lock().outages.clone())
    }

    async fn begin_outage(&self, mut outage: Outage) -> Result<Option<Outage>, StoreError> {
        let mut state = self.lock();
        let mut known = state.outages.iter();
        if known.any(|known| known.provider == outage.provider) {
            return Ok(None);
        }
        outage.version.outage = state.next_number();
        state.outages.push(outage.clone());
        Ok(Some(outage))
    }

    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(Outage, StoredTokens)>, StoreError> {
        let mut state = self.lock();
        let state = &mut *state;
        let outage = state.outages.iter_mut().find(|o| o.provider == *provider);
        let Some(outage) = outage.filter(|outage| outage.is_probe_due(now)) else {
            return Ok(None);
        };
        let all = state.accounts.values();
        let due = all.filter(|tokens| tokens.account.key.provider == *provider);
        let mut due: Vec<_> = due
            .filter_map(|tokens| Some((due_at(tokens)?, tokens)))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort_by_key(|(due_at, tokens)| (std::cmp::Reverse(*due_at), tokens.account.id));
        let asked_for_too = asked_for.and_then(|id| state.accounts.get(&id.0));
        let waiting = due.into_iter().map(|(_, tokens)| tokens);
        let waiting = waiting.chain(asked_for_too).map(|tokens| WaitingAccount {
            account: tokens.account.id,
            failures: tokens.attempts.failures,
        });
        let chosen = outage.choose(waiting, now);
        let is_asked_for =
            |it: &WaitingAccount| asked_for.is_none_or(|asked_for| asked_for == it.account);
        let Some(chosen) = chosen.filter(is_asked_for) else {
            return Ok(None);
        };
        let Some(tokens) = state.accounts.get_mut(&chosen.account.0) else {
            return Ok(None);
        };
        let Some(claimed) = tokens.claim(tokens.lease.version, now, lease_until) else {
            return Ok(None);
        };
        *tokens = claimed.clone();
        *outage = outage.clone().probing(chosen, now).changed();
        Ok(Some((outage.clone(), claimed)))
    }

    async fn next_unfailed_at(&self, outage: &Outage) -> Result<Option<Timestamp>, StoreError> {
        let state = self.lock();
        let all = state.accounts.values();
        let unfailed = all.filter(|tokens| {
            let account = &tokens.account;
            let mut probed = outage.probed.iter();
            account.key.provider == outage.provider
                && tokens.attempts.failures == 0
                && !probed.any(|probed| probed.account == account.id)
        });
        Ok(unfailed.filter_map(due_at).min())
    }

    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError> {
        let outages = &mut self.lock().outages;
        let mut stored = outages.iter_mut();
        let stored = stored.find(|stored| stored.version == outage.version);
        let is_present = stored.is_some();
        if let Some(stored) = stored {
            *stored = outage.clone().changed();
        }
        Ok(is_present)
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError> {
        let outages = &mut self.lock().outages;
        let before = outages.len();
        outages.retain(|outage| outage.provider != *provider);
        Ok(outages.len() < before)
    }
}
