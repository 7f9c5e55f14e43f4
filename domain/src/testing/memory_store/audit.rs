//! The audit log in memory.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::audit::{
    AuditChain, AuditContent, AuditEnds, AuditEntry, AuditFilter, AuditNumber, AuditPosition,
    AuditReference, SignedEntry,
};
use crate::ports::{AuditStore, Chained, StoreError};
use crate::time::Timestamp;

/// The audit log: entries that are not numbered yet, and numbered entries.
#[derive(Default)]
pub(super) struct Audit {
    kept: Vec<SignedEntry>,
    entries: Vec<AuditEntry>,
    ends: Option<AuditEnds>,
    /// The references of all entries that were ever added.
    references: HashSet<AuditReference>,
}

impl Audit {
    pub(super) fn clear(&mut self) {
        (self.entries, self.ends) = (Vec::new(), None);
    }

    pub(super) fn cut(&mut self, ends: AuditEnds) {
        self.entries
            .retain(|entry| entry.number <= ends.head.number);
        self.ends = Some(ends);
    }

    /// Returns the number of the last entry.
    pub(super) fn head(&self) -> Option<AuditNumber> {
        self.entries.last().map(|entry| entry.number)
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn store_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError> {
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
    ) -> Result<Chained, StoreError> {
        let audit = &mut self.lock().audit;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let taken: Vec<_> = audit.kept.drain(..audit.kept.len().min(most)).collect();
        let mut chained = Chained {
            taken: taken.len() as u64,
            is_broken: false,
        };
        if taken.is_empty() {
            return Ok(chained);
        }
        let last = audit.entries.last().map(AuditPosition::of);
        if let Some(extension) = chain.extend(audit.ends.as_ref(), last, taken, now) {
            chained.is_broken = extension.is_broken;
            audit.entries.extend(extension.entries);
            audit.ends = Some(extension.ends);
        }
        Ok(chained)
    }

    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let state = self.lock();
        let later = state.audit.entries.iter().filter(|e| e.number > after);
        let wanted = later.filter(|entry| admits(filter, &entry.content));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(wanted.take(most).cloned().collect())
    }

    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError> {
        let mut state = self.lock();
        refuse(&mut state.audit_reads_to_refuse)?;
        Ok(state.audit.ends.clone())
    }

    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let audit = &mut self.lock().audit;
        let Some(ends) = &audit.ends else {
            return Ok(0);
        };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let oldest = &audit.entries[..audit.entries.len().min(most)];
        let shortened = chain.shorten(ends, oldest, &retained);
        let shortened = shortened.map_err(|broken| StoreError::Corrupt(Box::new(broken)))?;
        audit.entries.drain(..shortened.deleted);
        audit.ends = Some(shortened.ends);
        Ok(shortened.deleted as u64)
    }
}

impl State {
    /// Adds an entry, unless an entry with the same reference was added before.
    pub(super) fn keep_entry(&mut self, entry: SignedEntry) {
        if self.audit.references.insert(entry.content.reference) {
            self.audit.kept.push(entry);
        }
    }
}

/// Whether a filter selects an entry.
fn admits(filter: &AuditFilter, content: &AuditContent) -> bool {
    let equals = |wanted: Option<i64>, is: Option<i64>| wanted.is_none() || wanted == is;
    equals(filter.account.map(|a| a.0), content.account.map(|a| a.0))
        && equals(filter.key.map(|k| k.0), content.key.map(|k| k.0))
        && filter.kind.is_none_or(|kind| kind.as_str() == content.kind)
        && filter.after.is_none_or(|after| content.at >= after)
        && filter.before.is_none_or(|before| content.at < before)
}
