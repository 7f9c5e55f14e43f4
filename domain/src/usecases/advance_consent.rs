//! The device-code coordinator: asks the provider about the links whose time has come and records what it says.
//!
//! Claim (one transaction), ask the provider (none open), record (another): whoever drives this calls
//! [`Broker::claim_due_polls`], then for each link [`Broker::advance`] and [`Broker::record`], the last one again and
//! again while the store is unavailable, because the outcome may hold tokens that exist nowhere else.

use std::time::Duration;

use super::Broker;
use super::trouble::Trouble;
use crate::clock_step::LEASE_MARGIN;
use crate::fault::Fault;
use crate::grant::{AccessEnd, Extra, NewGrant, ProviderName, SaidEnd, TokenGrant};
use crate::link::pace::IDENTIFY_WITHIN;
use crate::link::{
    Ending, Link, LinkState, PollSchedule, SealedConsent, SealedGrant, SealedPrompt,
};
use crate::observe::LinkEnd;
use crate::ports::{ConsentHandle, Redemption, StoreError};
use crate::time::Timestamp;

/// What asking the provider brought, ready to be recorded.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing yet.
    AskAgain(PollSchedule),
    /// Tokens; their owner is still to be found out.
    Redeemed(Box<SealedGrant>, PollSchedule),
    /// Tokens and their owner.
    Identified(Box<NewGrant>),
    /// Tokens that are not to be used: they are given back, and it is over.
    Unusable(Box<SealedGrant>, Ending),
    /// It is over.
    Over(Ending),
}

