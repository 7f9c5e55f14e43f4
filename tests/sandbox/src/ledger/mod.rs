//! The ledger: every use of every refresh token, and the person of each access token.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use central_oauth_sandbox_poem::{Issued, RefreshRefusal, family_of};

/// Maximum number of recorded uses and access tokens; a full ledger records no more, and [`Ledger::is_complete`]
/// returns false.
const CAPACITY: usize = 500_000;

/// An opaque mark for comparing refresh tokens. It reveals nothing about the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenMark(u64);

impl fmt::Debug for TokenMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {:08x}", self.0 >> 32)
    }
}

/// The outcome of presenting a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// New tokens.
    Rotated,
    /// New tokens instead of those whose response may have been lost ([`Reuse::Retries`](crate::Reuse::Retries)).
    Retried,
    /// Rejected: never issued, or of an ended family.
    Unknown,
    /// Rejected: expired; its family has ended.
    Expired,
    /// Rejected: used before; its family has ended.
    Reused,
    /// Rejected: the family lacks a scope; nothing has changed.
    ScopeTooWide,
}

/// The fate of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing was sent: the request is in progress, or the client has disconnected.
    Unsent,
    /// The whole response was handed to the connection.
    Sent,
    /// A fault dropped or replaced the response.
    Lost,
}

/// One use of a refresh token.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// The position of this use in the ledger: 0, 1, 2 and so on.
    pub sequence: usize,
    /// The number of the token's family, from 0; `None` for a token that was never issued.
    pub family: Option<usize>,
    /// The presented token.
    pub refresh_token: TokenMark,
    /// The outcome.
    pub outcome: RefreshOutcome,
    /// The access token in the response.
    pub access_token: Option<TokenMark>,
    /// The refresh token in the response.
    pub successor: Option<TokenMark>,
    /// When the request arrived, since the start of the sandbox.
    pub arrived_at: Duration,
    /// The connection of the request, see [`Ledger::closed_at`].
    pub connection: Option<u64>,
    /// When the response was sent or dropped.
    pub answered_at: Option<Duration>,
    /// The fate of the response.
    pub delivery: Delivery,
}

/// A refresh request that was rejected before the refresh token was checked, so that nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// The number of the refresh token's family.
    pub family: usize,
    /// When the request arrived, since the start of the sandbox.
    pub arrived_at: Duration,
    /// The `Retry-After` of the response.
    pub retry_after: Option<Duration>,
}

/// An access token that was issued.
#[derive(Debug, Clone)]
pub struct AccessTokenEntry {
    /// The number of the access token. All families share one sequence, in the order of issue.
    pub number: usize,
    /// The number of the token's family.
    pub family: usize,
    /// The `sub` of the person.
    pub person: String,
    /// When it expires, since the start of the sandbox.
    pub expires_at: Duration,
}

/// Every use of every refresh token, in order, and every access token.
#[derive(Clone, Default)]
pub struct Ledger {
    marks: RandomState,
    presentations: Vec<Presentation>,
    turned_away: Vec<TurnedAway>,
    access_tokens: HashMap<TokenMark, AccessTokenEntry>,
    /// Family number and person, by the mark of the family's secret name.
    families: HashMap<TokenMark, (usize, String)>,
    closed: HashMap<u64, Option<Duration>>,
    cut: HashSet<u64>,
    is_full: bool,
}

impl Ledger {
    /// Returns every use of a refresh token, in the order of processing.
    #[must_use]
    pub fn presentations(&self) -> &[Presentation] {
        &self.presentations
    }

    /// Returns the refresh requests that were rejected before the rules ran, in order.
    #[must_use]
    pub fn turned_away(&self) -> &[TurnedAway] {
        &self.turned_away
    }

    /// Returns the numbers of all families of a person (`sub`), in the order of consent.
    #[must_use]
    pub fn families_of(&self, person: &str) -> Vec<usize> {
        let own = self.families.values().filter(|known| known.1 == person);
        let mut numbers: Vec<_> = own.map(|known| known.0).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Returns the record of an access token.
    #[must_use]
    pub fn access_token(&self, token: &str) -> Option<&AccessTokenEntry> {
        self.access_tokens.get(&self.mark(token))
    }

    /// Returns the mark for comparing a token.
    #[must_use]
    pub fn mark(&self, token: &str) -> TokenMark {
        TokenMark(self.marks.hash_one(token))
    }

    /// Returns when a connection on which a refresh token arrived was closed, if it was.
    #[must_use]
    pub fn closed_at(&self, connection: u64) -> Option<Duration> {
        self.closed.get(&connection).copied().flatten()
    }

    /// Whether a fault cut a connection on which a refresh token arrived. In that case, the end of the connection says
    /// nothing about the client.
    #[must_use]
    pub fn was_cut(&self, connection: u64) -> bool {
        self.cut.contains(&connection)
    }

    /// Whether the ledger is complete: it was never full.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_full
    }

