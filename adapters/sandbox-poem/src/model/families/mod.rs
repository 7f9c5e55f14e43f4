//! Token families: all tokens of one consent.
//!
//! Every refresh returns a new refresh token. If an older refresh token is used again, it may have been stolen, so the
//! whole family ends (RFC 9700 section 4.14.2). [`Reuse`] allows exceptions for a client that lost a response.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::Person;
use crate::clock::Moment;

/// Maximum number of families. If it is reached, the least recently refreshed family ends.
const CAPACITY: usize = 10_000;
/// Maximum number of valid access tokens per family. If there are more, the oldest becomes invalid.
const ACCESS_TOKENS: usize = 16;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) access: Duration,
    pub(crate) refresh: Duration,
}

/// What happens when a refresh token is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reuse {
    /// The family always ends (RFC 9700 section 4.14.2).
    #[default]
    Forbidden,
    /// As long as the current refresh token is unused, the previous one may be used again this many times, because the
    /// response to it may have been lost. The client gets new tokens, and the tokens of the lost response become
    /// invalid. Any other reuse ends the family.
    ///
    /// Modelled after [Airlock IAM](https://docs.airlock.com/iam/7.7/data/data/1594920812889.html): its "grace period
    /// for single-use refresh tokens" lasts until the new tokens are used, and only the latest pair is valid.
    /// [Auth0](https://support.auth0.com/center/s/article/Refresh-token-leeway) ("reuse interval") and
    /// [Okta](https://developer.okta.com/docs/guides/refresh-tokens/refresh-token-rotation/) ("grace period") limit
    /// reuse only by time: see [`Reuse::Grace`]. At Auth0, a refresh token older than the previous one ends the family.
    Retries(u32),
    /// The previous refresh token may be used again for this long after its first use. The client gets new tokens, and
    /// the tokens of the last response become invalid. Any other reuse ends the family. Auth0 and Okta work like this.
    Grace(Duration),
}

/// The random parts of a new access token and a new refresh token.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A new access token and a new refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The scopes of the access token. The refresh token keeps all scopes of the family.
    pub scopes: Vec<String>,
    /// Lifetime of the access token.
    pub expires_in: Duration,
    /// Whether these tokens replace those of a lost response.
    pub is_retry: bool,
}

/// Why a refresh returns no tokens.
#[derive(Debug, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// The token was never issued, or its family has ended.
    Unknown,
    /// The token has expired. Its family ends.
    Expired,
    /// The token was used before. Its family ends.
    Reused,
    /// The person did not consent to a requested scope. The token stays valid.
    ScopeTooWide,
}

/// All live families and their access tokens.
pub(crate) struct Families {
    lifetimes: Lifetimes,
    reuse: Reuse,
    families: HashMap<String, Family>,
    access: HashMap<String, Access>,
}

struct Family {
    person: Person,
    scopes: Vec<String>,
    refresh_token: String,
    /// The previous refresh token.
    previous: Option<String>,
    /// How often the previous refresh token was used again.
    retries: u32,
    /// When the previous refresh token was first used.
    exchanged_at: Moment,
    expires_at: Moment,
    access_tokens: VecDeque<String>,
}

struct Access {
    family: String,
    expires_at: Moment,
}

impl Families {
    pub(crate) fn new(lifetimes: Lifetimes, reuse: Reuse) -> Self {
        Self {
            lifetimes,
            reuse,
            families: HashMap::new(),
            access: HashMap::new(),
        }
    }

    /// Starts a family. `family` is its name, which must be random: it is a part of each refresh token.
    pub(crate) fn start(
        &mut self,
        family: &str,
        (person, scopes): (Person, Vec<String>),
        fresh: Fresh,
        now: Moment,
    ) -> Issued {
        self.make_room(now);
        let born = Family {
            person,
            scopes: scopes.clone(),
            refresh_token: String::new(),
            previous: None,
            retries: 0,
            exchanged_at: now,
            expires_at: now,
            access_tokens: VecDeque::new(),
        };
        self.families.insert(family.to_owned(), born);
        self.issue(family, scopes, fresh, now)
    }

