//! Events for metrics. The domain reports these events but does not know how they are counted.

use std::time::Duration;

use crate::grant::ProviderName;
use crate::link::LinkId;
use crate::ports::{Census, ProviderError};
use crate::webhook::{DeliveryOutcome, ReceiverName};

/// Receives events. The methods are called while work is in progress, so they must neither block nor fail.
pub trait Observer: Send + Sync {
    /// The current request has created a link.
    fn link_started(&self, _link: LinkId, _provider: &ProviderName) {}

    /// A person has confirmed a link, and the provider's flow has started.
    fn link_confirmed(&self, _link: LinkId, _provider: &ProviderName) {}

    /// The current task continues a link that an earlier request started.
    fn link_resumed(&self, _link: LinkId) {}

    /// A link has ended.
    fn link_ended(&self, _link: LinkId, _provider: &ProviderName, _how: LinkEnd) {}

    /// A refresh was attempted. `lag` is how long the refresh was overdue when the attempt started. `lag` is `None` if
    /// the refresh was not due yet, or if the attempt ended the grant. An attempt that ended the grant is reported only
    /// after its result is stored.
    fn refresh_attempted(
        &self,
        _provider: &ProviderName,
        _outcome: RefreshOutcome,
        _lag: Option<Duration>,
    ) {
    }

    /// A revocation was attempted.
    fn revocation_attempted(&self, _provider: &ProviderName, _outcome: RevocationOutcome) {}

    /// An outage of a provider has begun or ended.
    fn outage(&self, _provider: &ProviderName, _is_down: bool) {}

    /// A call to a provider has ended.
    fn provider_called(&self, _call: &ProviderCall<'_>) {}

    /// A cache of provider metadata or keys was looked up.
    fn cache_read(&self, _cache: Cache, _hit: bool) {}

    /// A bearer token was refused.
    fn bearer_refused(&self, _how: BearerRefusal) {}

    /// A key was refused because its row was changed by somebody without the secret key.
    fn key_altered(&self) {}

    /// The audit log was changed by somebody without the secret key.
    fn audit_log_altered(&self) {}

    /// A delivery to a webhook receiver was attempted.
    fn webhook_attempted(&self, _receiver: &ReceiverName, _attempt: DeliveryOutcome) {}

    /// The accounts were counted.
    fn counted(&self, _census: &Census) {}
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Defines an enum in which each value has a fixed word.
#[macro_export]
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$meaning])* $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Returns the value with this word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }

            /// Returns all words, separated by commas.
            pub fn listed() -> String {
                Vec::from_iter(Self::ALL.iter().map(|known| known.as_str())).join(", ")
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub use words;

words! {
    /// How a link ended.
    LinkEnd {
        /// The link led to an account.
        Linked => "linked",
        /// The person or the provider declined (`access_denied`).
        Denied => "denied",
        /// The link expired after a person confirmed it.
        Expired => "expired",
        /// The link failed permanently for another reason.
        Failed => "failed",
    }
}

words! {
    /// The outcome of an attempt to refresh.
    RefreshOutcome {
        /// The provider issued new tokens.
        Refreshed => "refreshed",
        /// The grant has ended: a person must consent again.
        RelinkRequired => "relink_required",
        /// The provider refused the refresh token. The service will retry.
        Refused => "refused",
        /// Only the operator can fix the cause.
        Misconfigured => "misconfigured",
        /// The provider gave no usable response.
        Unavailable => "unavailable",
    }
}

words! {
    /// The outcome of an attempt to revoke tokens.
    RevocationOutcome {
        /// The provider has confirmed the revocation.
        Revoked => "revoked",
        /// The provider cannot revoke tokens.
        Unsupported => "unsupported",
        /// The provider has not confirmed the revocation for a day, or the tokens could not be decrypted.
        Failed => "failed",
        /// The revocation was cancelled, because the person linked an account again.
        Cancelled => "cancelled",
        /// The provider has not confirmed the revocation yet. The service will retry.
        Again => "again",
    }
}

words! {
    /// The purpose of a provider call.
    Exchange {
        /// Start a consent flow.
        Consent => "consent",
        /// Redeem a consent.
        Redeem => "redeem",
        /// Refresh.
        Refresh => "refresh",
        /// Revoke tokens.
        Revoke => "revoke",
        /// Identify the person.
        Identify => "identify",
    }
}

words! {
    /// The result of a provider call.
    CallOutcome {
        /// A valid response of the protocol, including `authorization_pending`.
        Answered => "answered",
        /// A definite rejection.
        Refused => "refused",
        /// A rejection of this service's client.
        Misconfigured => "misconfigured",
        /// A response that violates the protocol.
        Nonsense => "nonsense",
        /// No response, or an error of the provider.
        Unavailable => "unavailable",
    }
}

words! {
    /// Why a bearer token was refused.
    BearerRefusal {
        /// The key is unknown or expired.
        Unauthorized => "unauthorized",
        /// The network of the caller has tried too many unknown keys.
        RateLimited => "rate_limited",
        /// The key may not be used from this network.
        WrongNetwork => "wrong_network",
        /// The key was used more often than its limit allows.
        UsedTooOften => "used_too_often",
        /// The bearer token is a JWT that violates a rule.
        Workload => "workload",
    }
}

words! {
    /// A cache of data from a provider.
    Cache {
        /// Discovered endpoints.
        Metadata => "metadata",
        /// Signing keys.
        Keys => "keys",
    }
}

/// One call to a provider, with or without a response.
#[derive(Debug, Clone, Copy)]
pub struct ProviderCall<'a> {
    /// The provider.
    pub provider: &'a ProviderName,
    /// Its purpose.
    pub exchange: Exchange,
    /// Its result.
    pub outcome: CallOutcome,
    /// Its duration.
    pub took: Duration,
}

impl From<&ProviderError> for CallOutcome {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::Unavailable { .. } => Self::Unavailable,
            ProviderError::Nonsense { .. } => Self::Nonsense,
            ProviderError::Misconfigured { .. } => Self::Misconfigured,
            ProviderError::Refused { .. } => Self::Refused,
        }
    }
}
