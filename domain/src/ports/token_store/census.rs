use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::{AccountStatus, ProviderName};
use crate::time::Timestamp;

/// Counts. May take long on a large store, so it runs in the background from time to time.
#[async_trait]
pub trait CensusStore: Send + Sync {
    /// Counts the accounts at `now`, and the grants that end soon or are overdue.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;
}

/// The counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts by provider and status at `now` ([`Account::as_of`](crate::grant::Account::as_of)), in any order. One
    /// combination may have several counts; counts of zero may be left out.
    pub accounts: Vec<AccountCount>,
    /// Grants that end soon, each counted once, in the same form. Grants that were given up, or whose last token has
    /// expired, are not counted.
    pub dying: Vec<DyingCount>,
    /// Overdue grants, in the same form.
    pub overdue: Vec<OverdueCount>,
}

/// A number of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Their status.
    pub status: AccountStatus,
    /// How many.
    pub count: u64,
}

/// A number of grants that end soon. Within [`Account::NOTICE`](crate::grant::Account::NOTICE): by their maximum age,
/// by a refresh token whose expiry does not move, or because there is no refresh token and the access token expires.
/// Within [`Self::HORIZON`]: by any other refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DyingCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Whether a refresh prevents that, as far as known: one is due before, refreshing works, and nothing else ends
    /// them soon. Otherwise only a person can.
    pub refresh_due: bool,
    /// How many.
    pub count: u64,
}

impl DyingCount {
    /// The horizon for an end that a refresh may postpone, now or after an outage.
    pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A number of overdue grants. They have a refresh token and were not given up, and their access token has expired or
/// their scheduled refresh is due. A failure reschedules the refresh but does not change the expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Their status: `active` if nobody has tried yet, `degraded` if attempts have failed.
    pub status: AccountStatus,
    /// How many.
    pub count: u64,
    /// Age of the most overdue one.
    pub longest: Duration,
}