impl Broker {
    /// Leases the links whose poll is due, save those at busy providers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_due_polls(
        &self,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        self.store.test_write(None).await?;
        let now = self.clock.now();
        let lease_until = now + self.settings.provider_timeout + LEASE_MARGIN;
        self.store
            .claim_due_polls(now, lease_until, limit, busy)
            .await
    }

    /// How long nothing is due at a provider that is not busy.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn idle_for(&self, busy: &[ProviderName]) -> Result<Option<Duration>, StoreError> {
        let next = self.store.next_poll_at(busy).await?;
        Ok(next.map(|at| at.since(self.clock.now())))
    }

    /// Forgets links that ended more than a day ago.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_links(&self, limit: u64) -> Result<u64, StoreError> {
        let ended_before = self.clock.now() - Link::KEPT_AFTER_END;
        self.store.purge_links(ended_before, limit).await
    }

    /// Whether the lease of a claimed link still outlasts a provider call that starts now.
    #[must_use]
    pub fn holds_lease(&self, link: &Link) -> bool {
        let answered_by = self.clock.now() + self.settings.provider_timeout;
        link.lease_until.is_some_and(|until| until > answered_by)
    }

    /// Asks the provider what a leased link needs to know next. Changes nothing that is stored.
    #[tracing::instrument(level = "debug", name = "poll", skip_all, fields(link = link.id.0, provider = %link.provider))]
    pub async fn advance(&self, link: &Link) -> Outcome {
        let poll = link
            .poll
            .unwrap_or_else(|| PollSchedule::start(None, self.clock.now()));
        self.observer.link_resumed(link.id);
        let asked = match &link.state {
            LinkState::Authorizing(consent) => self.redeem(link, consent, poll).await,
            LinkState::Redeemed(grant) => self.identify(link, grant).await,
            LinkState::Pending | LinkState::Linked { .. } | LinkState::Ended { .. } => {
                Ok(Outcome::AskAgain(poll))
            }
        };
        asked.unwrap_or_else(|trouble| self.bear(trouble, link, poll))
    }

    async fn redeem(
        &self,
        link: &Link,
        consent: &SealedConsent,
        poll: PollSchedule,
    ) -> Result<Outcome, Trouble> {
        let requested_at = self.clock.now();
        if link.is_over(requested_at) {
            return Ok(Outcome::Over(Ending::Expired));
        }
        let provider = self.providers.get(&link.provider)?;
        let handle = self.open_handle(consent, link)?;
        let callback = consent.callback.as_ref();
        let callback = callback.map(|sealed| self.vault.open_callback(sealed, &link.code));
        let callback = callback.transpose()?;
        let redemption = provider.redeem(&handle, callback.as_ref()).await?;
        let now = self.clock.now();
        Ok(match redemption {
            Redemption::Pending | Redemption::SlowDown { .. } if link.is_past_deadline(now) => {
                Outcome::Over(Ending::Expired)
            }
            Redemption::Granted(grant) => {
                let sealed = self.seal_grant(link, &grant, requested_at)?;
                Outcome::Redeemed(Box::new(sealed), PollSchedule::start(None, now))
            }
            Redemption::Unusable { grant, why } => {
                let sealed = self.seal_grant(link, &grant, requested_at)?;
                let fault = Trouble::from(why).into_fault();
                Outcome::Unusable(Box::new(sealed), Ending::Failed(fault))
            }
            Redemption::Pending => ask_again(poll.still_pending(now), link),
            Redemption::SlowDown { interval } => ask_again(poll.slowed_down(interval, now), link),
            Redemption::Denied(words) => {
                let why = words.map(|words| Fault::new(Fault::ACCESS_DENIED, words));
                Outcome::Over(Ending::Denied(why))
            }
            Redemption::Expired => Outcome::Over(Ending::Expired),
        })
    }

    fn open_handle(&self, consent: &SealedConsent, link: &Link) -> Result<ConsentHandle, Trouble> {
        let (vault, handle) = (&self.vault, &consent.handle);
        Ok(match consent.prompt {
            SealedPrompt::UserCode { .. } => {
                ConsentHandle::DeviceCode(vault.open_device_code(handle, &link.code)?)
            }
            SealedPrompt::Visit { .. } => {
                ConsentHandle::PendingCallback(vault.open_pending_callback(handle, &link.code)?)
            }
        })
    }

    fn seal_grant(
        &self,
        link: &Link,
        grant: &TokenGrant,
        requested_at: Timestamp,
    ) -> Result<SealedGrant, Trouble> {
        let vault = &self.vault;
        let refresh_token = grant.refresh_token.as_ref();
        let id_token = grant.id_token.as_ref();
        let after = |lifetime| requested_at + lifetime;
        let end = AccessEnd::default().after(SaidEnd {
            requested_at,
            expires_in: grant.expires_in,
            assumed: grant.assumed_expires_in,
            exp: grant.exp,
            is_stored: false,
        });
        let extra = Extra::default().after(grant.extra.clone());
        let seal_extra = || vault.seal_new_extra(&extra.to_text(), &link.code);
        Ok(SealedGrant {
            access_token: vault.seal_new_access_token(&grant.access_token, &link.code)?,
            refresh_token: refresh_token
                .map(|token| vault.seal_new_refresh_token(token, &link.code))
                .transpose()?,
            id_token: id_token
                .map(|token| vault.seal_new_id_token(token, &link.code))
                .transpose()?,
            scopes: grant.scopes.clone(),
            extra: (!extra.is_empty()).then(seal_extra).transpose()?,
            requested_at,
            access_token_expires_at: end.expires_at,
            access_token_hinted_end: end.hints.hinted_end,
            refresh_token_expires_at: grant.refresh_token_expires_in.map(after),
            grant_expires_at: grant.grant_expires_in.map(after),
            origin: grant.origin.clone(),
        })
    }

    /// What a failed attempt means for the link. Tokens that are stored already are not given up before their time:
    /// whatever keeps the service from finding out whose they are may pass, save that somebody else has made them.
    fn bear(&self, trouble: Trouble, link: &Link, poll: PollSchedule) -> Outcome {
        let now = self.clock.now();
        let (id, provider) = (link.id.0, &link.provider);
        // The next ones in a row are no news.
        if poll.failures == 0 {
            tracing::warn!(link = id, %provider, error = %trouble, "asking the provider failed");
        } else {
            tracing::debug!(link = id, %provider, error = %trouble, "asking the provider failed, as before");
        }
        let again = ask_again(poll.unanswered(trouble.retry_after(), now), link);
        let redeemed = matches!(link.state, LinkState::Redeemed(_));
        let passing = trouble.is_passing() || redeemed && !trouble.is_a_forgery();
        match link.is_past_deadline(now) {
            false if passing => again,
            true if passing && !redeemed => Outcome::Over(Ending::Expired),
            _ if trouble.is_late(link, now + poll.interval) => Outcome::Over(Ending::Expired),
            _ if poll.failures > 0 && !redeemed => {
                Outcome::Over(Ending::Failed(trouble.after_a_lost_answer()))
            }
            _ => Outcome::Over(Ending::Failed(trouble.into_fault())),
        }
    }

    /// Records an outcome. `Some(link)` is the link with more to do at once, under the same lease.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: call it again with the same outcome. [`StoreError::Conflict`]: the link ended or
    /// went to somebody else in the meantime.
    pub async fn record(&self, link: &Link, outcome: &Outcome) -> Result<Option<Link>, StoreError> {
        let (id, now) = (link.id, self.clock.now());
        match outcome {
            Outcome::AskAgain(poll) => self.store.postpone_poll(link, *poll).await?,
            // The client has thrown its key away: the link had said `expired` for good.
            Outcome::Redeemed(grant, _) if link.is_over(now) => {
                self.end_with(link, grant, Ending::Expired).await?;
            }
            Outcome::Unusable(grant, ending) => {
                self.end_with(link, grant, ending.clone()).await?;
            }
            Outcome::Redeemed(grant, poll) => return self.keep(link, grant, *poll).await,
            Outcome::Identified(grant) => {
                let grant = NewGrant::clone(grant);
                let account = self.store.complete_link(link, grant, now).await?;
                tracing::info!(link = id.0, account = account.id.0, provider = %link.provider, "account linked");
                let linked = LinkEnd::Linked;
                self.observer.link_ended(id, &link.provider, linked);
            }
            Outcome::Over(ending) => self.end(link, ending.clone()).await?,
        }
        Ok(None)
    }

    /// Keeps tokens that just arrived. They exist nowhere else, so a lease lost meanwhile does not lose them: as long
    /// as the link still waits for this very consent, they are its tokens. Once it does not, they are revoked.
    async fn keep(
        &self,
        link: &Link,
        grant: &SealedGrant,
        poll: PollSchedule,
    ) -> Result<Option<Link>, StoreError> {
        let expires_at = self.clock.now() + IDENTIFY_WITHIN;
        let mut read = link.clone();
        loop {
            let kept = self
                .store
                .keep_redeemed(&read, grant.clone(), poll, expires_at)
                .await;
            if !matches!(kept, Err(StoreError::Conflict)) {
                return kept.map(Some);
            }
            let Some(current) = self.store.find_link(&link.code).await? else {
                return self.give_back(link, grant).await.map(|()| None);
            };
            match current.state {
                LinkState::Ended { .. } => {
                    return self.give_back(link, grant).await.map(|()| None);
                }
                // A link has one consent, and somebody else's lease on it does not matter.
                LinkState::Authorizing(_) => read = current,
                // A device code is redeemed once: these are the tokens, kept by a try that seemed to fail.
                LinkState::Redeemed(_) => {
                    let is_ours = current.version == read.version.next();
                    return Ok(is_ours.then_some(current));
                }
                LinkState::Linked { .. } | LinkState::Pending => return Ok(None),
            }
        }
    }

    /// Ends a link that has just been given tokens, and gives them back.
    async fn end_with(
        &self,
        link: &Link,
        grant: &SealedGrant,
        ending: Ending,
    ) -> Result<(), StoreError> {
        let holding = Link {
            state: LinkState::Redeemed(grant.clone()),
            ..link.clone()
        };
        match self.end(&holding, ending).await {
            Err(StoreError::Conflict) => self.give_back(link, grant).await,
            ended => ended,
        }
    }

    /// The link ended while its tokens were on their way.
    async fn give_back(&self, link: &Link, grant: &SealedGrant) -> Result<(), StoreError> {
        match self.revocations.of_link(link, grant) {
            Ok(stray) => self.revocations.keep_stray(stray).await,
            Err(error) => {
                tracing::error!(link = link.id.0, %error, "tokens of an ended link are not revoked");
                Ok(())
            }
        }
    }
}

/// The next question comes no later than the deadline, so that a link ends when its time is over.
fn ask_again(poll: PollSchedule, link: &Link) -> Outcome {
    Outcome::AskAgain(PollSchedule {
        next_at: poll.next_at.min(link.expires_at),
        ..poll
    })
}
