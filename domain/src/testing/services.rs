//! Services over the fakes.

use std::sync::Arc;

use crate::entropy::Entropy;
use crate::observe::Unobserved;
use crate::ports::{Clock, TokenStore};
use crate::usecases::{Ports, Providers, Services, Settings, Workers};
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
        store,
        vault,
        clock,
        entropy,
        providers,
        observer: Arc::new(Unobserved),
    }
}

/// Services that run what callers wait for in the callers' own tasks.
#[must_use]
pub fn services(ports: &Ports, settings: &Settings) -> Services {
    Services::new(ports, settings, Workers::new(ports, settings))
}
