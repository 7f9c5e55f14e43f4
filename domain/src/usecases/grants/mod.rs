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
mod on_demand;
mod outages;
mod record;

use std::sync::Arc;
use std::time::Duration;

use crate::entropy::Entropy;
use crate::grant::{AccountStatus, ProviderName, StoredTokens};
use crate::observe::Observer;
use crate::ports::{Clock, StoreError, TokenStore};
use crate::time::Timestamp;
use crate::vault::Vault;

use super::{Providers, Revocations};

pub use exchange::Exchange;
pub use on_demand::{RefreshOnDemand, RefreshWish};
pub(super) use outages::Outages;

/// A lease outlives the longest provider call by this much.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How long what is due at a provider that is down, as this process sees it, is left to other processes. Nobody has taken
/// it by then: all of them see it so, or there are none.
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
    /// Leases accounts whose refresh is due, save those at busy providers. What is due at a provider that does not answer
    /// this process is left to others for half a minute: they may have a better way to it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        self.store.test_write(None).await?;
        let now = self.clock.now();
        let until = self.lease_until(now);
        let look = self.outages.look(now);
        let elsewhere = [busy, &look.closed, &look.to_probe].concat();
        let due = async |limit, overdue_by, elsewhere: &[ProviderName]| {
            self.store
                .claim_due_refreshes(now, overdue_by, until, limit, elsewhere)
                .await
        };
        let mut claimed = due(limit, Duration::ZERO, &elsewhere).await?;
        let has_room = (claimed.len() as u64) < limit;
        if has_room && !look.to_probe.is_empty() {
            // What is left is due at those that wait for their probe: one is enough to find out.
            let elsewhere = [busy, &look.closed].concat();
            match due(1, Duration::ZERO, &elsewhere).await {
                Ok(probe) => claimed.extend(probe),
                Err(error) if claimed.is_empty() => return Err(error),
                // What is claimed already is seen through; the probe comes with the next look.
                Err(_) => {}
            }
        }
        if claimed.is_empty() && !look.closed.is_empty() {
            let elsewhere = [busy, &look.to_probe].concat();
            claimed = due(limit, LEFT_TO_OTHERS, &elsewhere).await?;
        }
        Ok(claimed)
    }

    /// How long there is nothing to claim at a provider that is not busy.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let now = self.clock.now();
        let look = self.outages.look(now);
        let mut next = self
            .store
            .next_refresh_at(&[busy, &look.closed].concat())
            .await?;
        if let Some(opens_at) = look.opens_at {
            let left_alone = self.store.next_refresh_at(busy).await?;
            let left_alone =
                left_alone.map(|due_at| due_at.max(opens_at.min(due_at + LEFT_TO_OTHERS)));
            next = next.into_iter().chain(left_alone).min();
        }
        Ok(next.map(|at| at.since(now)))
    }

    /// Leases one account, if it still is as the wish knew it.
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
/// failure. An account that was given up pauses no more; who asks for it has a reason.
pub(super) fn may_try(tokens: &StoredTokens, now: Timestamp) -> bool {
    let failed = tokens.attempts.failures > 0;
    let given_up = tokens.account.status == AccountStatus::RelinkRequired;
    let pauses = tokens.account.next_refresh_at.is_some_and(|at| at > now);
    tokens.refresh_token.is_some() && (given_up || !(failed && pauses))
}
