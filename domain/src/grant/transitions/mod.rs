//! State transitions of an account's tokens.
//!
//! Each transition is a pure function from the stored tokens to the new tokens. A store locks the tokens, calls one
//! transition and saves its result. It makes no decisions of its own. The generation decides which result is stored,
//! and a result ends only its own lease.

#[cfg(test)]
mod properties;

use super::refresh::{Attempts, RefreshFailure};
use super::{
    Account, AccountId, AccountStatus, Generation, Lease, LeaseVersion, NewGrant, OtherServer,
    RefreshedTokens, StoredTokens,
};
use crate::clock_step::{MAX_CLOCK_DIFFERENCE, SYNCHRONISED_WITHIN};
use crate::fault::Fault;
use crate::ports::RecordedRefresh;
use crate::time::Timestamp;

impl StoredTokens {
    /// Returns the tokens of an account that is linked for the first time.
    #[must_use]
    pub fn new(id: AccountId, grant: NewGrant, now: Timestamp) -> Self {
        let has_refresh_token = grant.refresh_token.is_some();
        Self {
            account: Account {
                id,
                key: grant.account,
                identified: grant.identified,
                display_name: grant.display_name,
                status: AccountStatus::Active,
                scopes: grant.scopes,
                created_at: now,
                linked_at: grant.requested_at,
                access_token_expires_at: grant.access_token_expires_at,
                refresh_token_expires_at: grant.refresh_token_expires_at,
                renewed_by_use: None,
                grant_expires_at: grant.grant_expires_at,
                last_refreshed_at: None,
                next_refresh_at: grant.next_refresh_at.filter(|_| has_refresh_token),
                last_error: None,
            },
            generation: Generation::FIRST,
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            extra: grant.extra,
            origin: grant.origin,
            obtained_at: now,
            hints: grant.hints,
            lease: Lease::default(),
            attempts: Attempts::default(),
        }
    }

    /// Returns the tokens of an account that is linked again. The account becomes active. A new refresh token ends
    /// every lease. Without a new refresh token, the stored refresh token stays with its lease and its known expiry,
    /// unless it [can no longer be used](NewGrant::refresh_token).
    ///
    /// If the stored tokens come from a consent that is later by more than [`SYNCHRONISED_WITHIN`], nothing changes.
    /// The new grant is then discarded but not revoked, because some providers would end both grants.
    ///
    /// # Errors
    /// [`OtherServer`] if the account was linked at another server and the link is not a relink of this account
    /// (`relink_of`). Otherwise the account's keys could get the tokens of another person who has the same id at the
    /// new server.
    pub fn relink(
        &self,
        mut grant: NewGrant,
        relink_of: Option<AccountId>,
        now: Timestamp,
    ) -> Result<Self, OtherServer> {
        let is_relink = relink_of == Some(self.account.id);
        if !is_relink && self.origin.is_of_other_server(&grant.origin) {
            return Err(OtherServer);
        }
        if self.is_of_later_consent(&grant, now) {
            return Ok(self.clone());
        }
        let keeps_refresh_token = grant.refresh_token.is_none() && self.is_usable_at(&grant);
        if keeps_refresh_token {
            grant.refresh_token.clone_from(&self.refresh_token);
            grant.refresh_token_expires_at = self.account.refresh_token_expires_at;
            grant.grant_expires_at = self.account.grant_expires_at;
        }
        // The id stands in for the name if the userinfo endpoint did not respond.
        if grant.display_name == grant.account.account_id {
            grant.display_name.clone_from(&self.account.display_name);
        }
        let has_refresh_token = grant.refresh_token.is_some();
        let grant = grant
            .with_earlier_lifetime(self.access_token_expiry(), has_refresh_token)
            .with_earlier_refresh_token_lifetime(self.refresh_token_lasts());
        let mut next = Self::new(self.account.id, grant, now);
        next.account.created_at = self.account.created_at;
        if keeps_refresh_token {
            next.generation = self.generation;
            next.lease = self.lease;
            next.attempts.ambiguous = self.attempts.ambiguous;
            next.account.renewed_by_use = self.account.renewed_by_use;
            next.account.last_refreshed_at = self.account.last_refreshed_at;
        } else {
            next.generation = self.generation.next();
            next.lease.version = self.lease.version.next();
        }
        Ok(next)
    }

