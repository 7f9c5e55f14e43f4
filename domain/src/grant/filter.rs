use super::refresh::Outage;
use super::{Account, AccountStatus, ProviderName};
use crate::labels::{Label, Labels};
use crate::time::Timestamp;

/// Selects the accounts that match all fields. `None` matches every account.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// The provider of the account.
    pub provider: Option<ProviderName>,
    /// The status that API responses show for the account.
    pub status: Option<StatusAsOf>,
    /// One of the account's labels.
    pub label: Option<Label>,
}

/// A status as computed by [`Account::as_of`].
#[derive(Debug, Clone)]
pub struct StatusAsOf {
    /// The status.
    pub status: AccountStatus,
    /// The time for which the status is computed.
    pub now: Timestamp,
    /// The outages at that time.
    pub outages: Vec<Outage>,
}

impl AccountFilter {
    /// Whether the filter selects an account with these labels.
    pub fn admits(&self, account: &Account, labels: &Labels) -> bool {
        let provider = self.provider.as_ref();
        let status = self.status.as_ref();
        let label = self.label.as_ref();
        let is_shown = |wanted: &StatusAsOf| {
            let shown = account.clone().as_of(wanted.now, &wanted.outages);
            shown.status == wanted.status
        };
        provider.is_none_or(|provider| account.key.provider == *provider)
            && label.is_none_or(|label| labels.contains(label))
            && status.is_none_or(is_shown)
    }
}
