//! Keeps grants alive: refreshes tokens ahead of their expiry and on demand.
//!
//! Claim (one transaction), present the refresh token (none open), record (another): the runtime claims with
//! [`Refresher::claim_due`] or [`Refresher::claim`], then calls [`Refresher::exchange`] and [`Refresher::record`]. It
//! repeats the last one while the store is unavailable, because the outcome may hold a refresh token that exists nowhere
//! else.
//!
//! After a write has failed, nothing is claimed or presented until a write test has shown that there is room for tokens: a
//! claim may fit where its successor does not.

mod answer;
mod exchange;
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
use crate::grant::refresh::REFRESH_HORIZON;
use crate::grant::{AccountStatus, ProviderName, StoredTokens};
use crate::observe::Observer;
use crate::ports::{AccountStore, Clock, RefreshStore, StoreError, WriteTestStore};
use crate::time::Timestamp;
use crate::vault::Vault;

use super::{AuditLog, Ports, Providers, Revoker, Settings, TokenCache};
use outage_watch::OutageWatch;

pub use exchange::Exchange;
pub use on_demand::{RefreshOnDemand, RefreshRequest};

/// How long what is due is left to other replicas where the provider answers them and not this process. If nobody has taken it
/// by then, there may be none left.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(30);

/// Refreshes tokens, ahead of their expiry and when asked to.
pub struct Refresher {
    refreshes: Arc<dyn RefreshStore>,
    cache: Arc<TokenCache>,
    accounts: Arc<dyn AccountStore>,
    write_tests: Arc<dyn WriteTestStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    provider_timeout: Duration,
    at_least_every: Duration,
    revoker: Arc<Revoker>,
    outages: OutageWatch,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

/// The result of claiming one account.
#[derive(Debug)]
pub enum Claim {
    /// The refresh token is the caller's to present.
    Mine(Box<StoredTokens>),
    /// Somebody else holds the lease: try again soon.
    Theirs,
    /// There is nothing to do, or not now.
    Settled,
}

impl Refresher {
    pub(super) fn new(ports: &Ports, settings: &Settings, revoker: &Arc<Revoker>) -> Self {
        Self {
            refreshes: ports.store.clone(),
            cache: Arc::clone(&ports.cache),
            accounts: ports.store.clone(),
            write_tests: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            provider_timeout: settings.provider_timeout,
            at_least_every: settings.refresh_at_least_every,
            revoker: Arc::clone(revoker),
            outages: OutageWatch::new(ports),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// The clock of this service.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Leases accounts whose refresh is due, except those at busy providers. During an outage only the probe is leased. What is
    /// due at a provider that gives this process no answer, while it answers others, is left to them for half a minute.
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
        let due = async |limit, overdue_by, elsewhere: &[ProviderName]| {
            self.refreshes
                .claim_due_refreshes(now, overdue_by, until, limit, elsewhere)
                .await
        };
        let closed: Vec<_> = outages
            .iter()
            .map(|outage| outage.provider.clone())
            .collect();
        let cut_off = self.outages.cut_off();
        let elsewhere = [busy, &closed, &cut_off].concat();
        let mut claimed = due(limit, Duration::ZERO, &elsewhere).await?;
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
                    // What is claimed already is refreshed; the probe is claimed next time.
                    Err(_) => {}
                }
            }
        }
        if claimed.is_empty() && !cut_off.is_empty() {
            let elsewhere = [busy, &closed].concat();
            claimed = due(1, LEFT_TO_OTHERS, &elsewhere).await?;
        }
        Ok(claimed)
    }

    /// Returns how long there is nothing to claim at a provider that is not busy.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let outages = self.outages.read().await?;
        let now = self.clock.now();
        let closed = outages
            .iter()
            .filter(|outage| !self.outages.may_probe(outage, now));
        let opens_at = closed.clone().map(|outage| self.outages.opens_at(outage));
        let closed: Vec<_> = closed.map(|outage| outage.provider.clone()).collect();
        let cut_off = self.outages.cut_off();
        let elsewhere = [busy, &closed, &cut_off].concat();
        let next = self.refreshes.next_refresh_at(&elsewhere).await?;
        let mut left_alone = None;
        if !cut_off.is_empty() {
            let due_at = self
                .refreshes
                .next_refresh_at(&[busy, &closed].concat())
                .await?;
            left_alone = due_at.map(|due_at| due_at + LEFT_TO_OTHERS);
        }
        let next = opens_at.chain(next).chain(left_alone).min();
        Ok(next.map(|at| at.since(now)))
    }

    /// Leases one account, unless the request is settled. During an outage of its provider, only if it is the account's turn
    /// to be the probe.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, request: &RefreshRequest) -> Result<Claim, StoreError> {
        let tokens = self.accounts.tokens(request.account).await?;
        let now = self.clock.now();
        let Some(tokens) = tokens.filter(|tokens| request.is_open(tokens) && may_try(tokens, now))
        else {
            return Ok(Claim::Settled);
        };
        if tokens.lease.is_held(now) {
            return Ok(Claim::Theirs);
        }
        self.write_tests.test_write(None).await?;
        let outages = self.outages.read().await?;
        let until = self.lease_until(now);
        if let Some(outage) = outages.iter().find(|o| o.provider == request.provider) {
            if !self.outages.may_probe(outage, now) {
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

    /// Gives a lease back under which nothing was sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, lease: &StoredTokens) -> Result<(), StoreError> {
        let (account, version) = (lease.account.id, lease.lease.version);
        self.refreshes.release_refresh(account, version).await
    }

    fn lease_until(&self, now: Timestamp) -> Timestamp {
        now + self.provider_timeout + LEASE_MARGIN
    }
}

/// Whether a refresh could be tried now: there is something to present, and no caller overrides the pause after a
/// failure. A pause that ends further ahead than any pause lasts is over. An account that was given up pauses no more;
/// who asks for it has a reason.
pub(super) fn may_try(tokens: &StoredTokens, now: Timestamp) -> bool {
    let failed = tokens.attempts.failures > 0;
    let given_up = tokens.account.status == AccountStatus::RelinkRequired;
    let next_at = tokens.account.next_refresh_at;
    let pauses = next_at.is_some_and(|at| at.is_ahead(now, REFRESH_HORIZON.pause));
    tokens.refresh_token.is_some() && (given_up || !(failed && pauses))
}
