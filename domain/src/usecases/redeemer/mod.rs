//! Turns consents into accounts: polls providers for links that wait for consent, redeems device and authorization
//! codes, and identifies the person.
//!
//! The runtime leases links with [`Redeemer::claim_due`] (one transaction), calls the provider for each link with
//! [`Redeemer::advance`] (no transaction is open), and stores the result with [`Redeemer::record_result`] (another
//! transaction). It repeats `record_result` while the store is unavailable, because the result may hold tokens that
//! exist nowhere else.

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

/// The result of [`Redeemer::advance`], ready to be recorded.
#[derive(Debug, Clone)]
pub enum RedeemResult {
    /// No result yet: ask the provider again.
    AskAgain(PollSchedule),
    /// Tokens whose owner is not known yet, from a consent or from a refresh.
    Tokens(Box<SealedGrant>, PollSchedule),
    /// Tokens and their owner.
    Identified(Box<NewGrant>),
    /// The owner of the tokens. The link holds the tokens until the program sends the return code.
    Held(Owner),
    /// Tokens that must not be used. They are revoked, and the link ends.
    Unusable(Box<SealedGrant>, Ending),
    /// The link ends without an account.
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

    /// Leases up to `limit` links whose poll is due, except at the providers in `busy`.
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

    /// Returns how long until a poll is due at a provider that is not in `busy`; `None` if none is scheduled.
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
