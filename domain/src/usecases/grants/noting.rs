//! What an answer says about the provider, for all its accounts.

use super::Grants;
use crate::fault::Fault;
use crate::grant::refresh::{Outage, OutageVersion};
use crate::grant::{ProviderName, StoredTokens};
use crate::ports::{ProviderError, RefreshError, StoreError};

impl Grants {
    /// Remembers that the provider has refreshed a token, without a write: the new tokens are saved before anything else.
    pub(super) fn note_success(&self, lease: &StoredTokens) {
        let provider = &lease.account.key.provider;
        self.outages.refreshed(provider, self.clock.now());
    }

    /// Ends the outage of a provider whose new tokens are saved.
    pub(super) async fn note_saved(&self, lease: &StoredTokens) {
        let provider = &lease.account.key.provider;
        let ended = self.end_outage(provider).await;
        tell_if_not_stored(provider, ended);
    }

    /// Remembers what a failure says about the provider. A definite answer ends an outage; accounts that fail without one
    /// may make one.
    pub(super) async fn note_error(&self, lease: &StoredTokens, error: &RefreshError) {
        let provider = &lease.account.key.provider;
        let noted = if error.cause.is_definite() {
            self.outages.answered(provider);
            self.end_outage(provider).await
        } else {
            self.note_failure(lease, &error.cause).await
        };
        tell_if_not_stored(provider, noted);
    }

    async fn note_failure(
        &self,
        lease: &StoredTokens,
        cause: &ProviderError,
    ) -> Result<(), StoreError> {
        let (account, provider) = (lease.account.id, &lease.account.key.provider);
        let (now, spread) = (self.clock.now(), self.entropy.fraction());
        let (fault, retry_after) = (told_to_others(cause), cause.retry_after());
        let makes_outage = self.outages.failed(provider, account);
        match self.outages.of(provider) {
            Some(outage) if outage.is_probed_by(account) => {
                let failed = outage.after_failed_probe(fault, retry_after, now, spread);
                if let Some(version) = self.change_outage(failed).await? {
                    self.outages.failed_at(provider, version);
                }
                Ok(())
            }
            Some(outage) => match outage.asked_to_wait(retry_after, now) {
                Some(longer) => self.change_outage(longer).await.map(drop),
                None => Ok(()),
            },
            None if makes_outage => {
                let outage = Outage::begin(provider.clone(), fault, retry_after, now, spread);
                self.begin_outage(outage, cause).await
            }
            None => Ok(()),
        }
    }

    /// Whether an outage has begun since the lease was claimed, and another account is its probe.
    pub(super) fn waits_for_probe(&self, lease: &StoredTokens) -> bool {
        let outage = self.outages.of(&lease.account.key.provider);
        outage.is_some_and(|outage| !outage.is_probed_by(lease.account.id))
    }

    /// A probe that had nothing to ask leaves its turn to another account.
    pub(super) async fn give_probe_back(&self, lease: &StoredTokens) {
        let provider = &lease.account.key.provider;
        let outage = self.outages.of(provider);
        let Some(outage) = outage.filter(|outage| outage.is_probed_by(lease.account.id)) else {
            return;
        };
        let given_back = outage.with_probe_given_back(self.clock.now());
        if let Err(error) = self.change_outage(given_back).await {
            tracing::warn!(%provider, %error, "a probe could not be given back");
        }
    }

    /// During an outage a refusal without a word of the protocol says nothing about the grant: a firewall gives it to
    /// everybody. But if the provider has refreshed other grants since it began to refuse this one, it is this grant that it
    /// refuses.
    pub(super) fn in_outage(&self, lease: &StoredTokens, error: RefreshError) -> RefreshError {
        let provider = &lease.account.key.provider;
        let refreshed_at = self.outages.last_refresh(provider);
        let refused_since = lease.attempts.refused_since;
        let serves_others = refused_since.is_some_and(|since| refreshed_at >= Some(since));
        match error.cause {
            ProviderError::Refused { detail, .. }
                if !error.cause.is_definite()
                    && !serves_others
                    && self.outages.of(provider).is_some() =>
            {
                RefreshError {
                    cause: ProviderError::Nonsense { detail },
                    may_have_acted: error.may_have_acted,
                }
            }
            _ => error,
        }
    }

    pub(super) fn tell_of_outage(&self, provider: &ProviderName, is_down: bool) {
        if is_down {
            tracing::warn!(%provider, "outage: the provider is asked by one account at a time");
        } else {
            tracing::info!(%provider, "the provider answers again");
        }
        self.observer.outage(provider, is_down);
    }

    async fn begin_outage(&self, outage: Outage, cause: &ProviderError) -> Result<(), StoreError> {
        let provider = outage.provider.clone();
        if let Some(outage) = self.store.begin_outage(outage).await? {
            tracing::warn!(%provider, error = %cause, "the provider is down, or refuses this client");
            if self.outages.learn_one(&provider, Some(outage)) {
                self.tell_of_outage(&provider, true);
            }
        }
        Ok(())
    }

    /// Records a change. Returns the new version, unless another replica has changed the outage meanwhile.
    async fn change_outage(&self, outage: Outage) -> Result<Option<OutageVersion>, StoreError> {
        if !self.store.change_outage(&outage).await? {
            return Ok(None);
        }
        let changed = outage.changed();
        let (provider, version) = (changed.provider.clone(), changed.version);
        self.outages.learn_one(&provider, Some(changed));
        Ok(Some(version))
    }

    async fn end_outage(&self, provider: &ProviderName) -> Result<(), StoreError> {
        if self.outages.of(provider).is_some() {
            self.store.end_outage(provider).await?;
            if self.outages.learn_one(provider, None) {
                self.tell_of_outage(provider, false);
            }
        }
        Ok(())
    }
}

fn tell_if_not_stored(provider: &ProviderName, noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(%provider, %error, "what is known of an outage could not be stored");
    }
}

/// What accounts are told that were not tried: nothing that the provider has said about another one.
fn told_to_others(cause: &ProviderError) -> Fault {
    if let ProviderError::Misconfigured { .. } = cause {
        return cause.into();
    }
    let words = "the provider is down; it is being probed";
    Fault::new(Fault::UNAVAILABLE, words)
}
