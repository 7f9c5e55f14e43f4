use super::AuditLog;
use crate::audit::{AuditEntry, AuditFilter, AuditNumber};
use crate::usecases::caller::require_auditor;
use crate::usecases::page::Page;
use crate::usecases::{Caller, Refusal};

/// One page of the audit log.
pub type AuditPage = Page<AuditEntry, AuditNumber>;

/// The refusal for a key that may not read the audit log.
pub const READERS_ONLY: Refusal =
    Refusal::Forbidden("only an admin's or an auditor's key reads the audit log");

impl AuditLog {
    /// Lists entries, the oldest first. Before reading, stores the entries that are still in the memory of this
    /// process. Counts wait for the end of their period, because each read of a page is itself counted and would add an
    /// entry.
    ///
    /// # Errors
    /// [`Refusal`]: the caller may not read the log, or the store fails.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        after: Option<AuditNumber>,
        limit: u64,
    ) -> Result<AuditPage, Refusal> {
        require_auditor(caller, self.clock.now(), READERS_ONLY)?;
        if let Err(error) = self.store(false).await {
            // The stored entries can still be read.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the audit log lags: entries could not be stored");
        }
        let after = after.unwrap_or(AuditNumber(0));
        let asked = limit.saturating_add(1);
        let entries = self.store.audit_entries(filter, after, asked).await?;
        Ok(Page::cut(entries, limit, |entry| entry.number))
    }
}