    /// Records a new family.
    pub(crate) fn started(&mut self, family: &str, person: String, issued: &Issued, now: Duration) {
        let (mark, number) = (self.mark(family), self.families.len());
        if self.has_room(number) {
            self.families.insert(mark, (number, person));
            self.keep_access_token(mark, issued, now);
        }
    }

    /// Records a use of a refresh token and returns its position, for [`Self::answered`].
    pub(crate) fn presented(
        &mut self,
        token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
        connection: Option<u64>,
        now: Duration,
    ) -> Option<usize> {
        let sequence = self.presentations.len();
        if !self.has_room(sequence) {
            return None;
        }
        let family = family_of(token).map(|name| self.mark(name));
        let issued = outcome.as_ref().ok();
        if let (Some(family), Some(issued)) = (family, issued) {
            self.keep_access_token(family, issued, now);
        }
        if let Some(connection) = connection {
            self.closed.entry(connection).or_default();
        }
        self.presentations.push(Presentation {
            sequence,
            family: family
                .and_then(|mark| self.families.get(&mark))
                .map(|known| known.0),
            refresh_token: self.mark(token),
            outcome: RefreshOutcome::of(outcome),
            access_token: issued.map(|issued| self.mark(&issued.access_token)),
            successor: issued.map(|issued| self.mark(&issued.refresh_token)),
            arrived_at: now,
            connection,
            answered_at: None,
            delivery: Delivery::Unsent,
        });
        Some(sequence)
    }

    /// Records a refresh request that is rejected whatever its refresh token is.
    pub(crate) fn refused(&mut self, token: &str, retry_after: Option<Duration>, now: Duration) {
        let family = family_of(token).map(|name| self.mark(name));
        let known = family.and_then(|mark| self.families.get(&mark));
        let Some(family) = known.map(|known| known.0) else {
            return;
        };
        if self.has_room(self.turned_away.len()) {
            self.turned_away.push(TurnedAway {
                family,
                arrived_at: now,
                retry_after,
            });
        }
    }

    /// Returns the `sub` of the person to whom a refresh token belongs.
    pub(crate) fn person_of(&self, refresh_token: &str) -> Option<&str> {
        let mark = self.mark(family_of(refresh_token)?);
        self.families.get(&mark).map(|known| known.1.as_str())
    }

    /// Records the fate of a response.
    pub(crate) fn answered(&mut self, sequence: usize, delivery: Delivery, now: Duration) {
        if let Some(presentation) = self.presentations.get_mut(sequence) {
            presentation.delivery = delivery;
            presentation.answered_at = Some(now);
        }
    }

    /// Records the end of a connection once, if a refresh token arrived on it.
    pub(crate) fn closed(&mut self, connection: u64, now: Duration) {
        if let Some(closed) = self.closed.get_mut(&connection) {
            closed.get_or_insert(now);
        }
    }

    /// Records that a fault ends a connection, if a refresh token arrived on it.
    pub(crate) fn cut(&mut self, connection: u64) {
        if self.closed.get(&connection).is_some_and(Option::is_none) {
            self.cut.insert(connection);
        }
    }

    fn keep_access_token(&mut self, family: TokenMark, issued: &Issued, now: Duration) {
        let Some((number, person)) = self.families.get(&family) else {
            return;
        };
        let entry = AccessTokenEntry {
            number: self.access_tokens.len(),
            family: *number,
            person: person.clone(),
            expires_at: now + issued.expires_in,
        };
        if self.has_room(self.access_tokens.len()) {
            let mark = self.mark(&issued.access_token);
            self.access_tokens.insert(mark, entry);
        }
    }

    fn has_room(&mut self, used: usize) -> bool {
        self.is_full |= used >= CAPACITY;
        !self.is_full
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("presentations", &self.presentations.len())
            .field("access_tokens", &self.access_tokens.len())
            .field("is_complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}

impl RefreshOutcome {
    const fn of(outcome: &Result<Issued, RefreshRefusal>) -> Self {
        match outcome {
            Ok(issued) if issued.is_retry => Self::Retried,
            Ok(_) => Self::Rotated,
            Err(RefreshRefusal::Unknown) => Self::Unknown,
            Err(RefreshRefusal::Expired) => Self::Expired,
            Err(RefreshRefusal::Reused) => Self::Reused,
            Err(RefreshRefusal::ScopeTooWide) => Self::ScopeTooWide,
        }
    }
}

#[cfg(test)]
mod tests;