    /// Whether the stored tokens certainly come from a later consent than the new grant, and can still be used. The
    /// links of two consents may be completed in reverse order, and some servers end the older grant at a new consent.
    fn is_of_later_consent(&self, grant: &NewGrant, now: Timestamp) -> bool {
        let consented_at = self.account.linked_at;
        // If the stored consent is in the future, the clock was set back after it, so the order is unknown.
        let is_later =
            grant.requested_at + SYNCHRONISED_WITHIN < consented_at && consented_at <= now;
        let is_enough = self.refresh_token.is_some() || grant.refresh_token.is_none();
        is_later && is_enough && self.is_usable_at(grant)
    }

    /// Whether the stored refresh token can be used with a new grant: it has the same origin, and its own grant has not
    /// ended.
    fn is_usable_at(&self, grant: &NewGrant) -> bool {
        self.origin.may_be_sent_to(&grant.origin)
            && self.account.status != AccountStatus::RelinkRequired
    }

    /// Whether the tokens are unchanged since the caller read `seen`. If they have changed, the caller must not delete
    /// the account, because newer tokens would be lost.
    #[must_use]
    pub fn are_those_of(&self, seen: &Self) -> bool {
        self.generation == seen.generation
            && self.access_token == seen.access_token
            && self.refresh_token == seen.refresh_token
    }

    /// Leases the tokens to a caller that has read the lease version `seen`, and makes their refresh due. `None` if the
    /// lease version has changed, if the tokens are leased, or if there is no refresh token.
    #[must_use]
    pub fn claim(&self, seen: LeaseVersion, now: Timestamp, until: Timestamp) -> Option<Self> {
        let is_free = self.lease.version == seen && !self.lease.is_held(now);
        if !is_free || self.refresh_token.is_none() {
            return None;
        }
        let mut next = self.lease_until(until);
        let planned = self.account.next_refresh_at;
        next.account.next_refresh_at = Some(planned.map_or(now, |planned| planned.min(now)));
        Some(next)
    }

    /// Leases the tokens. If an earlier lease expired without a result, its holder may have used the refresh token.
    /// [`Attempts::ambiguous`] records this.
    #[must_use]
    pub fn lease_until(&self, until: Timestamp) -> Self {
        let mut next = self.clone();
        next.attempts.ambiguous |= self.lease.until.is_some();
        next.lease = self.lease.next(until);
        next
    }

    /// Ends a lease. Does nothing if the lease now has another version.
    #[must_use]
    pub fn release(&self, lease: LeaseVersion) -> Self {
        let mut next = self.clone();
        if next.lease.version == lease {
            next.lease.until = None;
        }
        next
    }

    /// Records the provider's response to the refresh token of generation `presented`, regardless of who holds the
    /// lease.
    ///
    /// The response replaces the stored tokens if this generation is still stored, if the account now requires a
    /// relink, or if the stored tokens come from an earlier response to the same refresh token. Any other response is
    /// discarded but not revoked, because some providers would end the whole grant. A response that is already stored
    /// changes nothing. `None` if the stored tokens now have another origin.
    #[must_use]
    pub fn record_refresh(
        &self,
        presented: Generation,
        lease: LeaseVersion,
        answer: RefreshedTokens,
    ) -> Option<(Self, RecordedRefresh)> {
        if !self.origin.may_be_sent_to(&answer.origin) {
            return None;
        }
        let mut next = self.release(lease);
        if self.come_from(&answer) {
            return Some((next, RecordedRefresh::Stored));
        }
        let is_given_up = self.account.status == AccountStatus::RelinkRequired;
        let is_current = self.generation == presented || is_given_up;
        if is_current || self.come_from_an_earlier_answer(presented, &answer) {
            next.replace(answer);
            return Some((next, RecordedRefresh::Stored));
        }
        Some((next, RecordedRefresh::Superseded))
    }

    /// Whether the stored tokens come from this response. Encrypting a value twice gives different bytes, so equal
    /// sealed values come from the same response.
    fn come_from(&self, answer: &RefreshedTokens) -> bool {
        match (&answer.access_token, &answer.refresh_token) {
            (Ok(new), _) => *new == self.access_token,
            (Err(_), Some(new)) => Some(new) == self.refresh_token.as_ref(),
            (Err(_), None) => false,
        }
    }

