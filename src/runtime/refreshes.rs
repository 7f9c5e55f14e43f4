//! Refreshes: ahead of expiry and on demand, one flight for each account, bounded for each provider, seen through
//! whoever goes away.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::{AccountId, ProviderName, StoredTokens};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{Claim, Exchange, RefreshOnDemand, RefreshRequest, Refresher};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::due::due;
use super::flights::Flights;
use super::patience::Patience;
use super::places::Places;
use super::recovery::Recovery;
use super::{ATTEMPTS_PER_LINE, LONGEST_IDLE, STORE_PAUSE, Stop, lock};

/// Refreshes at one provider under way at once; a provider that is down holds up no other.
const MOST_PER_PROVIDER: usize = 32;
/// How often it is looked what became of a refresh that somebody else has in hand, perhaps another process.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long that is done: longer than any caller waits.
const LOOK_FOR: Duration = Duration::from_secs(15);
/// Attempts to record what is no token: it can be found out again.
const TRIES_WITHOUT_TOKENS: u32 = 10;

/// All refreshes of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Refreshes(Arc<Inner>);

struct Inner {
    refresher: Arc<Refresher>,
    places: Places,
    flights: Flights<AccountId>,
    /// A place has become free.
    landed: Notify,
    recovery: Recovery,
    presenting: Mutex<PresentingAccounts>,
    stopping: AtomicBool,
}

/// Accounts whose refresh tokens are being presented, or have been and the answer is not saved; with the lease that this
/// process got meanwhile, because the first one had lapsed.
type PresentingAccounts = HashMap<AccountId, Option<StoredTokens>>;

/// Goes with the answer, also when the flight panics.
struct Presenting<'a> {
    all: &'a Mutex<PresentingAccounts>,
    account: AccountId,
}

impl<'a> Presenting<'a> {
    fn new(all: &'a Mutex<PresentingAccounts>, account: AccountId) -> Self {
        lock(all).insert(account, None);
        Self { all, account }
    }

    /// Ends it. Returns the lease that this process got meanwhile and that nobody needs any more.
    fn finish(self) -> Option<StoredTokens> {
        lock(self.all).remove(&self.account).flatten()
    }
}

impl Drop for Presenting<'_> {
    fn drop(&mut self) {
        lock(self.all).remove(&self.account);
    }
}

#[async_trait]
impl RefreshOnDemand for Refreshes {
    async fn refresh(&self, request: RefreshRequest, patience: Duration) {
        let account = request.account;
        let landed = self
            .0
            .flights
            .join(account, || Arc::clone(&self.0).see_to(request));
        // Whether it has landed or the patience is at an end: the store says how things are.
        let clock = self.0.refresher.clock();
        Patience::new(clock, patience).wait(landed.wait()).await;
    }
}

