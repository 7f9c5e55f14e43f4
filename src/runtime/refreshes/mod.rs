//! Refreshes, scheduled and on demand: one flight per account, limited per provider. A refresh runs to completion even
//! if its caller disconnects.

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
/// How long the store is checked: longer than any caller waits.
const LOOK_FOR: Duration = Duration::from_secs(15);
/// Attempts to record a result without tokens. After the last attempt the lease expires, and the account is refreshed
/// again.
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
    /// The flight waits for a permit or for the lease, or has recorded its result.
    #[default]
    NotSending,
    /// The refresh token is being sent, or the response is not saved yet. If the lease expired meanwhile and this
    /// process claimed the account again, contains the newer lease.
    Sending {
        newer_lease: Option<Box<StoredTokens>>,
    },
}

#[async_trait]
impl RefreshOnDemand for Refreshes {
    async fn refresh(&self, request: RefreshRequest, timeout: Duration) {
        let account = request.account;
        let landed = self
            .0
            .flights
            .join(account, || Arc::clone(&self.0).run_on_demand(request));
        // The output is ignored: the caller reads the result from the store.
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

    /// Starts no more refreshes, and waits up to `grace` for those in progress. Returns whether all responses arrived
    /// and were saved.
    pub(crate) async fn finish(self, grace: Duration) -> bool {
        self.0.stopping.store(true, Ordering::SeqCst);
        // This future is kept until the function ends, because dropping the future aborts all flights.
        let mut all_landed = pin!(self.0.flights.finish());
        if timeout(grace, &mut all_landed).await.is_ok() {
            return true;
        }
        let is_sending = |phase: &Phase| matches!(phase, Phase::Sending { .. });
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

    /// Starts a flight. If a flight of this process is already sending the refresh token under an earlier lease, that
    /// flight gets the new lease instead, and holds it until the response is saved, so that no other process sends the
    /// token meanwhile. The earlier lease may have expired because the machine was suspended, its clock was set
    /// forward, or the store was unavailable. Returns `false` if a flight still waits to claim the account: the
    /// scheduler then gives the lease back, so that the flight can claim it.
    fn start(&self, lease: &StoredTokens, permit: OwnedSemaphorePermit) -> bool {
        let (account, flights) = (lease.account.id, &self.0.flights);
        let keep = |phase: &mut Phase| match phase {
            Phase::Sending { newer_lease } => {
                *newer_lease = Some(Box::new(lease.clone()));
                true
            }
            Phase::NotSending => false,
        };
        if flights.with_state(account, keep) == Some(true) {
            return true;
        }
        let (inner, lease) = (Arc::clone(&self.0), lease.clone());
        flights.start(account, async move {
            inner.refresh_leased(&lease, permit).await;
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
            let Ok(permit) = self
                .scheduler
                .permits_at(&request.provider)
                .acquire_owned()
                .await
            else {
                return;
            };
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Some(pause) = self.scheduler.held_back() {
                drop(permit);
                sleep(pause).await;
                continue;
            }
            match self.refresher.claim(&request).await {
                Ok(Claim::Mine(lease)) => return self.refresh_leased(&lease, permit).await,
                Ok(Claim::Theirs) | Err(StoreError::Busy(_)) => {}
                Ok(Claim::Settled) => return,
                Err(error) => {
                    self.scheduler.note(&error);
                    // A damaged row is not logged here: the store has logged the row, and repeated requests would fill
                    // the log.
                    if !matches!(error, StoreError::Corrupt(_)) {
                        let error = &error as &dyn Error;
                        tracing::error!(error, "a refresh could not be claimed");
                    }
                    return;
                }
            }
            drop(permit);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends the refresh token of a lease and records the result.
    async fn refresh_leased(&self, lease: &StoredTokens, permit: OwnedSemaphorePermit) {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        // An `ERROR` span, like that of a request, so that no log level hides it.
        let span = tracing::error_span!("refresh", account = account.0, %provider);
        let set = |to| {
            self.flights
                .with_state(account, |phase| std::mem::replace(phase, to))
        };
        set(Phase::Sending { newer_lease: None });
        let mut permit = Some(permit);
        let attempt = async {
            let result = self.refresher.attempt(lease).await;
            self.record(lease, &result, &mut permit).await;
        };
        attempt.instrument(span).await;
        let ended = set(Phase::NotSending);
        if let Some(Phase::Sending {
            newer_lease: Some(newer),
        }) = ended
        {
            self.record(&newer, &RefreshResult::Unsent, &mut permit)
                .await;
        }
        self.free(&mut permit);
    }

    fn free(&self, permit: &mut Option<OwnedSemaphorePermit>) {
        if let Some(permit) = permit.take() {
            self.scheduler.free(permit);
        }
    }

    /// Records the result, and retries while the store is unavailable. The pause between attempts stays short: when the
    /// store is available again, this write must come before another process claims the expired lease. While the row is
    /// damaged, gives the permit to other refreshes at the provider, because nobody knows when the row will be
    /// repaired.
    async fn record(
        &self,
        lease: &StoredTokens,
        result: &RefreshResult,
        permit: &mut Option<OwnedSemaphorePermit>,
    ) {
        // Until the store has the new tokens, they exist nowhere else.
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
                self.free(permit);
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
