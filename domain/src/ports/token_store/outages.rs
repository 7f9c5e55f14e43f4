//! Outages in the store: one for each provider at the most, known to all replicas.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::refresh::Outage;
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::time::Timestamp;

/// Providers that serve nobody, and who probes them.
#[async_trait]
pub trait OutageStore: Send + Sync {
    /// Returns all outages.
    async fn outages(&self) -> Result<Vec<Outage>, StoreError>;

    /// Records that an outage has begun, and numbers it: later outages have greater numbers. `None` if the provider has
    /// one already, which stays unchanged.
    async fn begin_outage(&self, outage: Outage) -> Result<Option<Outage>, StoreError>;

    /// Leases the account that is [probed next](Outage::choose), if the provider has an outage and a probe is due: one
    /// of those whose refresh is due, or `asked_for`. With `asked_for`, leases nothing if it is another account's turn.
    /// Nobody else gets a probe of this provider before the pause is over. Returns the new state of the outage.
    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(Outage, StoredTokens)>, StoreError>;

    /// Returns when the first account of the provider is due that has neither failed nor been probed in this outage.
    async fn next_unfailed_at(&self, outage: &Outage) -> Result<Option<Timestamp>, StoreError>;

    /// Records a change of an outage, as returned by [`Outage::changed`]. Returns `false` and records nothing if the
    /// stored outage has another version than this one.
    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError>;

    /// Records that the provider has given a definite response. Returns whether that ended an outage.
    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError>;
}
