//! Stores which ends of grants were announced.

use std::ops::Range;

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditDraft, SignedEntry};
use crate::grant::{Account, AccountId, AccountStatus};
use crate::time::Timestamp;

/// Finds grants that end soon or have expired, and records which ends were announced.
#[async_trait]
pub trait GrantEndStore: Send + Sync {
    /// Returns up to `limit` accounts whose grant has not ended and has a known end within `period`. Leaves out
    /// accounts for which [the same end](Account::is_same_end) was already announced.
    async fn unannounced_ends(
        &self,
        period: Range<Timestamp>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError>;

    /// Records that this end of an account was announced, in place of an end that was announced before. The audit entry
    /// is part of the transaction. Returns `false` and records nothing if the [same end](Account::is_same_end) was
    /// already announced, or if the account is gone.
    async fn announce_end(
        &self,
        account: AccountId,
        end: Timestamp,
        audit: SignedEntry,
    ) -> Result<bool, StoreError>;

    /// Returns up to `limit` accounts that [`StoredTokens::expire`] changes. A database server's clock takes precedence
    /// over `now`.
    ///
    /// [`StoredTokens::expire`]: crate::grant::StoredTokens::expire
    async fn expired_accounts(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<AccountId>, StoreError>;

    /// Applies [`StoredTokens::expire`] to an account and returns the new status. Returns `None` and records nothing if
    /// the status stays the same. A database server's clock takes precedence over `now`. The audit entry is part of the
    /// transaction.
    ///
    /// [`StoredTokens::expire`]: crate::grant::StoredTokens::expire
    async fn expire_account(
        &self,
        account: AccountId,
        now: Timestamp,
        audit: AuditDraft,
    ) -> Result<Option<AccountStatus>, StoreError>;
}
