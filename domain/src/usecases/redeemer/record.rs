use super::{RedeemResult, Redeemer};
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::NewGrant;
use crate::link::polling::IDENTIFY_WITHIN;
use crate::link::{Ending, Link, LinkState, PollSchedule, SealedGrant};
use crate::ports::StoreError;

impl Redeemer {
    /// Records a result. Returns the link if its next request is due at once, under the same lease.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Busy`]: call it again with the same result.
    /// [`StoreError::Conflict`]: the link has ended, or somebody else has leased it.
    pub async fn record_result(
        &self,
        link: &Link,
        result: &RedeemResult,
    ) -> Result<Option<Link>, StoreError> {
        let now = self.clock.now();
        match result {
            RedeemResult::AskAgain(poll) => self.links.postpone_poll(link, *poll).await?,
            // The client has already seen `expired`, which is final.
            RedeemResult::Tokens(grant, _) if link.is_over(now) => {
                self.ender.end_with(link, grant, Ending::Expired).await?;
            }
            RedeemResult::Unusable(grant, ending) => {
                self.ender.end_with(link, grant, ending.clone()).await?;
            }
            RedeemResult::Tokens(grant, poll) => {
                return self.store_tokens(link, grant, *poll).await;
            }
            RedeemResult::Identified(grant) => {
                let grant = NewGrant::clone(grant);
                let audit = self.audit.draft(Actor::Person, None);
                if let Err(error) = self.completer.complete(link, grant, audit).await {
                    self.ender.end_refused(link, error).await?;
                }
            }
            RedeemResult::Held(owner) => {
                let mac = self.vault.row_macs().of_owner(link, owner);
                self.links.hold_grant(link, owner.clone(), mac, now).await?;
                tracing::info!(link = link.id.0, provider = %link.provider, "link waits for its return code");
                let confirming = AuditEvent::of_link(AuditKind::LinkConfirming, link);
                self.audit.record(confirming, Actor::Service, None);
            }
            RedeemResult::Over(ending) => self.ender.end(link, ending.clone()).await?,
        }
        Ok(None)
    }

    /// Stores tokens that just arrived. They exist nowhere else, so they are stored even if the lease was lost
    /// meanwhile, as long as the link still waits for this consent, or holds the tokens that were refreshed. If the
    /// link has ended or was deleted, the tokens are revoked.
    async fn store_tokens(
        &self,
        link: &Link,
        grant: &SealedGrant,
        poll: PollSchedule,
    ) -> Result<Option<Link>, StoreError> {
        let expires_at = self.clock.now() + IDENTIFY_WITHIN;
        let mut read = link.clone();
        loop {
            let (links, tokens) = (&self.links, grant.clone());
            let kept = match read.state {
                LinkState::Redeemed(_) => links.store_refreshed(&read, tokens).await,
                _ => links.store_redeemed(&read, tokens, poll, expires_at).await,
            };
            if !matches!(kept, Err(StoreError::Conflict)) {
                return kept.map(Some);
            }
            let Some(current) = self.links.find_link(&link.code).await? else {
                return self.ender.revoke(link, grant).await.map(|()| None);
            };
            match &current.state {
                LinkState::Ended { .. } => {
                    return self.ender.revoke(link, grant).await.map(|()| None);
                }
                // A link has one consent, so it does not matter who holds the lease.
                LinkState::Authorizing(_) => read = current,
                LinkState::Redeemed(_) if current.held() == link.held() => read = current,
                // A device code can be redeemed only once, so these tokens were stored by an attempt that seemed to
                // fail.
                LinkState::Redeemed(held) => {
                    let is_ours = current.version == read.version.next()
                        && held.access_token == grant.access_token;
                    return Ok(is_ours.then_some(current));
                }
                LinkState::Confirming(_) | LinkState::Linked { .. } | LinkState::Pending => {
                    return Ok(None);
                }
            }
        }
    }
}
