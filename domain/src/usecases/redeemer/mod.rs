//! Turns consents into accounts: polls providers for links that wait for consent, redeems device and authorization
//! codes, and identifies the person.
//!
//! Claim (one transaction), call the provider (no transaction), record (another transaction): the runtime calls
//! [`Redeemer::claim_due`], then for each link [`Redeemer::advance`] and [`Redeemer::record_result`]. It repeats the last one
//! while the store is unavailable, because the outcome may hold tokens that exist nowhere else.

mod advance;
mod error;
mod identify;
mod record;
mod refresh;

use std::sync::Arc;
use std::time::Duration;

use super::account_reader::AccountReader;
use super::links::{LinkCompleter, LinkEnder};
use super::{AuditLog, Ports, Providers, Settings};
use crate::clock_step::LEASE_MARGIN;
use crate::entropy::Entropy;
use crate::grant::{NewGrant, ProviderName};
use crate::link::{Ending, Link, Owner, PollSchedule, SealedGrant};
use crate::observe::Observer;
use crate::ports::{Clock, LinkStore, ReplicaStore, StoreError, WriteTestStore};
use crate::vault::Vault;

/// Turns consents into accounts.
pub struct Redeemer {
    links: Arc<dyn LinkStore>,
    replicas: Arc<dyn ReplicaStore>,
    write_tests: Arc<dyn WriteTestStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    accounts: AccountReader,
    ender: LinkEnder,
    completer: LinkCompleter,
    provider_timeout: Duration,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

/// The provider's response, ready to be recorded.
#[derive(Debug, Clone)]
pub enum RedeemResult {
    /// Nothing yet.
    AskAgain(PollSchedule),
    /// Tokens whose owner is not known yet, from a consent or from a refresh.
    Tokens(Box<SealedGrant>, PollSchedule),
    /// Tokens and their owner.
    Identified(Box<NewGrant>),
    /// The owner of tokens that are held until the link is confirmed.
    Held(Owner),
    /// Tokens that must not be used: they are revoked, and the link ends.
    Unusable(Box<SealedGrant>, Ending),
    /// The link ends.
    Over(Ending),
}

impl Redeemer {
    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        accounts: &AccountReader,
        ender: &LinkEnder,
        completer: &LinkCompleter,
    ) -> Self {
        Self {
            links: ports.store.clone(),
            replicas: ports.store.clone(),
            write_tests: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            accounts: accounts.clone(),
            ender: ender.clone(),
            completer: completer.clone(),
            provider_timeout: settings.provider_timeout,
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Leases the links whose poll is due, except those at busy providers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        self.write_tests.test_write(None).await?;
        let now = self.clock.now();
        let lease_until = now + self.provider_timeout + LEASE_MARGIN;
        self.links
            .claim_due_polls(now, lease_until, limit, busy)
            .await
    }

    /// Returns how long no link is due, at providers that are not busy.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let next = self.links.next_poll_at(busy).await?;
        Ok(next.map(|at| at.since(self.clock.now())))
    }

    /// Whether the lease of a claimed link still outlasts a provider call that starts now.
    pub fn holds_lease(&self, link: &Link) -> bool {
        let answered_by = self.clock.now() + self.provider_timeout;
        link.lease_until.is_some_and(|until| until > answered_by)
    }
}

#[cfg(test)]
mod tests {
    mod advance;
    mod refresh;
    mod strays;
}
