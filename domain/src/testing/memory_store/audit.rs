//! The audit log in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::audit::{
    AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditNumber, AuditPosition, KeptEntry,
};
use crate::ports::{AuditStore, StoreError};
use crate::time::Timestamp;

/// Entries that wait for their places, and those that have one.
#[derive(Default)]
pub(super) struct Audit {
    kept: Vec<KeptEntry>,
    entries: Vec<AuditEntry>,
    ends: Option<AuditEnds>,
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn keep_entries(&self, entries: &[KeptEntry]) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.take_tokens()?;
        for entry in entries {
            state.keep_entry(entry.clone());
        }
        Ok(())
    }

    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let audit = &mut self.lock().audit;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let taken: Vec<_> = audit.kept.drain(..audit.kept.len().min(most)).collect();
        let count = taken.len() as u64;
        if taken.is_empty() {
            return Ok(0);
        }
        let last = audit.entries.last().map(AuditPosition::of);
        if let Some(extension) = chain.extend(audit.ends.as_ref(), last, taken, now) {
            audit.entries.extend(extension.entries);
            audit.ends = Some(extension.ends);
        }
        Ok(count)
    }

    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let state = self.lock();
        let later = state.audit.entries.iter().filter(|e| e.number > after);
        let wanted = later.filter(|entry| filter.admits(&entry.content));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(wanted.take(most).cloned().collect())
    }

    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError> {
        Ok(self.lock().audit.ends.clone())
    }

    async fn purge_entries(
        &self,
        chain: &AuditChain,
        before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let audit = &mut self.lock().audit;
        let Some(ends) = &audit.ends else {
            return Ok(0);
        };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_old = |entry: &AuditEntry| entry.content.at < before;
        let oldest = &audit.entries[..audit.entries.len().min(most)];
        let Some(last) = oldest.iter().rposition(is_old) else {
            return Ok(0);
        };
        let shortened = chain.shorten(ends, AuditPosition::of(&oldest[last]));
        audit.ends = Some(shortened.map_err(|broken| StoreError::Corrupt(Box::new(broken)))?);
        audit.entries.drain(..=last);
        Ok(last as u64 + 1)
    }
}

impl State {
    /// Keeps an entry, once.
    pub(super) fn keep_entry(&mut self, entry: KeptEntry) {
        let (audit, reference) = (&mut self.audit, entry.content.reference);
        let mut kept = audit.kept.iter().map(|kept| kept.content.reference);
        let mut placed = audit.entries.iter().map(|entry| entry.content.reference);
        if !kept.any(|kept| kept == reference) && !placed.any(|placed| placed == reference) {
            audit.kept.push(entry);
        }
    }
}
