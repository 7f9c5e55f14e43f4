//! Keeps grants alive: refreshes tokens before they expire and on demand.
//!
//! The runtime claims a lease with [`Refresher::claim_due`] or [`Refresher::claim`] (one transaction), sends the
//! refresh token with [`Refresher::attempt`] (no transaction is open), and stores the result with
//! [`Refresher::record_result`] (another transaction). It repeats `record_result` while the store is unavailable,
//! because the result may hold a refresh token that exists nowhere else.
//!
//! After a failed write, the service claims and sends nothing until a write test succeeds: the small write of a claim
//! may succeed although new tokens cannot be stored.

mod answer;
mod attempt;
mod claim_delay;
mod on_demand;
mod outage_watch;
mod outages;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::clock_step::LEASE_MARGIN;
use crate::entropy::Entropy;
use crate::grant::refresh::{REFRESH_HORIZON, WaitingAccount};
use crate::grant::{AccountStatus, ProviderName, StoredTokens};
use crate::observe::Observer;
use crate::ports::{AccountStore, Clock, RefreshStore, ReplicaStore, StoreError, WriteTestStore};
use crate::time::Timestamp;
use crate::vault::Vault;

use super::{AuditLog, Ports, Providers, Revoker, Settings, TokenCache};
use claim_delay::ClaimDelay;
use outage_watch::OutageWatch;

pub use attempt::RefreshResult;
pub use on_demand::{RefreshOnDemand, RefreshRequest};

/// If a provider responds to other replicas but not to this process, this process leaves due refreshes to them for this
/// long. Then this process claims the refreshes itself, because the other replicas may be gone.
const UNREACHABLE_CLAIM_DELAY: Duration = Duration::from_secs(30);

/// Refreshes tokens before they expire, and on demand.
pub struct Refresher {
    refreshes: Arc<dyn RefreshStore>,
    cache: Arc<TokenCache>,
    accounts: Arc<dyn AccountStore>,
    replicas: Arc<dyn ReplicaStore>,
    write_tests: Arc<dyn WriteTestStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    provider_timeout: Duration,
    at_least_every: Duration,
    revoker: Arc<Revoker>,
    outages: OutageWatch,
    claim_delay: ClaimDelay,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

/// The result of claiming one account.
#[derive(Debug)]
pub enum Claim {
    /// The caller holds the lease and may send the refresh token.
    Mine(Box<StoredTokens>),
    /// Another task or replica holds the lease: retry soon.
    Theirs,
    /// The account needs no refresh, or must not be refreshed now.
    Settled,
}

impl Refresher {
    pub(super) fn new(ports: &Ports, settings: &Settings, revoker: &Arc<Revoker>) -> Self {
        Self {
            refreshes: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            accounts: ports.store.clone(),
            replicas: ports.store.clone(),
            write_tests: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            provider_timeout: settings.provider_timeout,
            at_least_every: settings.refresh_at_least_every,
            revoker: Arc::clone(revoker),
            outages: OutageWatch::new(ports),
            claim_delay: ClaimDelay::default(),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Returns the clock with which the runtime measures timeouts of refreshes.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Leases up to `limit` accounts whose refresh is due, except at the providers in `busy`. During an outage, leases
    /// only the next probe. If a provider responds to other replicas but not to this process, leaves the provider's due
    /// refreshes to them for half a minute.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        self.write_tests.test_write(None).await?;
        let outages = self.outages.read().await?;
        let now = self.clock.now();
        let until = self.lease_until(now);
        let due = async |limit, overdue_by, skipped: &[ProviderName]| {
            self.refreshes
                .claim_due_refreshes(now, overdue_by, until, limit, skipped)
                .await
        };
        let closed: Vec<_> = outages
            .iter()
            .map(|outage| outage.provider.clone())
            .collect();
        let unreachable_providers = self.outages.known.unreachable_providers();
        let skipped = [busy, &closed, &unreachable_providers].concat();
        let claim_delay = self.claim_delay.current(now);
        let mut claimed = due(limit, claim_delay, &skipped).await?;
        for outage in &outages {
            let has_room = (claimed.len() as u64) < limit && !busy.contains(&outage.provider);
            if has_room && self.outages.may_probe(outage, now) {
                match self
                    .outages
                    .claim_probe(&outage.provider, None, now, until)
                    .await
                {
                    Ok(probe) => claimed.extend(probe),
                    Err(error) if claimed.is_empty() => return Err(error),
                    // Ignores the error, because returning it would drop the leases that were just claimed. The next
                    // call tries the probe again.
                    Err(_) => {}
                }
            }
        }
        if claimed.is_empty() && !unreachable_providers.is_empty() {
            let skipped = [busy, &closed].concat();
            claimed = due(1, UNREACHABLE_CLAIM_DELAY, &skipped).await?;
        }
        Ok(claimed)
    }

    /// Returns how long until [`Refresher::claim_due`] can claim a refresh at a provider that is not in `busy`; `None`
    /// if no refresh is scheduled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let outages = self.outages.read().await?;
        let now = self.clock.now();
        let (mut closed, mut opens_at) = (Vec::new(), Vec::new());
        for outage in &outages {
            if let Some(at) = self.outages.opens_at(outage, now).await? {
                closed.push(outage.provider.clone());
                // A busy provider has reached its concurrency limit, so it cannot be probed now.
                opens_at.extend(Some(at).filter(|_| !busy.contains(&outage.provider)));
            }
        }
        let unreachable_providers = self.outages.known.unreachable_providers();
        let skipped = [busy, &closed, &unreachable_providers].concat();
        let next = self.refreshes.next_refresh_at(&skipped).await?;
        let mut left_alone = None;
        if !unreachable_providers.is_empty() {
            let due_at = self
                .refreshes
                .next_refresh_at(&[busy, &closed].concat())
                .await?;
            left_alone = due_at.map(|due_at| due_at + UNREACHABLE_CLAIM_DELAY);
        }
        let next = opens_at.into_iter().chain(next).chain(left_alone).min();
        Ok(next.map(|at| (at + self.claim_delay.current(now)).since(now)))
    }

