//! Counting what is stored.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::{AccountStatus, ProviderName};
use crate::time::Timestamp;

/// Counts. It may take a while where there is much to count, so nobody waits for it: somebody asks now and then.
#[async_trait]
pub trait CensusStore: Send + Sync {
    /// The accounts as they are `now`, and how many of their grants die soon.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;
}

/// How many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts by provider and status as of now ([`Account::as_of`](crate::grant::Account::as_of)), in any order and
    /// perhaps in several counts; what there is none of may be left out.
    pub accounts: Vec<AccountCount>,
    /// Grants that will die soon, each counted once, in any order, likewise. Those that were given up, or whose last token has
    /// expired, have died already.
    pub dying: Vec<DyingCount>,
    /// Grants whose refresh nobody has managed in time, in any order, likewise.
    pub overdue: Vec<OverdueCount>,
}

/// So many accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCount {
    /// Of this provider.
    pub provider: ProviderName,
    /// With this status.
    pub status: AccountStatus,
    /// So many.
    pub count: u64,
}

/// So many grants that will die: within [`Account::NOTICE`](crate::grant::Account::NOTICE) of age, by a refresh token whose
/// end has been seen to stand, or because there is none and the access token expires; within [`Self::HORIZON`] by any other
/// refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DyingCount {
    /// Of this provider.
    pub provider: ProviderName,
    /// Whether a refresh saves them, as far as is known: one is due before, refreshing works, and nothing else ends them
    /// soon. Otherwise only a person can.
    pub refresh_due: bool,
    /// So many.
    pub count: u64,
}

impl DyingCount {
    /// How far ahead an end is counted that a refresh may put off, now or once the provider is back.
    pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
}

/// So many grants that have a refresh token, were not given up, and are overdue: their access token has expired, or the
/// time planned for their refresh has come. A failure moves that time on; it does not move the expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueCount {
    /// Of this provider.
    pub provider: ProviderName,
    /// With this status: `active` where nobody has tried yet, `degraded` where trying has failed.
    pub status: AccountStatus,
    /// So many.
    pub count: u64,
    /// For so long has one of them been overdue, the others for less.
    pub longest: Duration,
}
