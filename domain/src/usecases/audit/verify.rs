//! Checks the audit log, entry by entry.

use crate::audit::{AuditChain, AuditEnds, AuditEntry, AuditFilter, AuditPosition, ChainBreak};
use crate::ports::{AuditStore, StoreError};

/// Entries read at a time.
const BATCH: u64 = 500;

/// A log that is exactly as this service has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLog {
    /// How many entries were checked.
    pub entries: u64,
    /// The last entry, which later exports and checks can use as `exported`.
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

/// Checks every entry of the log, and that the log ends at its signed end. `exported` is the head of an earlier export.
/// Without `exported`, the check cannot notice that the whole log was replaced by an older copy.
///
/// # Errors
/// [`VerifyError::Broken`] with the first place at which the log was changed.
pub async fn verify_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    exported: Option<AuditPosition>,
) -> Result<VerifiedLog, VerifyError> {
    export_audit(store, chain, exported, &mut |_| ()).await
}

/// Checks every entry and passes it to `each`, in order.
///
/// # Errors
/// As [`verify_audit`]. The entries before the break were passed to `each`.
pub async fn export_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    exported: Option<AuditPosition>,
    each: &mut (dyn FnMut(&AuditEntry) + Send),
) -> Result<VerifiedLog, VerifyError> {
    let all = AuditFilter::default();
    let mut walk = Walk::new(exported);
    loop {
        let ends = walk.signed_ends(store, chain).await?;
        walk.begin_at(ends.start);
        let page = store.audit_entries(&all, walk.position.number, BATCH);
        match walk.check(chain, &page.await?, ends.head, each) {
            Ok(true) => return walk.finish(),
            Ok(false) => {}
            // A purge may have deleted old entries since the ends were read. Then the signed start has moved, and the
            // check goes on.
            Err(broken) => {
                let now = walk.signed_ends(store, chain).await?;
                if now.start == ends.start {
                    return Err(broken.into());
                }
            }
        }
    }
}

struct Walk {
    position: AuditPosition,
    entries: u64,
    exported: Option<AuditPosition>,
    /// Whether the exported head was found, lies before the signed start, or was not given.
    has_exported: bool,
}

impl Walk {
    const fn new(exported: Option<AuditPosition>) -> Self {
        Self {
            position: AuditPosition::ORIGIN,
            entries: 0,
            exported,
            has_exported: exported.is_none(),
        }
    }

    async fn signed_ends(
        &self,
        store: &dyn AuditStore,
        chain: &AuditChain,
    ) -> Result<AuditEnds, VerifyError> {
        match store.audit_ends().await? {
            Some(ends) if chain.is_signed(&ends) => Ok(ends),
            None if self.entries == 0 => Ok(chain.empty()),
            _ => Err(ChainBreak::Unsigned.into()),
        }
    }

    /// Moves to the signed start of the log, because a purge has deleted the entries before the start. Only the last
    /// deleted entry can still be compared with the exported head, because the signed start contains its hash.
    fn begin_at(&mut self, start: AuditPosition) {
        if start.number > self.position.number {
            self.position = start;
        }
        self.has_exported |= self.exported == Some(self.position)
            || self
                .exported
                .is_some_and(|exported| exported.number < start.number);
    }

    /// Checks the next entries. Returns `true` for an empty page at the signed end of the log.
    fn check(
        &mut self,
        chain: &AuditChain,
        page: &[AuditEntry],
        head: AuditPosition,
        each: &mut (dyn FnMut(&AuditEntry) + Send),
    ) -> Result<bool, ChainBreak> {
        for entry in page {
            self.position = chain.follows(self.position, entry)?;
            self.entries += 1;
            self.has_exported |= self.exported == Some(self.position);
            each(entry);
        }
        if !page.is_empty() {
            return Ok(false);
        }
        if self.position == head {
            return Ok(true);
        }
        let (last, head) = (self.position.number, head.number);
        Err(ChainBreak::Truncated { last, head })
    }

    fn finish(self) -> Result<VerifiedLog, VerifyError> {
        match self.exported {
            Some(exported) if !self.has_exported => {
                Err(ChainBreak::OtherHead(exported.number).into())
            }
            _ => Ok(VerifiedLog {
                entries: self.entries,
                head: self.position,
            }),
        }
    }
}
