//! A person's account at a provider.

use std::fmt;
use std::time::Duration;

use crate::entropy::Entropy;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::Outage;
use crate::number::number;
use crate::observe::words;
use crate::time::Timestamp;

number! {
    /// The store's number of an account. The API returns it as a string.
    AccountId
}

/// The name that the operator gave a provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

impl ProviderName {
    /// Wraps a name without checking it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of an account: the provider, and the provider's id of the person. Tokens are sealed to this identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountKey {
    /// The provider.
    pub provider: ProviderName,
    /// The provider's id of the person, or a random id if the provider does not identify the person.
    pub account_id: String,
}

const RANDOM_ACCOUNT_PREFIX: &str = "anonymous-";

impl AccountKey {
    /// Creates a random id for a person whom the provider does not identify.
    pub fn random(provider: ProviderName, entropy: &Entropy) -> Self {
        Self {
            provider,
            account_id: format!("{RANDOM_ACCOUNT_PREFIX}{}", entropy.text(16)),
        }
    }

    /// Whether this looks like a [random](Self::random) id.
    pub fn is_random(&self) -> bool {
        self.account_id.starts_with(RANDOM_ACCOUNT_PREFIX)
    }
}

words! {
    /// The health of an account.
    AccountStatus {
        /// All is well.
        Active => "active",
        /// Refreshes fail at the moment.
        Degraded => "degraded",
        /// The grant has ended: a person must consent again.
        RelinkRequired => "relink_required",
    }
}

/// An account and its health, without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The store's number.
    pub id: AccountId,
    /// The provider, and the provider's id of the person.
    pub key: AccountKey,
    /// Whether the provider identified the person; otherwise the id is random.
    pub identified: bool,
    /// A name to show.
    pub display_name: String,
    /// The health of the account.
    pub status: AccountStatus,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// When the account was linked for the first time.
    pub created_at: Timestamp,
    /// When a person last consented: the time at which the tokens were requested or, if the link has refreshed them,
    /// last refreshed. This can be earlier than `created_at`, because the link is completed afterwards.
    pub linked_at: Timestamp,
    /// When the stored access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// When an unused refresh token expires, if known.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// Whether using the refresh token extends its lifetime, as far as observed.
    pub renewed_by_use: Option<bool>,
    /// When the grant ends, if known. No refresh can extend it, so a person must consent again.
    pub grant_expires_at: Option<Timestamp>,
    /// When the last successful refresh request was sent. `None` if the stored refresh token came with a consent.
    pub last_refreshed_at: Option<Timestamp>,
    /// When the next refresh is due; `None` if the tokens are not refreshed.
    pub next_refresh_at: Option<Timestamp>,
    /// The latest error that has not been resolved.
    pub last_error: Option<Fault>,
}

impl Account {
    /// How long before an end that no refresh can postpone the service warns. The operator needs this time to contact
    /// the person.
    pub const NOTICE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// The maximum difference between two known ends that count as the same.
    pub const SAME_END: Duration = Duration::from_secs(60 * 60);

    /// Returns the warning at `now` for an account without an error. Warns if the account has no refresh token and
    /// therefore ends with its access token, or if its grant ends soon.
    pub fn warning(&self, now: Timestamp) -> Option<Fault> {
        let ends = self.access_token_expires_at.is_some() && self.next_refresh_at.is_none();
        if ends && self.status == AccountStatus::Active {
            let words = "the provider gave no refresh token: when the access token expires, a person must consent again";
            return Some(Fault::new(FaultCode::NoRefreshToken, words));
        }
        self.ends_soon(now)
    }

    fn ends_soon(&self, now: Timestamp) -> Option<Fault> {
        if self.status == AccountStatus::RelinkRequired {
            return None;
        }
        // A refresh that succeeded after a known end proves that this end was wrong.
        let is_open = |end: &Timestamp| self.last_refreshed_at.is_none_or(|at| at <= *end);
        let end = self.fixed_ends().filter(is_open).min()?;
        let left = end.since(now);
        if left > Self::NOTICE {
            return None;
        }
        let when = match left.as_secs().div_ceil(24 * 60 * 60) {
            0 => "has ended".to_owned(),
            1 => "ends within a day".to_owned(),
            days => format!("ends within {days} days"),
        };
        let words = format!("the grant {when} and cannot be extended: a person must consent again");
        Some(Fault::new(FaultCode::GrantExpiresSoon, words))
    }

    /// Whether two known ends count as the same. A provider that states the remaining seconds gives a slightly
    /// different end at each refresh.
    pub fn is_same_end(one: Timestamp, other: Timestamp) -> bool {
        one.since(other).max(other.since(one)) <= Self::SAME_END
    }

    /// Returns when the grant ends, if known and if no refresh can postpone it. An account without a refresh token ends
    /// with its access token.
    pub fn known_end(&self) -> Option<Timestamp> {
        let last_token = self.access_token_expires_at;
        let last_token = last_token.filter(|_| self.next_refresh_at.is_none());
        self.fixed_ends().chain(last_token).min()
    }

    /// Returns the ends of the grant that no refresh can postpone: its maximum age, and the expiry of a refresh token
    /// whose lifetime is not extended by use.
    pub fn fixed_ends(&self) -> impl Iterator<Item = Timestamp> {
        let stays = self.renewed_by_use == Some(false);
        let refresh_token = self.refresh_token_expires_at.filter(|_| stays);
        self.grant_expires_at.into_iter().chain(refresh_token)
    }

    /// Returns the account as it is at `now`, given the outages at that time. Computes two changes that may not be
    /// stored: an account without a refresh token requires a relink once its access token has expired, and an account
    /// whose refresh waits for the end of an outage is degraded.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp, outages: &[Outage]) -> Self {
        let expired = self.access_token_expires_at.is_some_and(|at| at <= now);
        if expired && self.status == AccountStatus::Active && self.next_refresh_at.is_none() {
            self.status = AccountStatus::RelinkRequired;
            let words = "the access token has expired, and the provider gave no refresh token";
            self.last_error = Some(Fault::new(FaultCode::AccessTokenExpired, words));
        }
        let outage = outages.iter().find(|outage| self.waits_for(outage, now));
        if let Some(outage) = outage {
            self.status = AccountStatus::Degraded;
            self.last_error = Some(outage.fault.clone());
            if !outage.is_probe_due(now) {
                self.next_refresh_at = self.next_refresh_at.max(Some(outage.probe_at));
            }
        }
        self
    }

    /// Whether a refresh of this account is due and waits for the end of `outage`.
    pub fn waits_for(&self, outage: &Outage, now: Timestamp) -> bool {
        self.key.provider == outage.provider
            && self.status != AccountStatus::RelinkRequired
            && self.next_refresh_at.is_some_and(|due| due <= now)
    }
}

/// The person who consented, as far as the provider identifies them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The provider identified the person.
    Known {
        /// The provider's id of the person, stable and unique at this provider.
        account_id: String,
        /// A name to show, if the provider gave one.
        display_name: Option<String>,
    },
    /// The provider does not identify people: it is a plain OAuth 2.0 server without ID tokens or a userinfo endpoint.
    Unknown,
}
