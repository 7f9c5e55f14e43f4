//! Services that use the fakes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::entropy::Entropy;
use crate::grant::revocation::RevocationLease;
use crate::link::Link;
use crate::observe::Unobserved;
use crate::ports::{Clock, StoreError, TokenStore};
use crate::testing::{FakeCipher, FixedClock, MemoryStore, ScriptedProvider, seeded_entropy};
use crate::usecases::{
    AuditLog, AuditSettings, Claim, Pause, Ports, Providers, Redeemer, RefreshOnDemand,
    RefreshRequest, Refresher, RevokeOnDemand, Revoker, Services, Settings, TokenCache,
    UnlockError, Workers, unlock,
};
use crate::vault::Vault;

/// Returns ports with fakes, without an observer. `seed` determines the random values.
///
/// # Errors
/// As [`unlock`].
pub async fn ports(
    store: &Arc<MemoryStore>,
    clock: &FixedClock,
    seed: u64,
    provider: &Arc<ScriptedProvider>,
) -> Result<Ports, UnlockError> {
    let entropy = Arc::new(seeded_entropy(seed));
    let vault = unlock(store.as_ref(), Arc::new(FakeCipher::default()), &entropy).await?;
    let clock = Arc::new(clock.clone());
    let providers = Providers::new([Arc::clone(provider) as _], None);
    Ok(ports_over(store.clone(), vault, clock, entropy, providers))
}

/// Returns ports with `store`, without an observer.
pub fn ports_over(
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

/// A [`Pause`] that does not wait.
struct NoPause;

#[async_trait]
impl Pause for NoPause {
    async fn until(&self, _uptime: Duration) {}
}

/// Builds services that refresh and revoke in the tasks of their callers.
pub fn services(ports: &Ports, settings: &Settings) -> Services {
    let workers = Workers::new(ports, settings);
    let (refresher, revoker) = (Arc::clone(&workers.refresher), Arc::clone(&workers.revoker));
    Services::new(ports, settings, workers, refresher, revoker)
}

/// Takes the next step of a link and records its result, until no further step is due.
///
/// # Errors
/// As [`Redeemer::record_result`].
pub async fn redeem_to_end(redeemer: &Redeemer, link: Link) -> Result<(), StoreError> {
    let mut next = Some(link);
    while let Some(link) = next {
        let outcome = redeemer.advance(&link).await;
        next = redeemer.record_result(&link, &outcome).await?;
    }
    Ok(())
}

/// Refreshes in the caller's own task. This is enough for tests, because no caller disconnects.
#[async_trait]
impl RefreshOnDemand for Refresher {
    async fn refresh(&self, request: RefreshRequest, _: Duration) {
        let Ok(Claim::Mine(lease)) = self.claim(&request).await else {
            return;
        };
        let result = self.attempt(&lease).await;
        let _ = self.record_result(&lease, &result).await;
    }
}

/// Revokes in the caller's own task. This is enough for tests, because no caller disconnects.
#[async_trait]
impl RevokeOnDemand for Revoker {
    async fn revoke(&self, lease: RevocationLease, _: Duration) {
        let result = self.attempt(&lease).await;
        let _ = self.record_result(&lease, result.as_ref()).await;
    }
}