    /// Exchanges a refresh token for a new access token and a new refresh token. Without requested scopes, the access
    /// token gets all scopes of the family.
    pub(crate) fn refresh(
        &mut self,
        presented: &str,
        asked_for: Option<Vec<String>>,
        fresh: Fresh,
        now: Moment,
    ) -> Result<Issued, RefreshRefusal> {
        let name = family_of(presented).ok_or(RefreshRefusal::Unknown)?;
        let family = self.families.get(name).ok_or(RefreshRefusal::Unknown)?;
        let is_retry = family.may_retry(presented, self.reuse, now);
        if family.refresh_token != presented && !is_retry {
            self.end(name);
            return Err(RefreshRefusal::Reused);
        }
        if now >= family.expires_at {
            self.end(name);
            return Err(RefreshRefusal::Expired);
        }
        let scopes = asked_for.unwrap_or_else(|| family.scopes.clone());
        if !scopes.iter().all(|scope| family.scopes.contains(scope)) {
            return Err(RefreshRefusal::ScopeTooWide);
        }
        if is_retry {
            self.give_up_latest(name);
        }
        let issued = self.issue(name, scopes, fresh, now);
        if let Some(family) = self.families.get_mut(name) {
            family.retries = if is_retry { family.retries + 1 } else { 0 };
            family.previous = Some(presented.to_owned());
            if !is_retry {
                family.exchanged_at = now;
            }
        }
        Ok(Issued { is_retry, ..issued })
    }

    /// Makes the access token of the lost response invalid.
    fn give_up_latest(&mut self, name: &str) {
        let family = self.families.get_mut(name);
        if let Some(lost) = family.and_then(|family| family.access_tokens.pop_back()) {
            self.access.remove(&lost);
        }
    }

    pub(crate) fn person(&self, access_token: &str, now: Moment) -> Option<&Person> {
        let access = self.access.get(access_token)?;
        let family = self.families.get(&access.family)?;
        (now < access.expires_at).then_some(&family.person)
    }

    /// Revokes an access token, or a refresh token with its whole family (RFC 7009 section 2.1). Ignores unknown
    /// tokens.
    pub(crate) fn revoke(&mut self, token: &str) {
        if self.access.remove(token).is_none()
            && let Some(name) = family_of(token)
        {
            self.end(name);
        }
    }

    pub(crate) fn end(&mut self, name: &str) {
        if let Some(family) = self.families.remove(name) {
            for token in family.access_tokens {
                self.access.remove(&token);
            }
        }
    }

    fn issue(
        &mut self,
        name: &str,
        scopes: Vec<String>,
        Fresh { access, refresh }: Fresh,
        now: Moment,
    ) -> Issued {
        let issued = Issued {
            access_token: format!("sandbox_at_{access}"),
            refresh_token: format!("{REFRESH}{name}.{refresh}"),
            scopes,
            expires_in: self.lifetimes.access,
            is_retry: false,
        };
        if let Some(family) = self.families.get_mut(name) {
            family.refresh_token.clone_from(&issued.refresh_token);
            family.expires_at = now + self.lifetimes.refresh;
            family.access_tokens.push_back(issued.access_token.clone());
            if family.access_tokens.len() > ACCESS_TOKENS
                && let Some(oldest) = family.access_tokens.pop_front()
            {
                self.access.remove(&oldest);
            }
        }
        let access = Access {
            family: name.to_owned(),
            expires_at: now + self.lifetimes.access,
        };
        self.access.insert(issued.access_token.clone(), access);
        issued
    }

    /// If the maximum number is reached, ends all expired families. If none has expired, ends the family that expires
    /// first.
    fn make_room(&mut self, now: Moment) {
        if self.families.len() < CAPACITY {
            return;
        }
        let mut by_expiry: Vec<_> = self
            .families
            .iter()
            .map(|(n, f)| (f.expires_at, n))
            .collect();
        by_expiry.sort_unstable();
        let expired = by_expiry.partition_point(|(expires_at, _)| *expires_at <= now);
        let leaving = by_expiry.into_iter().take(expired.max(1));
        for name in leaving.map(|(_, name)| name.clone()).collect::<Vec<_>>() {
            self.end(&name);
        }
    }
}

impl Family {
    /// Whether the presented token is the previous one and may be used again.
    fn may_retry(&self, presented: &str, reuse: Reuse, now: Moment) -> bool {
        let is_in_time = match reuse {
            Reuse::Forbidden => false,
            Reuse::Retries(most) => self.retries < most,
            Reuse::Grace(grace) => now < self.exchanged_at + grace,
        };
        is_in_time && self.previous.as_deref() == Some(presented)
    }
}

const REFRESH: &str = "sandbox_rt_";

/// Returns the family in a refresh token. Each refresh token contains the name of its family, so old tokens are
/// recognised without being stored.
#[must_use]
pub fn family_of(refresh_token: &str) -> Option<&str> {
    let (family, _) = refresh_token.strip_prefix(REFRESH)?.split_once('.')?;
    Some(family)
}

#[cfg(test)]
mod tests;
