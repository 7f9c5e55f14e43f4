//! Tests whether the store is writable.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Tests whether the store can commit at the moment.
#[async_trait]
pub trait WriteTestStore: Send + Sync {
    /// Checks that a row of tokens can be stored. Commits 64 KiB, because on a nearly full disk a smaller write may
    /// succeed where a row of tokens does not fit. Skips the check if no write of this process has failed since the
    /// last successful check. If `within` is given, skips the check only if a write was also committed within that
    /// time. For one second after a failed check, fails again without checking.
    async fn test_write(&self, within: Option<Duration>) -> Result<(), StoreError>;
}
