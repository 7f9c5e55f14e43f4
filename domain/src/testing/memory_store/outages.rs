//! Outages in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::refreshes::{claim, due_at};
use crate::grant::refresh::Outage;
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::ports::{OutageStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl OutageStore for MemoryStore {
    async fn outages(&self) -> Result<Vec<Outage>, StoreError> {
        Ok(self.lock().outages.clone())
    }

    async fn begin_outage(&self, outage: &Outage) -> Result<bool, StoreError> {
        let outages = &mut self.lock().outages;
        let is_new = outages
            .iter()
            .all(|known| known.provider != outage.provider);
        outages.extend(is_new.then(|| outage.clone()));
        Ok(is_new)
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
            .filter_map(|tokens| Some((due_at(tokens)?, tokens.account.id)))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort_unstable();
        let chosen = outage.choose(due.into_iter().map(|(_, id)| id).chain(asked_for));
        let Some(chosen) = chosen.filter(|id| asked_for.is_none_or(|asked_for| asked_for == *id))
        else {
            return Ok(None);
        };
        let Some(tokens) = state
            .accounts
            .get_mut(&chosen.0)
            .filter(|tokens| tokens.refresh_token.is_some() && !tokens.lease.is_held(now))
        else {
            return Ok(None);
        };
        let planned = tokens.account.next_refresh_at;
        tokens.account.next_refresh_at = Some(planned.map_or(now, |planned| planned.min(now)));
        *outage = outage.clone().probing(chosen, lease_until);
        outage.version += 1;
        Ok(Some((outage.clone(), claim(tokens, lease_until))))
    }

    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError> {
        let outages = &mut self.lock().outages;
        let stored = outages
            .iter_mut()
            .find(|stored| stored.provider == outage.provider && stored.version == outage.version);
        let Some(stored) = stored else {
            return Ok(false);
        };
        *stored = Outage {
            version: outage.version + 1,
            ..outage.clone()
        };
        Ok(true)
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError> {
        let outages = &mut self.lock().outages;
        let before = outages.len();
        outages.retain(|outage| outage.provider != *provider);
        Ok(outages.len() < before)
    }
}
