use std::time::Duration;

use super::error::RedeemError;
use super::{RedeemResult, Redeemer};
use crate::fault::FaultCode;
use crate::link::{Ending, Link, PollSchedule, SealedGrant};
use crate::ports::{OAuthProvider, ProviderError, RefreshAnswer};
use crate::secret::{RefreshToken, Sealed};
use crate::usecases::Refusal;

/// A rejected access token counts as expired after its stated expiry, but never sooner than 1 s and never later than 60
/// s after it was requested. The lower bound prevents an endless loop of refreshes.
const ASSUMED_LIFETIME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Redeemer {
    /// Whether the provider may have rejected the access token because it has expired.
    pub(super) fn may_have_expired(&self, grant: &SealedGrant, error: &ProviderError) -> bool {
        let (shortest, longest) = ASSUMED_LIFETIME;
        let latest = grant.requested_at + longest;
        let end = grant.access_token_expires_at.unwrap_or(latest);
        let end = end.clamp(grant.requested_at + shortest, latest);
        let is_refused = matches!(error, ProviderError::Refused { code, .. } if code == ProviderError::INVALID_TOKEN);
        is_refused && end <= self.clock.now()
    }

    /// Sends the refresh token of a leased link, before the owner of its tokens is identified. Returns `None` if the
    /// refresh token must not be sent now. Changes nothing that is stored. If the response is lost, a later attempt
    /// sends the same refresh token again.
    pub(super) async fn refresh(
        &self,
        provider: &dyn OAuthProvider,
        link: &Link,
        grant: &SealedGrant,
        refresh_token: &Sealed,
        poll: PollSchedule,
    ) -> Result<Option<RedeemResult>, RedeemError> {
        let vault = &self.vault;
        let refresh_token: RefreshToken = vault.open(refresh_token, &link.code)?;
        if !grant.origin.may_be_sent_to(&provider.origin().await?)
            || !self.is_still_leased(link).await?
        {
            return Ok(None);
        }
        let requested_at = self.clock.now();
        let answer = provider.refresh(&refresh_token, &grant.scopes).await;
        let before = grant.clone();
        Ok(Some(match answer {
            Ok(RefreshAnswer::Granted(granted)) => {
                let fresh = self.seal_grant(link, &granted, requested_at)?;
                let fresh = SealedGrant {
                    refresh_token: fresh.refresh_token.or(before.refresh_token),
                    refresh_token_expires_at: fresh
                        .refresh_token_expires_at
                        .or(before.refresh_token_expires_at),
                    grant_expires_at: fresh.grant_expires_at.or(before.grant_expires_at),
                    id_token: before.id_token,
                    ..fresh
                };
                RedeemResult::Tokens(Box::new(fresh), poll)
            }
            Ok(RefreshAnswer::Unusable { refresh_token, why }) => {
                let rotated = vault.seal_some(refresh_token.as_ref(), &link.code)?;
                let unusable = SealedGrant {
                    refresh_token: rotated.or(before.refresh_token),
                    ..before
                };
                let fault = RedeemError::from(why).into_fault();
                RedeemResult::Unusable(Box::new(unusable), Ending::Failed(fault))
            }
            Err(error) => match error.cause {
                ProviderError::Refused { ref code, .. } if **code == *FaultCode::InvalidGrant => {
                    let fault = RedeemError::from(error.cause).into_fault();
                    RedeemResult::Over(Ending::Failed(fault))
                }
                cause => return Err(cause.into()),
            },
        }))
    }

    /// Whether nothing has changed since the link was leased, and the lease outlasts a provider call that starts now.
    async fn is_still_leased(&self, link: &Link) -> Result<bool, Refusal> {
        let stored = self.links.find_link(&link.code).await?;
        let is_current = stored.is_some_and(|stored| stored.version == link.version);
        Ok(is_current && !link.is_past_deadline(self.clock.now()) && self.holds_lease(link))
    }
}
