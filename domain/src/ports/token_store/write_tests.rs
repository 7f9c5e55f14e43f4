//! Finding out whether writing works.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Whether the store can make something durable at this moment.
#[async_trait]
pub trait WriteTestStore: Send + Sync {
    /// Returns once it is known that a row of tokens could be stored. Nothing is written if no write of this process has
    /// failed since the last successful test and, with `within`, one was committed during that time. Otherwise 64 KiB are
    /// committed, because a small write can fit where a row of tokens does not. Less than a second after a failed test the
    /// answer is the same without another test.
    async fn test_write(&self, within: Option<Duration>) -> Result<(), StoreError>;
}
