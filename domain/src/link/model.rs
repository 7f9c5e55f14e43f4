use std::time::Duration;

use super::ReturnCode;
use super::polling::LONGEST_CONSENT;
use crate::clock_step::MAX_CLOCK_DIFFERENCE;
use crate::fault::Fault;
use crate::grant::{
    AccessKeyId, AccessTokenExpiry, AccountId, AccountKey, LifetimeHints, ProviderName, TokenOrigin,
};
use crate::labels::Labels;
use crate::number;
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;
use crate::workload::ClaimList;

/// The store's number of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub i64);

/// The version of a link, incremented with every change. A change based on an older version is rejected (optimistic
/// locking).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkVersion(pub i64);

impl LinkVersion {
    /// The version of a new link.
    pub const FIRST: Self = Self(1);

    /// Returns the next version.
    pub const fn next(self) -> Self {
        Self(number::next(self.0))
    }
}

/// The client that requested a link. The page shows these details to the person before the consent starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requester {
    /// The name that the client chose for itself, not verified.
    pub client_name: Option<String>,
    /// The network address of the program that requested the link. `None` if a person, or an operator on their behalf,
    /// started a relink.
    pub address: Option<String>,
    /// The verified claims about the job in the JWT of a workload.
    pub workload: Option<ClaimList>,
    /// The labels that the account will get.
    pub labels: Labels,
}

/// A stored link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The store's number.
    pub id: LinkId,
    /// The version, incremented with every change.
    pub version: LinkVersion,
    /// The keyed hash of the link code.
    pub code: KeyedHash,
    /// The key that polls this link and, once linked, gives access to the account.
    pub key: AccessKeyId,
    /// The account that is linked again, if this is a relink.
    pub relink_of: Option<AccountId>,
    /// The provider at which the person consents.
    pub provider: ProviderName,
    /// The client that requested the link.
    pub requester: Requester,
    /// The keyed hash of the network, workload or account whose number of link codes is limited. `None` if there is no
    /// limit.
    pub network: Option<KeyedHash>,
    /// When the link was created.
    pub created_at: Timestamp,
    /// The deadline of the current state.
    pub expires_at: Timestamp,
    /// The browser that confirmed the code, if any.
    pub browser: Option<KeyedHash>,
    /// The hash of the network from which the browser confirmed the code.
    pub confirmed_from: Option<KeyedHash>,
    /// The keyed hash of the provider's callback, once the callback has arrived. The hash is stored longer than the
    /// callback, to detect a repeated callback.
    pub callback: Option<KeyedHash>,
    /// When the provider is polled next, if a poll is scheduled.
    pub poll: Option<PollSchedule>,
    /// When the lease for polling the provider ends.
    pub lease_until: Option<Timestamp>,
    /// The remaining attempts to send the return code, if the link requires a return code.
    pub return_code_tries: Option<u32>,
    /// The state.
    pub state: LinkState,
}

/// The state of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// The link exists, but the provider's flow has not started.
    Pending,
    /// The provider's flow has started and waits for the person.
    Authorizing(SealedConsent),
    /// The provider has issued tokens, but the person is not identified yet.
    Redeemed(SealedGrant),
    /// The person has consented. The link keeps the tokens until the program sends the return code that the page shows
    /// to the person.
    Confirming(HeldGrant),
    /// Complete: the key gives access to this account.
    Linked {
        /// The account.
        account: AccountId,
        /// When the link ended.
        at: Timestamp,
    },
    /// Ended without an account.
    Ended {
        /// The reason.
        ending: Ending,
        /// When the link ended.
        at: Timestamp,
    },
}

/// How a link ended without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The person cancelled on the page of this service (no fault), or the person or the provider declined at the
    /// provider (with a fault).
    Denied(Option<Fault>),
    /// The link expired.
    Expired,
    /// The link failed permanently for another reason.
    Failed(Fault),
}

