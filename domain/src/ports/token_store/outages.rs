//! Stores outages: at most one per provider, shared by all replicas.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::refresh::Outage;
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::time::Timestamp;

/// Stores outages of providers, and leases accounts to probe them.
#[async_trait]
pub trait OutageStore: Send + Sync {
    /// Returns all outages.
    async fn outages(&self) -> Result<Vec<Outage>, StoreError>;

    /// Records that an outage has begun, and numbers it. Later outages have greater numbers. Returns `None` and changes
    /// nothing if the provider already has an outage.
    async fn begin_outage(&self, outage: Outage) -> Result<Option<Outage>, StoreError>;

    /// Leases the account that is [probed next](Outage::choose), if the provider has an outage and a probe is due.
    /// Chooses between the accounts whose refresh is due and, if given, `asked_for`. With `asked_for`, leases nothing
    /// if another account is chosen. Starts the pause before the next probe. Returns the new state of the outage and
    /// the leased tokens.
    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(Outage, StoredTokens)>, StoreError>;

    /// Returns the earliest due time among the provider's accounts that have no failure and were not probed in this
    /// outage.
    async fn next_unfailed_at(&self, outage: &Outage) -> Result<Option<Timestamp>, StoreError>;

    /// Records a change of an outage and gives it the next version ([`Outage::changed`]). Returns `false` and records
    /// nothing if the stored outage has a different version from `outage`.
    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError>;

    /// Records that the provider has given a definite response. Returns whether an outage ended.
    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError>;
}
