//! What the rules tell whoever keeps count: facts, in the words of the model. What becomes of them is not known here.

use std::time::Duration;

use crate::grant::ProviderName;
use crate::link::LinkId;
use crate::ports::{Census, ProviderError};

/// Is told what happens. Called in the middle of the work, so it must neither wait nor fail.
pub trait Observer: Send + Sync {
    /// A link code was handed out, for the request that is under way.
    fn link_started(&self, _link: LinkId, _provider: &ProviderName) {}

    /// A person has confirmed a link, and the provider's flow has started.
    fn link_confirmed(&self, _link: LinkId, _provider: &ProviderName) {}

    /// From here on what is under way is done for a link that an earlier request started.
    fn link_resumed(&self, _link: LinkId) {}

    /// A link has come to its end.
    fn link_ended(&self, _link: LinkId, _provider: &ProviderName, _how: LinkEnd) {}

    /// A refresh has been tried. `lag` is how long after it was due it began; `None` where it was not due yet, and for
    /// verdicts, which are told once they stand.
    fn refresh_tried(
        &self,
        _provider: &ProviderName,
        _outcome: RefreshOutcome,
        _lag: Option<Duration>,
    ) {
    }

    /// A revocation has been tried.
    fn revocation_tried(&self, _provider: &ProviderName, _outcome: RevocationOutcome) {}

    /// An outage of a provider has begun or ended.
    fn outage(&self, _provider: &ProviderName, _is_down: bool) {}

    /// A provider was asked something, and this is how it went.
    fn provider_asked(&self, _call: &ProviderCall<'_>) {}

    /// Something was looked for among what is kept of a provider's.
    fn cache_asked(&self, _cache: Cache, _hit: bool) {}

    /// A bearer was not recognised.
    fn bearer_refused(&self, _how: BearerRefusal) {}

    /// The row of an access key was changed by somebody who does not have the secret key; the key was refused.
    fn key_altered(&self) {}

    /// The audit log was changed by somebody who does not have the secret key.
    fn audit_log_altered(&self) {}

    /// The accounts were counted.
    fn counted(&self, _census: &Census) {}
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// A set of words from which an observer picks one: small, closed, and the same everywhere.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$meaning])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// How a link ended.
    LinkEnd {
        /// It led to an account.
        Linked => "linked",
        /// The person declined, or the provider did for them (`access_denied`).
        Denied => "denied",
        /// Time ran out after it was confirmed.
        Expired => "expired",
        /// Something else went wrong for good.
        Failed => "failed",
    }
}

words! {
    /// The outcome of an attempt to refresh.
    RefreshOutcome {
        /// New tokens.
        Refreshed => "refreshed",
        /// The grant was given up: a person must consent again.
        RelinkRequired => "relink_required",
        /// The provider said no, and is asked again later.
        Refused => "refused",
        /// Only the operator can do something about it.
        Misconfigured => "misconfigured",
        /// The provider gave no answer that means anything.
        Unavailable => "unavailable",
    }
}

words! {
    /// The outcome of an attempt to revoke tokens.
    RevocationOutcome {
        /// The provider has confirmed it.
        Revoked => "revoked",
        /// The provider revokes no tokens.
        Unsupported => "unsupported",
        /// The provider has not confirmed it for a day.
        Failed => "failed",
        /// Cancelled, because the person linked again.
        Cancelled => "cancelled",
        /// Not confirmed yet: the provider is asked again.
        Again => "again",
    }
}

words! {
    /// What a provider is asked for.
    Exchange {
        /// To start a flow.
        Consent => "consent",
        /// For the tokens of a consent.
        Redeem => "redeem",
        /// For new tokens.
        Refresh => "refresh",
        /// To take tokens back.
        Revoke => "revoke",
        /// Who consented.
        Identify => "identify",
    }
}

words! {
    /// How a provider answered.
    CallOutcome {
        /// With a valid response of the protocol, `authorization_pending` included.
        Answered => "answered",
        /// With a definite rejection.
        Refused => "refused",
        /// It does not accept this service.
        Misconfigured => "misconfigured",
        /// With something that is no answer of the protocol.
        Nonsense => "nonsense",
        /// Not at all, or with a failure of its own.
        Unavailable => "unavailable",
    }
}

words! {
    /// How a bearer was refused.
    BearerRefusal {
        /// As unknown or expired.
        Unauthorized => "unauthorized",
        /// Because its network has tried too many.
        RateLimited => "rate_limited",
        /// Because the key may not be used from this network.
        WrongNetwork => "wrong_network",
        /// Because the key was used more often than it may be.
        UsedTooOften => "used_too_often",
        /// As a JWT that breaks a rule.
        Workload => "workload",
    }
}

words! {
    /// What is kept of a provider's, so that it need not be asked each time.
    Cache {
        /// Its endpoints, discovered.
        Metadata => "metadata",
        /// The keys that it signs with.
        Keys => "keys",
    }
}

/// One question to a provider, answered or not.
#[derive(Debug, Clone, Copy)]
pub struct ProviderCall<'a> {
    /// The provider.
    pub provider: &'a ProviderName,
    /// What it was asked for.
    pub exchange: Exchange,
    /// How it answered.
    pub outcome: CallOutcome,
    /// How long that took.
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
