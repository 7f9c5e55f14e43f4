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
use central_oauth_domain::usecases::{
    Claim, RefreshOnDemand, RefreshRequest, RefreshResult, Refresher,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::deadline::Deadline;
use super::flights::Flights;
use super::scheduler::{Work, WorkScheduler};
use super::{Stop, record_repeatedly};

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
    scheduler: WorkScheduler,
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
    Sending(Option<Box<StoredTokens>>),
}

#[async_trait]
impl RefreshOnDemand for Refreshes {
    async fn refresh(&self, request: RefreshRequest, timeout: Duration) {
        let account = request.account;
        let landed = self
            .0
            .flights
            .join(account, || Arc::clone(&self.0).run_on_demand(request));
        // Whether it has ended or the timeout has expired: the store has the result.
        let clock = self.0.refresher.clock();
        Deadline::after(clock, timeout).wait(landed.wait()).await;
    }
}

impl Refreshes {
    pub(crate) fn new(refresher: Arc<Refresher>) -> Self {
        Self(Arc::new(Inner {
            refresher,
            scheduler: WorkScheduler::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Refreshes due accounts, until told to stop.
    pub(crate) async fn schedule(self, stop: Stop) {
        self.0.scheduler.run(&self, stop).await;
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
        let is_sending = |phase: &Phase| matches!(phase, Phase::Sending(_));
        let unsaved = self.0.flights.running(is_sending);
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
            Phase::Sending(newer) => {
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
            inner.refresh_leased(&lease, place).await;
        })
    }

    async fn give_back(&self, lease: &StoredTokens) {
        self.0
            .record(lease, &RefreshResult::Unsent, &mut None)
            .await;
    }
}

impl Inner {
    /// Refreshes one account on request, or waits until another process has done so.
    async fn run_on_demand(self: Arc<Self>, request: RefreshRequest) {
        let deadline = Deadline::after(self.refresher.clock(), LOOK_FOR);
        while !deadline.left().is_zero() {
            // The semaphore is never closed.
            let Ok(place) = self
                .scheduler
                .places_at(&request.provider)
                .acquire_owned()
                .await
            else {
                return;
            };
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Some(pause) = self.scheduler.held_back() {
                drop(place);
                sleep(pause).await;
                continue;
            }
            match self.refresher.claim(&request).await {
                Ok(Claim::Mine(lease)) => return self.refresh_leased(&lease, place).await,
                Ok(Claim::Theirs) | Err(StoreError::Busy(_)) => {}
                Ok(Claim::Settled) => return,
                Err(error) => {
                    self.scheduler.note(&error);
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
    async fn refresh_leased(&self, lease: &StoredTokens, place: OwnedSemaphorePermit) {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        // At the highest level, like that of a request.
        let span = tracing::error_span!("refresh", account = account.0, %provider);
        let set = |to| {
            self.flights
                .with_state(account, |phase| std::mem::replace(phase, to))
        };
        set(Phase::Sending(None));
        let mut place = Some(place);
        let attempt = async {
            let result = self.refresher.attempt(lease).await;
            self.record(lease, &result, &mut place).await;
        };
        attempt.instrument(span).await;
        if let Some(Phase::Sending(Some(newer))) = set(Phase::Waiting) {
            self.record(&newer, &RefreshResult::Unsent, &mut place)
                .await;
        }
        self.free(&mut place);
    }

    fn free(&self, place: &mut Option<OwnedSemaphorePermit>) {
        if let Some(place) = place.take() {
            self.scheduler.free(place);
        }
    }

    /// Records, repeatedly while the store is unavailable. The pauses are always as short: when the store is available again,
    /// this must come before another process claims expired leases. While the row is damaged, others have the place at the
    /// provider: nobody knows when it will be repaired.
    async fn record(
        &self,
        lease: &StoredTokens,
        result: &RefreshResult,
        place: &mut Option<OwnedSemaphorePermit>,
    ) {
        // Tokens exist nowhere else until the store has them.
        let tries = match result {
            RefreshResult::Refreshed(_) => u32::MAX,
            RefreshResult::Failed(_) | RefreshResult::Unsent => TRIES_WITHOUT_TOKENS,
        };
        let account = lease.account.id.0;
        let may_retry = |error: &StoreError, is_logged: bool| {
            if matches!(error, StoreError::Conflict) {
                tracing::debug!(account, "the account is gone");
                return false;
            }
            self.scheduler.note(error);
            if matches!(error, StoreError::Corrupt(_)) {
                self.free(place);
            }
            if is_logged {
                let error = error as &dyn Error;
                tracing::error!(account, error, "a refresh is not recorded yet");
            }
            true
        };
        let record = || self.refresher.record_result(lease, result);
        record_repeatedly(tries, record, may_retry).await;
    }
}