    /// Whether the stored tokens come from an earlier response to the same refresh token. A provider that responds to a
    /// retry invalidates the tokens of its first response, no matter which response is recorded first.
    fn come_from_an_earlier_answer(&self, presented: Generation, answer: &RefreshedTokens) -> bool {
        let is_later = |refreshed_at| answer.requested_at > refreshed_at;
        self.generation == presented.next()
            && answer.refresh_token.is_some()
            && self.account.last_refreshed_at.is_some_and(is_later)
    }

    fn replace(&mut self, answer: RefreshedTokens) {
        let end_before = self.account.refresh_token_expires_at;
        let renews = answer.renews(end_before, self.obtained_at);
        self.generation = self.generation.next();
        self.account.last_refreshed_at = Some(answer.requested_at);
        if answer.refresh_token.is_some() {
            self.refresh_token = answer.refresh_token;
        }
        let access_token = match answer.access_token {
            Ok(access_token) => access_token,
            Err(failure) => {
                self.fail(*failure);
                // The response's `next_refresh_at` takes precedence over that of the failure.
                self.account.next_refresh_at = answer.next_refresh_at;
                return;
            }
        };
        self.access_token = access_token;
        self.extra = answer.extra;
        self.origin = answer.origin;
        self.obtained_at = answer.requested_at;
        self.hints = answer.hints;
        self.attempts = Attempts::default();
        let account = &mut self.account;
        account.status = AccountStatus::Active;
        account.last_error = None;
        account.scopes = answer.scopes;
        account.access_token_expires_at = answer.access_token_expires_at;
        account.refresh_token_expires_at = answer.refresh_token_expires_at.or(end_before);
        account.renewed_by_use = renews.or(account.renewed_by_use);
        account.next_refresh_at = answer.next_refresh_at;
    }

    /// Records a failure. Returns `false` and ignores the failure if it belongs to another generation or lease.
    #[must_use]
    pub fn record_failure(
        &self,
        presented: Generation,
        lease: LeaseVersion,
        failure: RefreshFailure,
    ) -> (Self, bool) {
        let mut next = self.release(lease);
        let counts = self.is_claimed(presented, lease);
        if counts {
            next.fail(failure);
        }
        (next, counts)
    }

    fn fail(&mut self, failure: RefreshFailure) {
        self.attempts = failure.attempts;
        self.account.next_refresh_at = failure.next_refresh_at;
        if failure.is_shown {
            self.account.status = failure.status;
            self.account.last_error = Some(failure.fault);
        }
    }

    /// Marks an account without a refresh token as `relink_required` if its access token has expired. Marks it as
    /// active again if its access token is valid for more than [`MAX_CLOCK_DIFFERENCE`], because the clock was then
    /// ahead when the account was marked. `None` if nothing changes.
    #[must_use]
    pub fn expire(&self, now: Timestamp) -> Option<Self> {
        let mut account = self.account.clone().as_of(now, &[]);
        let is_given_up = account.status == AccountStatus::RelinkRequired;
        let is_alive = |end: Timestamp| end > now + MAX_CLOCK_DIFFERENCE;
        if is_given_up
            && self.refresh_token.is_none()
            && account.access_token_expires_at.is_some_and(is_alive)
        {
            account.status = AccountStatus::Active;
            account.last_error = None;
        }
        let changes = account.status != self.account.status;
        changes.then(|| Self {
            account,
            ..self.clone()
        })
    }

    /// Records that the refresh token may have been used already ([`Attempts::ambiguous`]), and reschedules the next
    /// refresh. An account that is not degraded yet becomes degraded with `fault`. `None` if no refresh is scheduled.
    #[must_use]
    pub fn mark_suspect(&self, next_refresh_at: Timestamp, fault: &Fault) -> Option<Self> {
        self.account.next_refresh_at?;
        let mut next = self.clone();
        next.attempts.ambiguous = true;
        if self.account.status != AccountStatus::Degraded {
            next.account.status = AccountStatus::Degraded;
            next.account.last_error = Some(fault.clone());
        }
        next.account.next_refresh_at = Some(next_refresh_at);
        Some(next)
    }

    fn is_claimed(&self, generation: Generation, lease: LeaseVersion) -> bool {
        self.generation == generation && self.lease.version == lease
    }
}
