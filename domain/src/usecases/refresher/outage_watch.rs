//! Detects outages of providers from the results of refresh requests.

use std::sync::Arc;

use super::outages::Outages;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::{Outage, PROBE_HORIZON, WaitingAccount};
use crate::grant::{AccountId, ProviderName, StoredTokens};
use crate::observe::Observer;
use crate::ports::{Clock, OutageStore, ProviderError, RefreshError, StoreError};
use crate::time::Timestamp;
use crate::usecases::Ports;

/// Maximum number of attempts to store a change of an outage that other replicas change at the same time.
const CHANGE_ATTEMPTS: usize = 3;

/// Begins, probes and ends outages of providers.
pub(super) struct OutageWatch {
    store: Arc<dyn OutageStore>,
    pub(super) known: Outages,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl OutageWatch {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            known: Outages::default(),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// Returns when this process may send the next probe; `None` if it may probe any account now. Accounts that have
    /// neither failed nor been probed may be probed earlier than the others.
    pub(super) async fn opens_at(
        &self,
        outage: &Outage,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let left = self.known.probe_delay(outage);
        let (first, again) = (outage.probe_at + left, outage.repeats_at() + left);
        if !self.may_probe(outage, now) {
            return Ok(Some(if first > now { first } else { again }));
        }
        if outage.may_repeat(now) {
            return Ok(None);
        }
        let next = self.store.next_unfailed_at(outage).await?;
        Ok(Some(next.map_or(again, |next| again.min(next))))
    }

    /// Reads which providers have an outage, and reports those that have begun or ended.
    pub(super) async fn read(&self) -> Result<Vec<Outage>, StoreError> {
        let begun_at = self.known.begin_reading();
        let outages = self.store.outages().await?;
        for (provider, is_down) in self.known.learn(begun_at, outages.clone()) {
            self.report(&provider, is_down);
        }
        Ok(outages)
    }

    /// Whether this process may send a probe. After its own probe, this process leaves the next probe to other replicas
    /// for a moment. Stored times that are too far ahead come from a wrong clock and are ignored.
    pub(super) fn may_probe(&self, outage: &Outage, now: Timestamp) -> bool {
        let left = self.known.probe_delay(outage);
        let horizon = PROBE_HORIZON + left;
        let is_left = |at: Timestamp| (at + left).is_ahead(now, horizon);
        let (due, repeats) = (outage.is_probe_due(now), outage.may_repeat(now));
        due && !is_left(outage.probe_at) && !(repeats && is_left(outage.repeats_at()))
    }

    /// Leases the next account to be probed, until `lease_until`. If `asked_for` is given, leases the next account only
    /// if it is `asked_for`.
    pub(super) async fn claim_probe(
        &self,
        provider: &ProviderName,
        asked_for: Option<AccountId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<StoredTokens>, StoreError> {
        let probe = self
            .store
            .claim_probe(provider, asked_for, now, lease_until);
        Ok(probe.await?.map(|(outage, lease)| {
            self.known.probed(&outage);
            self.known.learn_one(provider, Some(outage));
            lease
        }))
    }

    /// Records in memory that the provider has refreshed a token. Does not write to the store, because the new tokens
    /// must be saved before anything else.
    pub(super) fn note_success(&self, lease: &StoredTokens) {
        let provider = &lease.account.key.provider;
        self.known.refreshed(provider, self.clock.now());
    }

    /// Ends the provider's outage, once the new tokens are saved.
    pub(super) async fn note_saved(&self, lease: &StoredTokens) {
        let provider = &lease.account.key.provider;
        let ended = self.end_outage(provider).await;
        log_if_not_stored(provider, ended);
    }

    /// Records what a failed request says about the provider. A definite response ends an outage. An outage begins when
    /// several accounts fail without a definite response.
    pub(super) async fn note_error(&self, lease: &StoredTokens, error: &RefreshError) {
        let provider = &lease.account.key.provider;
        let noted = if error.cause.is_definite() {
            self.known.answered(provider);
            self.end_outage(provider).await
        } else {
            self.note_failure(lease, &error.cause).await
        };
        log_if_not_stored(provider, noted);
    }

    async fn note_failure(
        &self,
        lease: &StoredTokens,
        cause: &ProviderError,
    ) -> Result<(), StoreError> {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        let now = self.clock.now();
        let (fault, retry_after) = (error_while_waiting(cause), cause.retry_after());
        let before = lease.attempts.failures;
        let makes_outage = self.known.failed(provider, account, before, now);
        match self.known.of(provider) {
            Some(_) => {
                let failed =
                    |outage: &Outage| outage.after_failure(fault.clone(), retry_after, now);
                self.change_outage(provider, failed).await
            }
            None if makes_outage => {
                let outage = Outage::begin(provider.clone(), fault, retry_after, now);
                self.begin_outage(outage, cause).await
            }
            None => Ok(()),
        }
    }

    /// Whether the account must wait to be probed: an outage has begun after its lease was claimed, and the account was
    /// not probed in this outage.
    pub(super) fn waits_for_probe(&self, lease: &StoredTokens) -> bool {
        let outage = self.known.of(&lease.account.key.provider);
        outage.is_some_and(|outage| !outage.has_probed(lease.account.id))
    }

    /// Lets another account be probed at once, if this account was the probe and nothing was sent.
    ///
    /// # Errors
    /// When the store fails: call it again.
    pub(super) async fn give_probe_back(&self, lease: &StoredTokens) -> Result<(), StoreError> {
        let provider = &lease.account.key.provider;
        let probe = WaitingAccount {
            account: lease.account.id,
            failures: lease.attempts.failures,
        };
        self.known.gave_back(provider);
        let now = self.clock.now();
        let given_back = |outage: &Outage| {
            let has_probed = outage.has_probed(probe.account);
            has_probed.then(|| outage.clone().with_probe_given_back(probe, now))
        };
        self.change_outage(provider, given_back).await
    }

    /// Converts a refusal to [`ProviderError::Nonsense`] if it says nothing about the grant: during an outage, a
    /// firewall may send refusals without an OAuth error code to everybody. Keeps the refusal if the provider has
    /// refreshed other grants since it began to refuse this grant, because then the refusal concerns this grant alone.
    pub(super) fn reinterpret(&self, lease: &StoredTokens, error: RefreshError) -> RefreshError {
        let provider = &lease.account.key.provider;
        let refreshed_at = self.known.last_refresh(provider);
        let refused_since = lease.attempts.refused_since;
        let serves_others = refused_since.is_some_and(|since| refreshed_at >= Some(since));
        match error.cause {
            ProviderError::Refused { detail, .. }
                if !error.cause.is_definite()
                    && !serves_others
                    && self.known.of(provider).is_some() =>
            {
                RefreshError {
                    cause: ProviderError::nonsense(detail),
                    may_have_acted: error.may_have_acted,
                }
            }
            _ => error,
        }
    }

    fn report(&self, provider: &ProviderName, is_down: bool) {
        if is_down {
            tracing::warn!(%provider, "outage: the provider is probed with one account at a time");
        } else {
            tracing::info!(%provider, "the provider answers again");
        }
        self.observer.outage(provider, is_down);
    }

    async fn begin_outage(&self, outage: Outage, cause: &ProviderError) -> Result<(), StoreError> {
        let provider = outage.provider.clone();
        if let Some(outage) = self.store.begin_outage(outage).await? {
            tracing::warn!(%provider, error = %cause, "the provider is down, or refuses this client");
            if self.known.learn_one(&provider, Some(outage)) {
                self.report(&provider, true);
            }
        }
        Ok(())
    }

    /// Stores the outage that `change` returns, if any. If another replica has changed the outage meanwhile, reads the
    /// outage and applies `change` again.
    async fn change_outage(
        &self,
        provider: &ProviderName,
        change: impl Fn(&Outage) -> Option<Outage>,
    ) -> Result<(), StoreError> {
        for _ in 0..CHANGE_ATTEMPTS {
            let known = self.known.of(provider);
            let Some(changed) = known.and_then(|outage| change(&outage)) else {
                break;
            };
            if self.store.change_outage(&changed).await? {
                self.known.learn_one(provider, Some(changed.changed()));
                break;
            }
            self.read().await?;
        }
        Ok(())
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<(), StoreError> {
        if self.known.of(provider).is_some() {
            self.store.end_outage(provider).await?;
            if self.known.learn_one(provider, None) {
                self.report(provider, false);
            }
        }
        Ok(())
    }
}

pub(super) fn log_if_not_stored(provider: &ProviderName, noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(%provider, %error, "an outage could not be stored");
    }
}

/// Returns the error to show on accounts that wait for the outage to end. Quotes the provider only if the client is
/// misconfigured, because that concerns all accounts.
fn error_while_waiting(cause: &ProviderError) -> Fault {
    if let ProviderError::Misconfigured { .. } = cause {
        return cause.into();
    }
    let words = "the provider is down; it is being probed";
    Fault::new(FaultCode::ProviderUnavailable, words)
}