/// The status of a link in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStatus {
    /// Nobody has confirmed the code, or the provider's flow has not started.
    Pending,
    /// The person is consenting at the provider, or the service is processing the result.
    Authorizing,
    /// The link waits for its return code.
    Confirming,
    /// The key gives access to this account.
    Linked(AccountId),
    /// The person cancelled on the page of this service (no fault), or the person or the provider declined at the
    /// provider (with a fault).
    Denied(Option<Fault>),
    /// The link expired.
    Expired,
    /// The link failed permanently.
    Failed(Fault),
}

/// A consent flow in progress at a provider, with its secrets sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedConsent {
    /// The device code, or the pending callback of a redirect.
    pub handle: Sealed,
    /// What the person has to do.
    pub prompt: SealedPrompt,
    /// The callback from the provider, in redirect flows.
    pub callback: Option<Sealed>,
    /// The client id that started the flow. Only this client can redeem the consent (RFC 6749 section 4.1.3). `None` if
    /// an earlier version of the service stored the row.
    pub client_id: Option<String>,
}

/// What the person has to do at the provider. Values that would allow somebody else to act are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedPrompt {
    /// Type a code at the provider (RFC 8628 section 3.3).
    UserCode {
        /// The code.
        user_code: Sealed,
        /// The URI of the page that asks for the code.
        verification_uri: String,
        /// The same URI with the code in it.
        verification_uri_complete: Option<Sealed>,
    },
    /// Visit a URL of the provider, which then redirects back to this service.
    Visit {
        /// The URL of the authorization request (RFC 6749 section 4.1.1).
        uri: Sealed,
    },
}

/// Tokens of a person who is not identified yet, sealed to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedGrant {
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Sealed>,
    /// The ID token, if there is one.
    pub id_token: Option<Sealed>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The extra members of the token response, for clients.
    pub extra: Option<Sealed>,
    /// When the tokens were requested.
    pub requested_at: Timestamp,
    /// When the access token expires, if the provider stated it.
    pub access_token_expires_at: Option<Timestamp>,
    /// The `exp` of the access token, if the provider did not state its lifetime.
    pub access_token_hinted_end: Option<Timestamp>,
    /// When an unused refresh token expires, if known.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When the grant ends, if known. No refresh can extend it.
    pub grant_expires_at: Option<Timestamp>,
    /// The origin of the tokens. The refresh token is sent only there.
    pub origin: TokenOrigin,
}

impl SealedGrant {
    /// Returns what is known about the lifetime of the access token.
    pub fn access_token_expiry(&self) -> AccessTokenExpiry {
        let hints = LifetimeHints {
            hinted_end: self.access_token_hinted_end,
            ..LifetimeHints::default()
        };
        AccessTokenExpiry::of_stored(self.access_token_expires_at, hints, self.requested_at)
    }
}

/// Tokens of an identified person. The link keeps them until its key sends the return code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// The tokens, still sealed to the link.
    pub grant: SealedGrant,
    /// The owner of the tokens.
    pub owner: Owner,
    /// The MAC of the owner; `None` if an earlier version of the service stored the row.
    pub owner_mac: Option<KeyedHash>,
}

/// The person who consented, as the account will store them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The provider and the person's id there, or a random id if the provider does not identify the person.
    pub key: AccountKey,
    /// Whether the provider identified the person.
    pub identified: bool,
    /// A name to show.
    pub display_name: String,
}

/// The schedule for polling the provider about a link.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollSchedule {
    /// The polling interval of the provider. `slow_down` increases it permanently (RFC 8628 section 3.5).
    pub interval: Duration,
    /// Attempts in a row without a response.
    pub failures: u32,
    /// When the next poll is due.
    pub next_at: Timestamp,
}

impl Link {
    /// Whether a program requested this link. Otherwise, the link is a relink that a person or an operator started, and
    /// the program with its key did not request it.
    pub const fn is_of_program(&self) -> bool {
        self.relink_of.is_none() || self.requester.address.is_some()
    }

