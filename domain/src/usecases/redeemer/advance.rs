//! Sends the next request of a link to its provider.

use super::error::RedeemError;
use super::{RedeemResult, Redeemer};
use crate::fault::{Fault, FaultCode};
use crate::grant::{Extra, StatedLifetime, TokenGrant};
use crate::link::{
    Ending, Link, LinkState, PollSchedule, ReturnCode, SealedConsent, SealedGrant, SealedPrompt,
};
use crate::ports::{ConsentHandle, OAuthProvider, Redemption};
use crate::replica::{Replica, running};
use crate::time::Timestamp;

impl Redeemer {
    /// Sends the next request of a leased link to its provider. Changes nothing that is stored.
    #[tracing::instrument(level = "debug", name = "poll", skip_all, fields(link = link.id.0, provider = %link.provider))]
    pub async fn advance(&self, link: &Link) -> RedeemResult {
        let poll = link
            .poll
            .unwrap_or_else(|| PollSchedule::start(None, self.clock.now()));
        self.observer.link_resumed(link.id);
        let asked = match &link.state {
            LinkState::Authorizing(consent) => self.redeem(link, consent, poll).await,
            LinkState::Redeemed(grant) => self.identify(link, grant, poll).await,
            LinkState::Confirming(_) if link.is_past_deadline(self.clock.now()) => Ok(
                RedeemResult::Over(Ending::Failed(ReturnCode::not_confirmed())),
            ),
            LinkState::Pending
            | LinkState::Confirming(_)
            | LinkState::Linked { .. }
            | LinkState::Ended { .. } => Ok(RedeemResult::AskAgain(poll)),
        };
        asked.unwrap_or_else(|error| self.judge_failure(error, link, poll))
    }

    async fn redeem(
        &self,
        link: &Link,
        consent: &SealedConsent,
        poll: PollSchedule,
    ) -> Result<RedeemResult, RedeemError> {
        let requested_at = self.clock.now();
        if link.is_over(requested_at) {
            return Ok(RedeemResult::Over(Ending::Expired));
        }
        let provider = self.providers.get(&link.provider)?;
        if let Some(client_id) = &consent.client_id {
            self.require_client(&**provider, link, client_id).await?;
        }
        let handle = self.open_handle(consent, link)?;
        let callback = consent.callback.as_ref();
        let callback = self.vault.open_some(callback, &link.code)?;
        let redemption = provider.redeem(&handle, callback.as_ref()).await?;
        let now = self.clock.now();
        Ok(match redemption {
            Redemption::Pending { .. } | Redemption::SlowDown { .. }
                if link.is_past_deadline(now) =>
            {
                RedeemResult::Over(Ending::Expired)
            }
            Redemption::Granted(grant) => {
                let sealed = self.seal_grant(link, &grant, requested_at)?;
                RedeemResult::Tokens(Box::new(sealed), PollSchedule::start(None, now))
            }
            Redemption::Unusable { grant, why } => {
                let sealed = self.seal_grant(link, &grant, requested_at)?;
                let fault = RedeemError::from(why).into_fault();
                RedeemResult::Unusable(Box::new(sealed), Ending::Failed(fault))
            }
            Redemption::Pending { interval } => ask_again(poll.still_pending(interval, now), link),
            Redemption::SlowDown { interval } => ask_again(poll.slowed_down(interval, now), link),
            Redemption::Denied(words) => {
                let words = words.unwrap_or_else(|| Fault::DECLINED.to_owned());
                let why = Fault::new(FaultCode::AccessDenied, words);
                RedeemResult::Over(Ending::Denied(Some(why)))
            }
            Redemption::Expired => RedeemResult::Over(Ending::Expired),
        })
    }

    /// Checks that this replica has the client id to which a consent or tokens belong.
    pub(super) async fn require_client(
        &self,
        provider: &dyn OAuthProvider,
        link: &Link,
        client_id: &str,
    ) -> Result<(), RedeemError> {
        if provider.client_id() == client_id {
            return Ok(());
        }
        let is_alone = !self.may_others_be_its_client(link).await;
        Err(RedeemError::OtherClient { is_alone })
    }

    /// Whether another replica may be running with the client id of a link. Returns `true` if this replica is the only
    /// running one but is older than the link: this replica has another client id, so another one must have started the
    /// consent. Also returns `true` if the store fails.
    async fn may_others_be_its_client(&self, link: &Link) -> bool {
        let Ok(replicas) = self.replicas.replicas().await else {
            return true;
        };
        let running = running(replicas, self.clock.now());
        let is_older = |replica: &Replica| replica.report.started_at <= link.created_at;
        // After an outage of the store, no replica counts as running for a while.
        running.len() != 1 || running.iter().any(is_older)
    }

