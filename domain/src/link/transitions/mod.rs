//! State transitions of a link. These functions make all decisions. A store only saves the link that they return.

use super::{
    Confirmation, Ending, HeldGrant, Link, LinkState, Owner, PollSchedule, ReturnCode,
    SealedConsent, SealedGrant,
};
use crate::grant::AccountId;
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;

/// The error if the link does not allow a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link does not allow this transition")]
pub struct TransitionError;

type Transition = Result<Link, TransitionError>;

impl Link {
    /// Assigns a pending link to a browser. Assigning it to the same browser again changes nothing.
    ///
    /// # Errors
    /// The link is not pending, has expired, or belongs to another browser.
    pub fn reserve(&self, by: &Confirmation, now: Timestamp) -> Transition {
        self.require_pending(now)?;
        match self.browser {
            None => Ok(Self {
                browser: Some(by.browser),
                confirmed_from: Some(by.network),
                ..self.next()
            }),
            Some(owner) if owner == by.browser => Ok(self.clone()),
            Some(_) => Err(TransitionError),
        }
    }

    /// Records that the provider's flow has started and waits for the person. Sets a new deadline.
    ///
    /// # Errors
    /// The link is not pending or has expired.
    pub fn begin_consent(
        &self,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Transition {
        self.require_pending(now)?;
        Ok(Self {
            poll,
            expires_at,
            state: LinkState::Authorizing(consent),
            ..self.next()
        })
    }

    /// Stores the callback from the provider, and schedules the request that redeems it. `answer` is the keyed hash of
    /// the callback. It stays after the link has ended, to detect a repeated callback.
    ///
    /// # Errors
    /// The link is not authorizing, or already has a callback.
    pub fn store_callback(
        &self,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Transition {
        let LinkState::Authorizing(consent @ SealedConsent { callback: None, .. }) = &self.state
        else {
            return Err(TransitionError);
        };
        Ok(Self {
            callback: Some(answer),
            poll: Some(poll),
            state: LinkState::Authorizing(SealedConsent {
                callback: Some(callback),
                ..consent.clone()
            }),
            ..self.next()
        })
    }

    /// Ends the lease. The provider is polled again later.
    ///
    /// # Errors
    /// The link is not at the provider and does not wait for its return code.
    pub fn postpone(&self, poll: PollSchedule) -> Transition {
        if !matches!(self.state, LinkState::Confirming(_)) {
            self.require_at_provider()?;
        }
        Ok(Self {
            poll: Some(poll),
            lease_until: None,
            ..self.next()
        })
    }

    /// Replaces the consent with its tokens. The lease stays with the caller. The deadline moves to `expires_at` if
    /// that is later.
    ///
    /// # Errors
    /// The link is not authorizing.
    pub fn redeem(
        &self,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Transition {
        require(matches!(self.state, LinkState::Authorizing(_)))?;
        Ok(Self {
            poll: Some(poll),
            expires_at: self.expires_at.max(expires_at),
            state: LinkState::Redeemed(grant),
            ..self.next()
        })
    }

    /// Replaces the tokens of a person who is not identified yet with refreshed tokens. The lease and the deadline
    /// stay.
    ///
    /// # Errors
    /// The link has no tokens, or its person is already identified.
    pub fn replace_tokens(&self, grant: SealedGrant) -> Transition {
        require(matches!(self.state, LinkState::Redeemed(_)))?;
        Ok(Self {
            state: LinkState::Redeemed(grant),
            ..self.next()
        })
    }

    /// Keeps the tokens of the identified person in the link until the link's key sends the return code. The link is
    /// due again at its deadline.
    ///
    /// # Errors
    /// The link has no tokens of an unidentified person, or requires no return code.
    pub fn hold(&self, owner: Owner, owner_mac: KeyedHash, now: Timestamp) -> Transition {
        let (LinkState::Redeemed(grant), Some(_)) = (&self.state, self.return_code_tries) else {
            return Err(TransitionError);
        };
        let expires_at = now + ReturnCode::LIFETIME;
        Ok(Self {
            poll: Some(PollSchedule::at_once(expires_at)),
            lease_until: None,
            expires_at,
            state: LinkState::Confirming(HeldGrant {
                grant: grant.clone(),
                owner,
                owner_mac: Some(owner_mac),
            }),
            ..self.next()
        })
    }

    /// Counts a wrong return code. If this was the last allowed attempt, use [`Link::end`] instead.
    ///
    /// # Errors
    /// The link does not wait for a return code, is past its deadline, or has only one attempt left.
    pub fn count_wrong_return_code(&self, now: Timestamp) -> Transition {
        self.require_confirming(now)?;
        match self.return_code_tries {
            Some(left @ 2..) => Ok(Self {
                return_code_tries: Some(left - 1),
                ..self.next()
            }),
            _ => Err(TransitionError),
        }
    }

    /// Completes the link, so that its key gives access to the account. If the link requires a return code, the caller
    /// must have checked it.
    ///
    /// # Errors
    /// The link is a relink of another account. Or the link requires a return code but does not wait for it. Or the
    /// link requires no return code but is not at the provider.
    pub fn complete(&self, account: AccountId, now: Timestamp) -> Transition {
        match self.return_code_tries {
            Some(_) => self.require_confirming(now)?,
            None => self.require_at_provider()?,
        }
        require(self.relink_of.is_none_or(|relinked| relinked == account))?;
        Ok(self.close(LinkState::Linked { account, at: now }))
    }

    /// Ends the link without an account.
    ///
    /// # Errors
    /// The link has ended.
    pub fn end(&self, ending: Ending, now: Timestamp) -> Transition {
        require(self.ended_at().is_none())?;
        Ok(self.close(LinkState::Ended { ending, at: now }))
    }

    /// Returns the same link with the next version.
    fn next(&self) -> Self {
        Self {
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// Moves to a final state, without a poll or a lease. Drops the tokens and codes of the earlier state.
    fn close(&self, state: LinkState) -> Self {
        Self {
            poll: None,
            lease_until: None,
            state,
            ..self.next()
        }
    }

    fn require_pending(&self, now: Timestamp) -> Result<(), TransitionError> {
        require(matches!(self.state, LinkState::Pending) && !self.is_past_deadline(now))
    }

    fn require_at_provider(&self) -> Result<(), TransitionError> {
        require(matches!(
            self.state,
            LinkState::Authorizing(_) | LinkState::Redeemed(_)
        ))
    }

    fn require_confirming(&self, now: Timestamp) -> Result<(), TransitionError> {
        require(matches!(self.state, LinkState::Confirming(_)) && !self.is_past_deadline(now))
    }
}

fn require(is_allowed: bool) -> Result<(), TransitionError> {
    is_allowed.then_some(()).ok_or(TransitionError)
}

#[cfg(test)]
mod tests;
