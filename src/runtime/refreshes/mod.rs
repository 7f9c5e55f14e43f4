//! Refreshes, scheduled and on demand: one flight per account, limited per provider. They run to completion even if the
//! caller disconnects.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::{AccountId, ProviderName, StoredTokens};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Claim, Exchange, RefreshOnDemand, RefreshRequest, Refresher};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::deadline::Deadline;
use super::flights::Flights;
use super::pump::{Pump, Work};
use super::{ATTEMPTS_PER_LINE, STORE_PAUSE, Stop};

/// Concurrent refreshes per provider.
const MOST_PER_PROVIDER: usize = 32;
/// How often the store is checked for the result of a refresh by another process.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long that is repeated: longer than any caller waits.
const LOOK_FOR: Duration = Duration::from_secs(15);
/// Attempts to record a result without tokens: it can be repeated.
const TRIES_WITHOUT_TOKENS: u32 = 10;

/// All refreshes of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Refreshes(Arc<Inner>);

struct Inner {
    refresher: Arc<Refresher>,
    pump: Pump,
    flights: Flights<AccountId, Phase>,
    stopping: AtomicBool,
}

#[derive(Default)]
enum Phase {
    /// It waits for a place or for the lease, or has ended.
    #[default]
    Waiting,
    /// The refresh token is being sent, or was sent and the response is not saved yet. Holds the lease that this
    /// process took meanwhile because the first one had expired.
    Presenting(Option<Box<StoredTokens>>),
}

#[async_trait]
impl RefreshOnDemand for Refreshes {
    async fn refresh(&self, request: RefreshRequest, timeout: Duration) {
        let account = request.account;
        let landed = self
            .0
            .flights
            .join(account, || Arc::clone(&self.0).see_to(request));
        // Whether it has ended or the timeout has expired: the store has the result.
        let clock = self.0.refresher.clock();
        Deadline::after(clock, timeout).wait(landed.wait()).await;
    }
}

