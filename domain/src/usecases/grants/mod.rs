//! Keeping grants alive: who refreshes, what the provider says, what is kept of it.
//!
//! Claim (one transaction), present the refresh token (none open), record (another): whoever drives this claims with
//! [`Grants::claim_due`] or [`Grants::claim`], then calls [`Grants::exchange`] and [`Grants::record`], the last one
//! again and again while the store is away, because the outcome may hold a refresh token that exists nowhere else.
//!
//! After a write has failed, nothing is claimed or presented until a write test has shown that there is room for tokens: a
//! claim may fit where its successor does not.

mod answer;
mod exchange;
mod noting;
mod on_demand;
mod outages;
mod record;

use std::sync::Arc;
use std::time::Duration;

use crate::clock_step::LEASE_MARGIN;
use crate::entropy::Entropy;
use crate::grant::refresh::{Outage, REFRESH_HORIZON};
use crate::grant::{AccountId, AccountStatus, ProviderName, StoredTokens};
use crate::observe::Observer;
use crate::ports::{Clock, StoreError, TokenStore};
use crate::time::Timestamp;
use crate::vault::Vault;

use super::{Providers, Revocations};

pub use exchange::Exchange;
pub use on_demand::{RefreshOnDemand, RefreshWish};
pub(super) use outages::Outages;

/// How long what is due is left to other replicas where the provider answers them and not this process. If nobody has taken it
/// by then, there may be none left.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(30);

/// Refreshes tokens, ahead of their expiry and when asked to.
pub struct Grants {
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) vault: Vault,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<Entropy>,
    pub(super) providers: Providers,
    pub(super) provider_timeout: Duration,
    pub(super) at_least_every: Duration,
    pub(super) revocations: Arc<Revocations>,
    pub(super) outages: Outages,
    pub(super) observer: Arc<dyn Observer>,
}

/// What comes of wanting to refresh one account.
#[derive(Debug)]
pub enum Claim {
    /// The refresh token is the caller's to present.
    Mine(Box<StoredTokens>),
    /// Somebody else has it: look again soon.
    Theirs,
    /// There is nothing to be done, or not now.
    Settled,
}

impl Grants {
    /// The clock that everything here goes by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Leases accounts whose refresh is due, save those at busy providers. During an outage only the probe is leased. What is
    /// due at a provider that gives this process no answer, while it answers others, is left to them for half a minute.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        self.store.test_write(None).await?;
        let outages = self.read_outages().await?;
        let now = self.clock.now();
        let until = self.lease_until(now);
        let due = async |limit, overdue_by, elsewhere: &[ProviderName]| {
            self.store
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
            if has_room && self.may_probe(outage, now) {
                match self.claim_probe(&outage.provider, None, now).await {
                    Ok(probe) => claimed.extend(probe),
                    Err(error) if claimed.is_empty() => return Err(error),
                    // What is claimed already is seen through; the probe comes with the next look.
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

    /// How long there is nothing to claim at a provider that is not busy.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let outages = self.read_outages().await?;
        let now = self.clock.now();
        let closed = outages.iter().filter(|outage| !self.may_probe(outage, now));
        let opens_at = closed.clone().map(|outage| self.outages.opens_at(outage));
        let closed: Vec<_> = closed.map(|outage| outage.provider.clone()).collect();
        let cut_off = self.outages.cut_off();
        let elsewhere = [busy, &closed, &cut_off].concat();
        let next = self.store.next_refresh_at(&elsewhere).await?;
        let mut left_alone = None;
        if !cut_off.is_empty() {
            let due_at = self
                .store
                .next_refresh_at(&[busy, &closed].concat())
                .await?;
            left_alone = due_at.map(|due_at| due_at + LEFT_TO_OTHERS);
        }
        let next = opens_at.chain(next).chain(left_alone).min();
        Ok(next.map(|at| at.since(now)))
    }

    /// Reads which providers have an outage, and tells when one has begun or ended.
    async fn read_outages(&self) -> Result<Vec<Outage>, StoreError> {
        let begun_at = self.outages.begin_reading();
        let outages = self.store.outages().await?;
        for (provider, is_down) in self.outages.learn(begun_at, outages.clone()) {
            self.tell_of_outage(&provider, is_down);
        }
        Ok(outages)
    }

    /// Whether this process may send a probe. A time that a clock which was ahead has written is over.
    fn may_probe(&self, outage: &Outage, now: Timestamp) -> bool {
        let opens_at = self.outages.opens_at(outage);
        let horizon = REFRESH_HORIZON.pause + outages::PROBE_LEFT_TO_OTHERS;
        outage.is_probe_due(now) && !opens_at.is_ahead(now, horizon)
    }

    async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
    ) -> Result<Option<StoredTokens>, StoreError> {
        let until = self.lease_until(now);
        let probe = self.store.claim_probe(provider, asked_for, now, until);
        Ok(probe.await?.map(|(outage, lease)| {
            self.outages.learn_one(provider, Some(outage));
            lease
        }))
    }

    /// Leases one account, if it still is as the wish knew it. During an outage of its provider that is done only if it is
    /// its turn to be the probe.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, wish: &RefreshWish) -> Result<Claim, StoreError> {
        let tokens = self.store.tokens(wish.account).await?;
        let now = self.clock.now();
        let Some(tokens) = tokens.filter(|tokens| wish.is_open(tokens) && may_try(tokens, now))
        else {
            return Ok(Claim::Settled);
        };
        if tokens.lease.is_held(now) {
            return Ok(Claim::Theirs);
        }
        self.store.test_write(None).await?;
        let outages = self.read_outages().await?;
        if let Some(outage) = outages.iter().find(|o| o.provider == wish.provider) {
            if !self.may_probe(outage, now) {
                return Ok(Claim::Settled);
            }
            let probe = self.claim_probe(&wish.provider, Some(wish.account), now);
            return Ok(probe
                .await?
                .map_or(Claim::Theirs, |lease| Claim::Mine(Box::new(lease))));
        }
        let (version, until) = (tokens.lease.version, self.lease_until(now));
        let claimed = self
            .store
            .claim_refresh(wish.account, version, now, until)
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
        self.store.release_refresh(account, version).await
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
