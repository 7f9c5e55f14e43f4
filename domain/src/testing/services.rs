//! Services over the fakes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::entropy::Entropy;
use crate::observe::Unobserved;
use crate::ports::{Clock, TokenStore};
use crate::usecases::{
    AuditLog, AuditSettings, Pause, Ports, Providers, Services, Settings, TokenCache, Workers,
};
use crate::vault::Vault;

/// Ports without an observer.
#[must_use]
pub fn ports(
    store: Arc<dyn TokenStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
) -> Ports {
    Ports {
        cache: Arc::new(TokenCache::new(
            store.clone(),
            Arc::clone(&clock),
            vault.row_macs(),
        )),
        pause: Arc::new(NoPause),
        audit: Arc::new(AuditLog::new(
            store.clone(),
            vault.clone(),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::new(Unobserved),
            AuditSettings::default(),
        )),
        store,
        vault,
        clock,
        entropy,
        providers,
        observer: Arc::new(Unobserved),
    }
}

/// Does not wait.
struct NoPause;

#[async_trait]
impl Pause for NoPause {
    async fn until(&self, _uptime: Duration) {}
}

/// Builds services that do the work for callers in the callers' own tasks.
#[must_use]
pub fn services(ports: &Ports, settings: &Settings) -> Services {
    Services::new(ports, settings, Workers::new(ports, settings))
}
