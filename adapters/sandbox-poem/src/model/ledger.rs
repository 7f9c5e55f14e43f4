//! The ledger: every use of every refresh token, and whose each access token is.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::families::family_of;
use super::{Issued, RefreshRefusal};
use crate::clock::Moment;

/// Uses and access tokens that are kept; a ledger that is full takes no more, and says so.
const CAPACITY: usize = 500_000;

/// What a refresh token is compared by. It tells nothing about the token, and is worth nothing elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenMark(u64);

impl fmt::Debug for TokenMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {:08x}", self.0 >> 32)
    }
}

/// What came of presenting a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// New tokens.
    Rotated,
    /// New tokens in place of those whose answer may have got lost ([`Reuse::Retries`](super::Reuse::Retries)).
    Retried,
    /// Refused: never issued, or of a family that has ended.
    Unknown,
    /// Refused: too old, and its family has ended with it.
    Expired,
    /// Refused: used before, and its family has ended with it.
    Reused,
    /// Refused: the family lacks a scope; nothing has changed.
    ScopeTooWide,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing has been sent: it is still under way, or whoever asked has hung up.
    Unsent,
    /// It was handed to the connection, whole and as the rules made it.
    Sent,
    /// A fault took it away or put something else into its place.
    Lost,
}

/// One use of a refresh token.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// Its place in the ledger: 0, 1, 2 and so on.
    pub sequence: usize,
    /// The number of its family, counted from 0; none for a token of a family that never was.
    pub family: Option<usize>,
    /// What was presented.
    pub refresh_token: TokenMark,
    /// What came of it.
    pub outcome: RefreshOutcome,
    /// The access token in the answer.
    pub access_token: Option<TokenMark>,
    /// The refresh token in the answer.
    pub successor: Option<TokenMark>,
    /// When it came, counted from the start of the sandbox.
    pub arrived_at: Duration,
    /// The connection on which it came, see [`Ledger::closed_at`].
    pub connection: Option<u64>,
    /// When the answer left, or was taken away.
    pub answered_at: Option<Duration>,
    /// What became of the answer.
    pub delivery: Delivery,
}

/// A refresh request that the provider refused before it looked at the refresh token: nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// The number of the refresh token's family.
    pub family: usize,
    /// When the request came, counted from the start of the sandbox.
    pub arrived_at: Duration,
    /// The `Retry-After` in the answer.
    pub retry_after: Option<Duration>,
}

/// An access token that was issued.
#[derive(Debug, Clone)]
pub struct AccessTokenEntry {
    /// Counts the access tokens of all families in the order in which they were issued.
    pub number: usize,
    /// The number of its family.
    pub family: usize,
    /// Whose it is: the `sub` that userinfo names.
    pub person: String,
    /// When it expires, counted from the start of the sandbox.
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
    closed: HashMap<u64, Option<Moment>>,
    cut: HashSet<u64>,
    is_full: bool,
}

impl Ledger {
    /// Every use of a refresh token, in the order in which the rules saw them.
    #[must_use]
    pub fn presentations(&self) -> &[Presentation] {
        &self.presentations
    }

    /// Returns the refresh requests that were refused before the rules ran, in order.
    #[must_use]
    pub fn turned_away(&self) -> &[TurnedAway] {
        &self.turned_away
    }

    /// Returns the numbers of all families of a person, given the person's `sub`, in the order of their consents.
    #[must_use]
    pub fn families_of(&self, person: &str) -> Vec<usize> {
        let own = self.families.values().filter(|known| known.1 == person);
        let mut numbers: Vec<_> = own.map(|known| known.0).collect();
        numbers.sort_unstable();
        numbers
    }

    /// What is known about an access token.
    #[must_use]
    pub fn access_token(&self, token: &str) -> Option<&AccessTokenEntry> {
        self.access_tokens.get(&self.mark(token))
    }

    /// What a token is compared by.
    #[must_use]
    pub fn mark(&self, token: &str) -> TokenMark {
        TokenMark(self.marks.hash_one(token))
    }

    /// When a connection was closed on which a refresh token came, if it was.
    #[must_use]
    pub fn closed_at(&self, connection: u64) -> Option<Duration> {
        self.closed.get(&connection).copied().flatten()
    }

    /// Whether a fault ended a connection on which a refresh token came: then its end tells nothing about the other side.
    #[must_use]
    pub fn was_cut(&self, connection: u64) -> bool {
        self.cut.contains(&connection)
    }

    /// Whether nothing was left out for want of room.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_full
    }

    /// Records the birth of a family.
    pub(crate) fn started(&mut self, family: &str, person: String, issued: &Issued, now: Moment) {
        let (mark, number) = (self.mark(family), self.families.len());
        if self.has_room(number) {
            self.families.insert(mark, (number, person));
            self.keep_access_token(mark, issued, now);
        }
    }

    /// Records a use of a refresh token; its place in the ledger, for [`Self::answered`].
    pub(crate) fn presented(
        &mut self,
        token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
        connection: Option<u64>,
        now: Moment,
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

    /// Records a refresh request that is refused whatever its refresh token is.
    pub(crate) fn refused(&mut self, token: &str, retry_after: Option<Duration>, now: Moment) {
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

    /// Records what became of an answer.
    pub(crate) fn answered(&mut self, sequence: usize, delivery: Delivery, now: Moment) {
        if let Some(presentation) = self.presentations.get_mut(sequence) {
            presentation.delivery = delivery;
            presentation.answered_at = Some(now);
        }
    }

    /// Records the end of a connection, once, if a refresh token has come on it.
    pub(crate) fn closed(&mut self, connection: u64, now: Moment) {
        if let Some(closed) = self.closed.get_mut(&connection) {
            closed.get_or_insert(now);
        }
    }

    /// Records that a fault ends a connection, if a refresh token has come on it.
    pub(crate) fn cut(&mut self, connection: u64) {
        if self.closed.get(&connection).is_some_and(Option::is_none) {
            self.cut.insert(connection);
        }
    }

    fn keep_access_token(&mut self, family: TokenMark, issued: &Issued, now: Moment) {
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
