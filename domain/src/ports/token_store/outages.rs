//! Outages in the store: one for each provider at the most, known to all replicas.

use async_trait::async_trait;

use super::StoreError;
use crate::grant::refresh::Outage;
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::time::Timestamp;

/// Which providers serve nobody, and who finds out when they do again.
#[async_trait]
pub trait OutageStore: Send + Sync {
    /// Returns all outages.
    async fn outages(&self) -> Result<Vec<Outage>, StoreError>;

    /// Records that an outage has begun, and [numbers](Outage::numbered) it: later outages have greater numbers. `None` if the
    /// provider has one already, which stays as it is.
    async fn begin_outage(&self, outage: Outage) -> Result<Option<Outage>, StoreError>;

    /// Leases the account that is [probed next](Outage::choose), if the provider has an outage and a probe is due: one of
    /// those whose refresh is due, or `asked_for`. With `asked_for`, nothing is leased if it is the turn of another one.
    /// Nobody else gets a probe of this provider before `lease_until`. Returns the outage as it is afterwards.
    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(Outage, StoredTokens)>, StoreError>;

    /// Records a change of an outage, as [`Outage::changed`] returns it. Returns `false`, with nothing recorded, if the stored
    /// outage no longer has the version of this one, or is a later one.
    async fn change_outage(&self, outage: &Outage) -> Result<bool, StoreError>;

    /// Records that the provider has given a definite answer. Returns whether that ended an outage.
    async fn end_outage(&self, provider: &ProviderName) -> Result<bool, StoreError>;
}