    fn open_handle(
        &self,
        consent: &SealedConsent,
        link: &Link,
    ) -> Result<ConsentHandle, RedeemError> {
        let (vault, handle) = (&self.vault, &consent.handle);
        Ok(match consent.prompt {
            SealedPrompt::UserCode { .. } => {
                ConsentHandle::DeviceCode(vault.open(handle, &link.code)?)
            }
            SealedPrompt::Visit { .. } => {
                ConsentHandle::PendingCallback(vault.open(handle, &link.code)?)
            }
        })
    }

    pub(super) fn seal_grant(
        &self,
        link: &Link,
        grant: &TokenGrant,
        requested_at: Timestamp,
    ) -> Result<SealedGrant, RedeemError> {
        let vault = &self.vault;
        let after = |lifetime| requested_at + lifetime;
        let held = link.held();
        let known = held
            .map(SealedGrant::access_token_expiry)
            .unwrap_or_default();
        let end = known.after(StatedLifetime {
            requested_at,
            expires_in: grant.expires_in,
            assumed: grant.assumed_expires_in,
            exp: grant.exp,
            is_stored: false,
        });
        let before = held.and_then(|held| held.extra.as_ref());
        // New tokens are kept even if the old additional response parameters cannot be decrypted.
        let before = vault.open_some(before, &link.code).ok().flatten();
        let before = before.and_then(|text| Extra::from_text(&text));
        let extra = before.unwrap_or_default().after(grant.extra.clone());
        Ok(SealedGrant {
            access_token: vault.seal(&grant.access_token, &link.code)?,
            refresh_token: vault.seal_some(grant.refresh_token.as_ref(), &link.code)?,
            id_token: vault.seal_some(grant.id_token.as_ref(), &link.code)?,
            scopes: grant.scopes.clone(),
            extra: vault.seal_extra(&extra, &link.code)?,
            requested_at,
            access_token_expires_at: end.expires_at,
            access_token_hinted_end: end.hints.hinted_end,
            refresh_token_expires_at: grant.refresh_token_expires_in.map(after),
            grant_expires_at: grant.grant_expires_in.map(after),
            origin: grant.origin.clone(),
        })
    }

    /// Decides what a failed request means for the link. Keeps stored tokens until the deadline, because a failure to
    /// identify their owner may be temporary. An invalid ID token ends the link at once, and so does a client id that
    /// no running replica has.
    fn judge_failure(&self, error: RedeemError, link: &Link, poll: PollSchedule) -> RedeemResult {
        let now = self.clock.now();
        let (id, provider) = (link.id.0, &link.provider);
        // Only the first failure in a row is logged at `WARN`.
        if poll.failures == 0 {
            tracing::warn!(link = id, %provider, %error, "asking the provider failed");
        } else {
            tracing::debug!(link = id, %provider, %error, "asking the provider failed, as before");
        }
        let has_tokens = matches!(link.state, LinkState::Redeemed(_));
        let has_callback =
            matches!(&link.state, LinkState::Authorizing(consent) if consent.callback.is_some());
        let may_retry = error.is_temporary() || has_tokens && !error.is_final();
        if may_retry && !link.is_past_deadline(now) {
            let next = if error.is_local() && !has_tokens {
                PollSchedule {
                    next_at: now + poll.interval,
                    ..poll
                }
            } else if has_tokens || has_callback {
                poll.urgent(error.retry_after(), now)
            } else {
                poll.unanswered(error.retry_after(), now)
            };
            return ask_again(next, link);
        }
        RedeemResult::Over(if may_retry && !has_tokens {
            error.ending_at_deadline()
        } else if error.is_late(link, now + poll.interval) {
            Ending::Expired
        } else if poll.failures > 0 && !has_tokens {
            Ending::Failed(error.fault_after_lost_response())
        } else {
            Ending::Failed(error.into_fault())
        })
    }
}

/// Schedules the next request no later than the link's deadline, so that the link ends in time.
fn ask_again(poll: PollSchedule, link: &Link) -> RedeemResult {
    RedeemResult::AskAgain(PollSchedule {
        next_at: poll.next_at.min(link.expires_at),
        ..poll
    })
}