impl Refreshes {
    pub(crate) fn new(refresher: Arc<Refresher>) -> Self {
        Self(Arc::new(Inner {
            refresher,
            places: Places::new(MOST_PER_PROVIDER),
            flights: Flights::default(),
            landed: Notify::new(),
            recovery: Recovery::default(),
            presenting: Mutex::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Refreshes what is due, until told to stop.
    pub(crate) async fn schedule(self, mut stop: Stop) {
        while !*stop.borrow() {
            let (busy, room) = self.0.places.room();
            let pause = self.0.start_due(&busy, room).await;
            tokio::select! {
                () = sleep(pause.min(LONGEST_IDLE)) => {}
                () = self.0.landed.notified(), if !busy.is_empty() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Waits for all that is under way, once nothing new is started, within `grace`. Returns whether all that was
    /// presented was answered and saved.
    pub(crate) async fn finish(self, grace: Duration) -> bool {
        self.0.stopping.store(true, Ordering::SeqCst);
        // Kept until it is known what is left: dropping it ends all flights.
        let mut all_landed = pin!(self.0.flights.finish());
        if timeout(grace, &mut all_landed).await.is_ok() {
            return true;
        }
        let unsaved: Vec<_> = lock(&self.0.presenting).keys().copied().collect();
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

impl Inner {
    /// Starts what is due; how long nothing more is due then.
    async fn start_due(self: &Arc<Self>, busy: &[ProviderName], room: u64) -> Duration {
        let idle = self.refresher.idle_for(busy);
        let claim = self.refresher.claim_due(room, busy);
        let (leases, idle) = due("refreshes", &self.recovery, idle, claim).await;
        let mut all_started = true;
        for lease in leases {
            // Taken here, so that the next look around sees it taken. A caller's request may have taken the last one
            // meanwhile; then somebody else may have the lease.
            let place = self.places.at(&lease.account.key.provider);
            let started = match place.try_acquire_owned() {
                Ok(place) => self.start(&lease, place),
                Err(_) => false,
            };
            if !started {
                all_started = false;
                self.record(&lease, &Exchange::Unsent).await;
            }
        }
        if all_started { idle } else { LOOK_EVERY }
    }

    /// Starts to see a lease through. While this process is presenting the refresh token already, it may have been spent:
    /// the machine was suspended or its clock set forward, or the store has been away since the provider answered, and
    /// the lease has lapsed over it. Then the new lease is kept until the answer is saved, so that nobody else gets it
    /// before. `false` where a flight is under way that only waits for the lease: it wants it back.
    fn start(self: &Arc<Self>, lease: &StoredTokens, place: OwnedSemaphorePermit) -> bool {
        if let Some(newer) = lock(&self.presenting).get_mut(&lease.account.id) {
            *newer = Some(lease.clone());
            return true;
        }
        let (inner, lease) = (Arc::clone(self), lease.clone());
        self.flights.start(lease.account.id, async move {
            inner.see_through(lease, place).await;
        })
    }

    /// Refreshes one account because somebody asked, or waits until somebody else has done so.
    async fn see_to(self: Arc<Self>, request: RefreshRequest) {
        let patience = Patience::new(self.refresher.clock(), LOOK_FOR);
        while !patience.left().is_zero() {
            // Never closed.
            let Ok(place) = self.places.at(&request.provider).acquire_owned().await else {
                return;
            };
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Some(pause) = self.recovery.pause() {
                drop(place);
                sleep(pause).await;
                continue;
            }
            match self.refresher.claim(&request).await {
                Ok(Claim::Mine(lease)) => return self.see_through(*lease, place).await,
                Ok(Claim::Theirs) => {}
                Ok(Claim::Settled) => return,
                Err(error) => {
                    self.recovery.failed();
                    let error = &error as &dyn Error;
                    tracing::error!(error, "a refresh could not be claimed");
                    return;
                }
            }
            drop(place);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Presents and records until the account has nothing more to present under this lease.
    async fn see_through(&self, lease: StoredTokens, place: OwnedSemaphorePermit) {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        // At the highest level, as that of a request is.
        let span = tracing::error_span!("refresh", account = account.0, %provider);
        let presenting = Presenting::new(&self.presenting, account);
        self.present(lease).instrument(span).await;
        if let Some(newer) = presenting.finish() {
            self.record(&newer, &Exchange::Unsent).await;
        }
        drop(place);
        self.landed.notify_one();
    }

    async fn present(&self, lease: StoredTokens) {
        let mut next = Some(lease);
        while let Some(lease) = next {
            let exchange = self.refresher.exchange(&lease).await;
            next = self.record(&lease, &exchange).await;
        }
    }

    /// Records, also while the store is away.
    async fn record(&self, lease: &StoredTokens, exchange: &Exchange) -> Option<StoredTokens> {
        // Tokens exist nowhere else until the store has them.
        let tries = match exchange {
            Exchange::Refreshed(_) => u32::MAX,
            Exchange::Failed(_) | Exchange::Unsent => TRIES_WITHOUT_TOKENS,
        };
        let account = lease.account.id.0;
        for attempt in 0..tries {
            match self.refresher.record(lease, exchange).await {
                Ok(next) => return next,
                Err(StoreError::Conflict) => {
                    tracing::debug!(account, "the account is gone");
                    return None;
                }
                Err(error) => {
                    // A row that makes no sense says nothing about the others.
                    if matches!(error, StoreError::Unavailable(_)) {
                        self.recovery.failed();
                    }
                    if attempt % ATTEMPTS_PER_LINE == 0 {
                        let error = &error as &dyn Error;
                        tracing::error!(account, error, "a refresh is not recorded yet");
                    }
                }
            }
            // Always as short: when the store is back this comes before anybody claims what has lapsed meanwhile.
            sleep(STORE_PAUSE).await;
        }
        None
    }
}
