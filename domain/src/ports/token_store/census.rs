use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::grant::{AccountStatus, ProviderName};
use crate::time::Timestamp;

/// Counts accounts. Counting may take long on a large store, so callers do it in the background.
#[async_trait]
pub trait CensusStore: Send + Sync {
    /// Counts the accounts at `now`, and the grants that end soon or are overdue.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;
}

/// The counts of accounts and grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts by provider and status at `now` ([`Account::as_of`](crate::grant::Account::as_of)), in any order. One
    /// combination may have several counts; counts of zero may be left out.
    pub accounts: Vec<AccountCount>,
    /// Grants that end soon, each counted once, in the same form. Excludes grants that have ended, and those whose last
    /// token has expired.
    pub expiring: Vec<ExpiringCount>,
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

/// A number of grants that end soon: within [`Account::NOTICE`](crate::grant::Account::NOTICE) because of their maximum
/// age, a refresh token whose expiry does not move, or an access token without a refresh token; or within
/// [`Self::HORIZON`] because of any other refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiringCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Whether a refresh will prevent the end, as far as known: it is due before the end, refreshes work, and nothing
    /// else ends the grant soon. Otherwise only a person can prevent it.
    pub refresh_due: bool,
    /// How many.
    pub count: u64,
}

impl ExpiringCount {
    /// If a refresh may postpone the end, now or after an outage, the grant counts from this long before the end.
    pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A number of overdue grants: they have a refresh token, they have not ended, and their access token has expired or
/// their scheduled refresh is due. A failure reschedules the refresh but does not change the expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Their status: `active` if no refresh has been attempted yet, `degraded` if attempts have failed.
    pub status: AccountStatus,
    /// How many.
    pub count: u64,
    /// How long the most overdue grant has been overdue.
    pub longest: Duration,
}
