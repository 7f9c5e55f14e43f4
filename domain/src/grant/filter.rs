use super::refresh::Outage;
use super::{Account, AccountStatus, ProviderName};
use crate::labels::{Label, Labels};
use crate::time::Timestamp;

/// Selects accounts: those that match all of these.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// The provider.
    pub provider: Option<ProviderName>,
    /// The status as it is shown.
    pub status: Option<StatusAsOf>,
    /// One of the labels.
    pub label: Option<Label>,
}

/// A status as [`Account::as_of`] shows it.
#[derive(Debug, Clone)]
pub struct StatusAsOf {
    /// The status.
    pub status: AccountStatus,
    /// When it is shown.
    pub now: Timestamp,
    /// The outages at that time.
    pub outages: Vec<Outage>,
}

impl AccountFilter {
    /// Whether an account with these labels is listed.
    pub fn admits(&self, account: &Account, labels: &Labels) -> bool {
        let provider = self.provider.as_ref();
        let status = self.status.as_ref();
        let label = self.label.as_ref();
        provider.is_none_or(|provider| account.key.provider == *provider)
            && label.is_none_or(|label| labels.contains(label))
            && status.is_none_or(|wanted| wanted.admits(account))
    }
}

impl StatusAsOf {
    fn admits(&self, account: &Account) -> bool {
        account.clone().as_of(self.now, &self.outages).status == self.status
    }
}
