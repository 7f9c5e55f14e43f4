//! Shows the state of providers, replicas and receivers of webhooks to operators.

use std::sync::Arc;

use super::caller::require_auditor;
use super::{Caller, Ports, Providers, Refusal};
use crate::grant::ProviderName;
use crate::grant::refresh::Outage;
use crate::ports::{Clock, OutageStore, ReplicaStore, WebhookStore};
use crate::replica::Replica;
use crate::time::Timestamp;
use crate::webhook::Receiver;

const OPERATORS_ONLY: Refusal = Refusal::Forbidden("only operators see providers and replicas");

/// Shows the state of providers, replicas and receivers to operators.
pub struct Overview {
    outages: Arc<dyn OutageStore>,
    replicas: Arc<dyn ReplicaStore>,
    receivers: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    providers: Providers,
}

/// The state of providers, replicas and receivers of webhooks.
pub struct ServiceState {
    /// The configured providers, by name.
    pub providers: Vec<ProviderState>,
    /// The replicas, in the order in which they were first seen.
    pub replicas: Vec<Replica>,
    /// The receivers of webhooks, by name, including those that were removed from the configuration.
    pub receivers: Vec<Receiver>,
    /// When the state was read.
    pub now: Timestamp,
}

/// The state of a provider.
pub struct ProviderState {
    /// The provider's name in the configuration.
    pub name: ProviderName,
    /// The name that pages show to people.
    pub display_name: String,
    /// The provider's outage, if it has one.
    pub outage: Option<Outage>,
}

impl Overview {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            outages: ports.store.clone(),
            replicas: ports.store.clone(),
            receivers: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            providers: ports.providers.clone(),
        }
    }

    /// Returns the present time, by the clock of the service.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the state of providers, replicas and receivers of webhooks.
    ///
    /// # Errors
    /// [`Refusal`]: the caller is no admin or auditor, or the store fails.
    pub async fn state(&self, caller: &Caller) -> Result<ServiceState, Refusal> {
        let now = self.clock.now();
        require_auditor(caller, now, OPERATORS_ONLY)?;
        let outages = self.outages.outages().await?;
        let state = |name: &ProviderName| outages.iter().find(|outage| outage.provider == *name);
        let providers = self.providers.iter().map(|provider| ProviderState {
            name: provider.name().clone(),
            display_name: provider.display_name().to_owned(),
            outage: state(provider.name()).cloned(),
        });
        Ok(ServiceState {
            providers: providers.collect(),
            replicas: self.replicas.replicas().await?,
            receivers: self.receivers.receivers().await?,
            now,
        })
    }
}