impl Refreshes {
    pub(crate) fn new(refresher: Arc<Refresher>) -> Self {
        Self(Arc::new(Inner {
            refresher,
            pump: Pump::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Refreshes due accounts, until told to stop.
    pub(crate) async fn schedule(self, stop: Stop) {
        self.0.pump.run(&self, stop).await;
    }

    /// Waits for all refreshes in progress, once no new ones are started, within `grace`. Returns whether all responses
    /// arrived and were saved.
    pub(crate) async fn finish(self, grace: Duration) -> bool {
        self.0.stopping.store(true, Ordering::SeqCst);
        // Dropped last, because dropping it ends all flights.
        let mut all_landed = pin!(self.0.flights.finish());
        if timeout(grace, &mut all_landed).await.is_ok() {
            return true;
        }
        let is_presenting = |phase: &Phase| matches!(phase, Phase::Presenting(_));
        let unsaved = self.0.flights.running(is_presenting);
        for account in &unsaved {
            tracing::error!(
                account = account.0,
                "stopping without the provider's answer to a refresh: it could not be saved, or has not come; \
                 the account may have to be linked again"
            );
        }
        unsaved.is_empty()
    }
}

#[async_trait]
impl Work for Refreshes {
    type Lease = StoredTokens;

    const NAME: &'static str = "refreshes";

    async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        self.0.refresher.idle_for(busy).await
    }

    async fn claim(
        &self,
        room: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        self.0.refresher.claim_due(room, busy).await
    }

    fn provider(lease: &StoredTokens) -> &ProviderName {
        &lease.account.key.provider
    }

    /// If this process is already sending the refresh token, it may be used up: the machine was suspended or its clock
    /// set forward, or the store has been unavailable since the provider responded, and the lease has expired
    /// meanwhile. Then the new lease is held until the response is saved, so that nobody else gets it before. Returns
    /// `false` if a flight only waits for the lease: it needs it.
    fn start(&self, lease: &StoredTokens, place: OwnedSemaphorePermit) -> bool {
        let (account, flights) = (lease.account.id, &self.0.flights);
        let keep = |phase: &mut Phase| match phase {
            Phase::Presenting(newer) => {
                *newer = Some(Box::new(lease.clone()));
                true
            }
            Phase::Waiting => false,
        };
        if flights.with_state(account, keep) == Some(true) {
            return true;
        }
        let (inner, lease) = (Arc::clone(&self.0), lease.clone());
        flights.start(account, async move {
            inner.see_through(lease, place).await;
        })
    }

    async fn give_back(&self, lease: &StoredTokens) {
        self.0.record(lease, &Exchange::Unsent, &mut None).await;
    }
}

impl Inner {
    /// Refreshes one account on request, or waits until another process has done so.
    async fn see_to(self: Arc<Self>, request: RefreshRequest) {
        let deadline = Deadline::after(self.refresher.clock(), LOOK_FOR);
        while !deadline.left().is_zero() {
            // The semaphore is never closed.
            let Ok(place) = self.pump.places_at(&request.provider).acquire_owned().await else {
                return;
            };
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Some(pause) = self.pump.held_back() {
                drop(place);
                sleep(pause).await;
                continue;
            }
            match self.refresher.claim(&request).await {
                Ok(Claim::Mine(lease)) => return self.see_through(*lease, place).await,
                Ok(Claim::Theirs) | Err(StoreError::Busy(_)) => {}
                Ok(Claim::Settled) => return,
                Err(error) => {
                    self.pump.note(&error);
                    // The store has named a row that cannot be read, and callers may ask for it again and again.
                    if !matches!(error, StoreError::Corrupt(_)) {
                        let error = &error as &dyn Error;
                        tracing::error!(error, "a refresh could not be claimed");
                    }
                    return;
                }
            }
            drop(place);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends the refresh token of a lease and records the result.
    async fn see_through(&self, lease: StoredTokens, place: OwnedSemaphorePermit) {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        // At the highest level, like that of a request.
        let span = tracing::error_span!("refresh", account = account.0, %provider);
        let set = |to| {
            self.flights
                .with_state(account, |phase| std::mem::replace(phase, to))
        };
        set(Phase::Presenting(None));
        let mut place = Some(place);
        self.present(lease, &mut place).instrument(span).await;
        if let Some(Phase::Presenting(Some(newer))) = set(Phase::Waiting) {
            self.record(&newer, &Exchange::Unsent, &mut place).await;
        }
        self.free(&mut place);
    }

    async fn present(&self, lease: StoredTokens, place: &mut Option<OwnedSemaphorePermit>) {
        let exchange = self.refresher.exchange(&lease).await;
        self.record(&lease, &exchange, place).await;
    }

    fn free(&self, place: &mut Option<OwnedSemaphorePermit>) {
        if let Some(place) = place.take() {
            self.pump.free(place);
        }
    }

    /// Records, repeatedly while the store is unavailable. While the row is damaged, others have the place at the provider:
    /// nobody knows when it will be repaired.
    async fn record(
        &self,
        lease: &StoredTokens,
        exchange: &Exchange,
        place: &mut Option<OwnedSemaphorePermit>,
    ) {
        // Tokens exist nowhere else until the store has them.
        let tries = match exchange {
            Exchange::Refreshed(_) => u32::MAX,
            Exchange::Failed(_) | Exchange::Unsent => TRIES_WITHOUT_TOKENS,
        };
        let account = lease.account.id.0;
        for attempt in 0..tries {
            match self.refresher.record(lease, exchange).await {
                Ok(()) => return,
                Err(StoreError::Conflict) => {
                    tracing::debug!(account, "the account is gone");
                    return;
                }
                Err(error) => {
                    self.pump.note(&error);
                    if matches!(error, StoreError::Corrupt(_)) {
                        self.free(place);
                    }
                    if attempt % ATTEMPTS_PER_LINE == 0 {
                        let error = &error as &dyn Error;
                        tracing::error!(account, error, "a refresh is not recorded yet");
                    }
                }
            }
            // Always this short: when the store is available again, this must come before another process claims
            // expired leases.
            sleep(STORE_PAUSE).await;
        }
    }
}
