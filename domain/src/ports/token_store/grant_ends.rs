//! Ends of grants in the store, and which of them were announced.

use std::ops::Range;

use async_trait::async_trait;

use super::StoreError;
use crate::audit::SignedEntry;
use crate::grant::{Account, AccountId};
use crate::time::Timestamp;

/// Which accounts end soon, and who has been told.
#[async_trait]
pub trait GrantEndStore: Send + Sync {
    /// Returns up to `limit` accounts that have not been given up and that have an end within `period`, the earliest first.
    /// Leaves out accounts one of whose ends [was announced](Account::is_same_end).
    async fn unannounced_ends(
        &self,
        period: Range<Timestamp>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError>;

    /// Records that this end of an account was announced, instead of another one. The audit entry is part of the
    /// transaction. Returns `false` and records nothing if the [same end](Account::is_same_end) was announced before, or
    /// if the account is gone.
    async fn announce_end(
        &self,
        account: AccountId,
        end: Timestamp,
        audit: SignedEntry,
    ) -> Result<bool, StoreError>;
}
