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
    /// Accounts by provider and status at `now` ([`Account::as_of`](crate::grant::Account::as_of)), in any order. The
    /// same provider and status may occur several times. Counts of zero may be left out.
    pub accounts: Vec<AccountCount>,
    /// Grants that end soon, each counted once, grouped in the same way. Excludes grants that have ended or whose end
    /// has passed.
    pub expiring: Vec<ExpiringCount>,
    /// Overdue grants, grouped in the same way.
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

/// A number of grants that end soon. A grant ends soon in two cases:
///
/// - No refresh can postpone its end, and the end is within [`Account::NOTICE`](crate::grant::Account::NOTICE). The
///   cause is the maximum age of the grant, a refresh token whose expiry does not move, or an access token without a
///   refresh token.
/// - A refresh can postpone the expiry of its refresh token, and this expiry is within [`Self::HORIZON`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiringCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Whether a refresh will probably prevent the end: a refresh is due before the end, refreshes work, and nothing
    /// else ends the grant soon. Otherwise a person must consent again.
    pub refresh_due: bool,
    /// How many.
    pub count: u64,
}

impl ExpiringCount {
    /// How long before the expiry of a renewable refresh token its grant counts as ending soon.
    pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A number of overdue grants. An overdue grant has a refresh token and has not ended, and its access token has expired
/// or its scheduled refresh is due. A failure reschedules the refresh but does not change the expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueCount {
    /// Their provider.
    pub provider: ProviderName,
    /// Their status: `degraded` if refreshes have failed or wait for the end of an outage, otherwise `active`.
    pub status: AccountStatus,
    /// How many.
    pub count: u64,
    /// How long the most overdue grant has been overdue.
    pub longest: Duration,
}
