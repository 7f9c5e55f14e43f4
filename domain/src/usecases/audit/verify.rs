//! Checks the audit log, entry by entry.

use crate::audit::{AuditChain, AuditEntry, AuditFilter, AuditPosition, ChainBreak};
use crate::ports::{AuditStore, StoreError};

/// Entries read at a time.
const BATCH: u64 = 500;

/// A log that is as this service has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries were checked.
    pub entries: u64,
    /// The last entry; later exports and checks can refer to it.
    pub head: AuditPosition,
}

/// Why a log was not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log was changed.
    #[error(transparent)]
    Broken(#[from] ChainBreak),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks every entry of the log, and that it ends where it was signed to end. `exported` is the head of an earlier export:
/// only that reveals that somebody has put back an older state of the whole log.
///
/// # Errors
/// [`VerifyError::Broken`] says where the log was changed first.
pub async fn verify_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    exported: Option<AuditPosition>,
) -> Result<Verified, VerifyError> {
    export_audit(store, chain, exported, &mut |_| ()).await
}

/// Checks every entry and hands it to `each`, in order.
///
/// # Errors
/// As [`verify_audit`]. The entries before the break have been handed out.
pub async fn export_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    exported: Option<AuditPosition>,
    each: &mut (dyn FnMut(&AuditEntry) + Send),
) -> Result<Verified, VerifyError> {
    let all = AuditFilter::default();
    let mut walk = Walk::begin(store, chain, exported).await?;
    loop {
        let page = store.audit_entries(&all, walk.position.number, BATCH);
        let page = page.await?;
        for entry in &page {
            walk.step(chain, entry).await?;
            each(entry);
        }
        if page.is_empty() && walk.has_ended(chain).await? {
            return walk.finish();
        }
    }
}

struct Walk<'a> {
    store: &'a dyn AuditStore,
    position: AuditPosition,
    entries: u64,
    exported: Option<AuditPosition>,
    /// Whether the exported head has been found, or lies before the signed start.
    has_exported: bool,
}

impl<'a> Walk<'a> {
    async fn begin(
        store: &'a dyn AuditStore,
        chain: &AuditChain,
        exported: Option<AuditPosition>,
    ) -> Result<Self, VerifyError> {
        let position = match store.audit_ends().await? {
            Some(ends) if chain.is_signed(&ends) => ends.start,
            Some(_) => return Err(ChainBreak::Unsigned.into()),
            None => AuditPosition::ORIGIN,
        };
        let has_exported = exported.is_none_or(|exported| {
            // Deleted since because it was old: only the last deleted entry can be compared.
            exported.number < position.number || exported == position
        });
        Ok(Self {
            store,
            position,
            entries: 0,
            exported,
            has_exported,
        })
    }

    async fn step(&mut self, chain: &AuditChain, entry: &AuditEntry) -> Result<(), VerifyError> {
        let followed = match chain.follows(self.position, entry) {
            // Old entries may have been deleted since the ends were read.
            Err(_) if self.entries == 0 && self.has_moved(chain).await? => {
                chain.follows(self.position, entry)
            }
            followed => followed,
        };
        self.position = followed?;
        self.entries += 1;
        self.has_exported |= self.exported == Some(self.position);
        Ok(())
    }

    async fn has_moved(&mut self, chain: &AuditChain) -> Result<bool, VerifyError> {
        let ends = self.store.audit_ends().await?;
        let start = ends
            .filter(|ends| chain.is_signed(ends))
            .map(|ends| ends.start);
        let moved = start.filter(|start| start.number > self.position.number);
        self.position = moved.unwrap_or(self.position);
        Ok(moved.is_some())
    }

    /// Whether the last entry is the signed head. The service may have added entries since the page was read.
    async fn has_ended(&self, chain: &AuditChain) -> Result<bool, VerifyError> {
        let Some(ends) = self.store.audit_ends().await? else {
            return if self.position == AuditPosition::ORIGIN {
                Ok(true)
            } else {
                Err(ChainBreak::Unsigned.into())
            };
        };
        if !chain.is_signed(&ends) {
            return Err(ChainBreak::Unsigned.into());
        }
        if ends.head == self.position {
            return Ok(true);
        }
        let all = AuditFilter::default();
        let next = self.store.audit_entries(&all, self.position.number, 1);
        if !next.await?.is_empty() {
            return Ok(false);
        }
        let (last, head) = (self.position.number, ends.head.number);
        Err(ChainBreak::Truncated { last, head }.into())
    }

    fn finish(self) -> Result<Verified, VerifyError> {
        match self.exported {
            Some(exported) if !self.has_exported => {
                Err(ChainBreak::OtherHead(exported.number).into())
            }
            _ => Ok(Verified {
                entries: self.entries,
                head: self.position,
            }),
        }
    }
}