    /// Returns the account and the time of linking, as long as the person may still say "This was not me".
    pub fn disownable(&self, now: Timestamp) -> Option<(AccountId, Timestamp)> {
        match self.state {
            LinkState::Linked { account, at } if self.is_of_program() => {
                (now.since(at) < Self::KEPT_AFTER_END).then_some((account, at))
            }
            _ => None,
        }
    }

    /// How long an ended link stays visible and its code stays reserved.
    pub const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long the service waits for the response to its last poll, which it sends at the deadline. The link counts as
    /// expired only afterwards, so that a client never sees the status change back from `expired`.
    pub const FINAL_POLL_GRACE: Duration = Duration::from_secs(20);

    /// How far in the future a deadline may be. No code and no consent lasts longer than [`LONGEST_CONSENT`]. A later
    /// deadline was stored before the clock was set back, and counts as past.
    pub const LONGEST: Duration = LONGEST_CONSENT.saturating_add(MAX_CLOCK_DIFFERENCE);

    /// Returns the status at this time.
    pub fn status(&self, now: Timestamp) -> LinkStatus {
        match &self.state {
            LinkState::Linked { account, .. } => LinkStatus::Linked(*account),
            LinkState::Ended { ending, .. } => match ending {
                Ending::Denied(why) => LinkStatus::Denied(why.clone()),
                Ending::Expired => LinkStatus::Expired,
                Ending::Failed(fault) => LinkStatus::Failed(fault.clone()),
            },
            LinkState::Pending if self.is_past_deadline(now) => LinkStatus::Expired,
            LinkState::Authorizing(_) if self.is_over(now) => LinkStatus::Expired,
            LinkState::Confirming(_) if self.is_past_deadline(now) => {
                LinkStatus::Failed(ReturnCode::not_confirmed())
            }
            LinkState::Confirming(_) => LinkStatus::Confirming,
            LinkState::Pending => LinkStatus::Pending,
            LinkState::Authorizing(_) | LinkState::Redeemed(_) => LinkStatus::Authorizing,
        }
    }

    /// Whether the deadline has passed.
    pub fn is_past_deadline(&self, now: Timestamp) -> bool {
        !self.expires_at.is_ahead(now, Self::LONGEST)
    }

    /// Whether the deadline and the time for the last response ([`Self::FINAL_POLL_GRACE`]) have passed.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let last_word = self.expires_at + Self::FINAL_POLL_GRACE;
        !last_word.is_ahead(now, Self::LONGEST + Self::FINAL_POLL_GRACE)
    }

    /// Returns the time until the deadline; zero once the link has ended.
    pub fn expires_in(&self, now: Timestamp) -> Duration {
        match self.state {
            LinkState::Linked { .. } | LinkState::Ended { .. } => Duration::ZERO,
            _ if self.is_past_deadline(now) => Duration::ZERO,
            _ => self.expires_at.since(now),
        }
    }

    /// Returns when the link ended, with or without an account. `None` for an expired link until its end is recorded.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            LinkState::Linked { at, .. } | LinkState::Ended { at, .. } => Some(at),
            LinkState::Pending
            | LinkState::Authorizing(_)
            | LinkState::Redeemed(_)
            | LinkState::Confirming(_) => None,
        }
    }

    /// Returns the tokens that the link holds for its account.
    pub const fn held(&self) -> Option<&SealedGrant> {
        match &self.state {
            LinkState::Redeemed(grant) | LinkState::Confirming(HeldGrant { grant, .. }) => {
                Some(grant)
            }
            _ => None,
        }
    }

    /// Whether a browser may act on this link. Only the browser that has confirmed a link may act on it. Before that,
    /// any browser may.
    pub fn is_open_to(&self, browser: &KeyedHash) -> bool {
        self.browser.as_ref().is_none_or(|owner| owner == browser)
    }

    /// Whether this browser confirmed the link.
    pub fn belongs_to(&self, browser: &KeyedHash) -> bool {
        self.browser.as_ref() == Some(browser)
    }
}

impl LinkStatus {
    /// Whether the link is finished.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Pending | Self::Authorizing | Self::Confirming)
    }
}