    /// Leases the account of a request, unless the request is settled. During an outage of the provider, leases the
    /// account only if it is the next to be probed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, request: &RefreshRequest) -> Result<Claim, StoreError> {
        let tokens = self.accounts.tokens(request.account).await?;
        let now = self.clock.now();
        let Some(tokens) = tokens.filter(|tokens| request.is_open(tokens)) else {
            return Ok(Claim::Settled);
        };
        if !self.may_claim(&tokens, now).await {
            return Ok(Claim::Settled);
        }
        if tokens.lease.is_held(now) {
            return Ok(Claim::Theirs);
        }
        self.write_tests.test_write(None).await?;
        let outages = self.outages.read().await?;
        let until = self.lease_until(now);
        if let Some(outage) = outages.iter().find(|o| o.provider == request.provider) {
            let asked = WaitingAccount {
                account: request.account,
                failures: tokens.attempts.failures,
            };
            if !self.outages.may_probe(outage, now) || outage.choose([asked], now).is_none() {
                return Ok(Claim::Settled);
            }
            let probe =
                self.outages
                    .claim_probe(&request.provider, Some(request.account), now, until);
            return Ok(probe
                .await?
                .map_or(Claim::Theirs, |lease| Claim::Mine(Box::new(lease))));
        }
        let version = tokens.lease.version;
        let claimed = self
            .refreshes
            .claim_refresh(request.account, version, now, until)
            .await;
        match claimed {
            Ok(claimed) => Ok(Claim::Mine(Box::new(claimed))),
            Err(StoreError::Conflict) => Ok(Claim::Theirs),
            Err(error) => Err(error),
        }
    }

    /// Releases a lease under which nothing was sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, lease: &StoredTokens) -> Result<(), StoreError> {
        let (account, version) = (lease.account.id, lease.lease.version);
        self.refreshes.release_refresh(account, version).await
    }

    /// Whether this process may try a refresh now. If another process could not send the refresh token but
    /// this process can, the pause after the other process's failure does not apply.
    async fn may_claim(&self, tokens: &StoredTokens, now: Timestamp) -> bool {
        may_try(tokens, now)
            || failed_locally(tokens) && self.open_refresh_token(tokens).await.is_ok()
    }

    fn lease_until(&self, now: Timestamp) -> Timestamp {
        now + self.provider_timeout + LEASE_MARGIN
    }
}

/// Whether a refresh may be tried now: the account has a refresh token, and no pause after a failure is in progress. A
/// pause longer than [`REFRESH_HORIZON`] allows was stored by a wrong clock, and counts as over. An account that was
/// given up has no pause: callers may request a refresh at any time.
pub(super) fn may_try(tokens: &StoredTokens, now: Timestamp) -> bool {
    let failed = tokens.attempts.failures > 0;
    let given_up = tokens.account.status == AccountStatus::RelinkRequired;
    let next_at = tokens.account.next_refresh_at;
    let pauses = next_at.is_some_and(|at| at.is_ahead(now, REFRESH_HORIZON.pause));
    tokens.refresh_token.is_some() && (given_up || !(failed && pauses))
}

/// Whether the last attempt failed for a reason that concerns only the process that made it.
pub(super) fn failed_locally(tokens: &StoredTokens) -> bool {
    let error = tokens.account.last_error.as_ref();
    tokens.attempts.failures > 0 && error.is_none_or(|fault| fault.code.is_local())
}
