//! The OAuthProvider port.

use std::time::Duration;

use async_trait::async_trait;

use crate::fault::Fault;
use crate::grant::{Identity, ProviderName, TokenGrant, TokenOrigin};
use crate::secret::{
    AccessToken, CallbackQuery, ConsentUri, DeviceCode, IdToken, PendingCallback, RefreshToken,
    UserCode,
};
use crate::time::Timestamp;

/// One provider at which people consent. Each method that talks to it is one exchange, bounded in time by the
/// adapter. An exchange may first have to discover endpoints, fetch signing keys or find out how an endpoint wants the
/// client to authenticate, which is then remembered. Intervals, deadlines and retries belong to the domain.
///
/// Both ways of consenting fit: with the device flow (RFC 8628) the prompt is a user code and the service polls
/// [`redeem`]; a flow that sends the person through a redirect gives [`Prompt::Visit`] and redeems with what the browser
/// brought back.
///
/// [`redeem`]: OAuthProvider::redeem
#[async_trait]
pub trait OAuthProvider: Send + Sync {
    /// The name that the operator gave it.
    fn name(&self) -> &ProviderName;

    /// The name that people see.
    fn display_name(&self) -> &str;

    /// The scopes that are asked for.
    fn scopes(&self) -> &[String];

    /// Whether people consent by a redirect that sends their browser back here, so that the page knows who consented.
    fn sends_browsers_back(&self) -> bool;

    /// Where the tokens of this provider come from.
    ///
    /// # Errors
    /// When discovery fails.
    async fn origin(&self) -> Result<TokenOrigin, ProviderError>;

    /// Starts the provider's flow (RFC 8628 section 3.1).
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn begin_consent(&self, request: &ConsentRequest) -> Result<Consent, ProviderError>;

    /// Asks for the tokens (RFC 8628 section 3.4). `callback` is what the redirect brought, in flows that have one: a
    /// code, or the provider's no.
    ///
    /// # Errors
    /// See [`ProviderError`]; the answers that belong to the flow are [`Redemption`]s.
    async fn redeem(
        &self,
        handle: &ConsentHandle,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError>;

    /// Presents a refresh token for new tokens (RFC 6749 section 6). `granted` is what the tokens are good for so far;
    /// it holds on where the answer does not say otherwise. An answer without a refresh token leaves the old one good.
    /// Whatever is wrong with the rest of an answer, a new refresh token in it is never dropped: see
    /// [`RefreshAnswer::Unusable`].
    ///
    /// # Errors
    /// See [`RefreshError`]. A refresh token that is dead is [`ProviderError::Refused`] with the code `invalid_grant`,
    /// however the provider spells it; a refusal without a code of its own gets one of the adapter's.
    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        granted: &[String],
    ) -> Result<RefreshAnswer, RefreshError>;

    /// Gives a token back (RFC 7009). A token that the provider does not know any more counts as revoked.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError>;

    /// Finds out who consented: from the ID token, verified as of when it was asked for, else from userinfo.
    ///
    /// # Errors
    /// See [`ProviderError`]; an ID token that does not verify is [`ProviderError::Refused`].
    async fn identify(
        &self,
        access_token: &AccessToken,
        id_token: Option<&IdToken>,
        requested_at: Timestamp,
    ) -> Result<Identity, ProviderError>;
}

/// What a flow may need to know before it starts; the device flow has no use for it.
pub struct ConsentRequest {
    /// A value that only this service can have made for this link and this browser (RFC 6749 section 10.12).
    pub state: String,
    /// Where the provider sends the browser back to (RFC 6749 section 3.1.2).
    pub redirect_uri: String,
}

/// A flow that has started.
pub struct Consent {
    /// What redeems the consent.
    pub handle: ConsentHandle,
    /// What the person does next.
    pub prompt: Prompt,
    /// How long the provider waits for them.
    pub expires_in: Duration,
    /// The pace at which the provider wants to be asked, where it named one.
    pub interval: Option<Duration>,
}

/// What redeems a consent.
pub enum ConsentHandle {
    /// The device code, asked about until the person has consented.
    DeviceCode(DeviceCode),
    /// What goes with the callback that the browser brings back.
    PendingCallback(PendingCallback),
}

/// What the person does next.
#[derive(Clone)]
pub enum Prompt {
    /// Type a code at the provider (RFC 8628 section 3.3).
    UserCode {
        /// The code.
        user_code: UserCode,
        /// Where to type it: http or https.
        verification_uri: String,
        /// The same place with the code in it.
        verification_uri_complete: Option<ConsentUri>,
    },
    /// Visit an address of the provider, which sends the browser back.
    Visit {
        /// The address.
        uri: ConsentUri,
    },
}

/// What asking for the tokens brought.
pub enum Redemption {
    /// The tokens.
    Granted(Box<TokenGrant>),
    /// Tokens that must not be used. They are alive at the provider, and want to be given back.
    Unusable {
        /// The tokens.
        grant: Box<TokenGrant>,
        /// What is wrong with them.
        why: ProviderError,
    },
    /// `authorization_pending`: the person has not answered yet.
    Pending,
    /// `slow_down`: ask less often from now on.
    SlowDown {
        /// The new interval, where the answer names one.
        interval: Option<Duration>,
    },
    /// `access_denied`: the person said no, or the provider did for them. Its words, free of secrets, where it has any.
    Denied(Option<String>),
    /// `expired_token`: the provider waits no longer.
    Expired,
}

/// What a refresh brought.
#[derive(Clone)]
pub enum RefreshAnswer {
    /// Tokens.
    Granted(Box<TokenGrant>),
    /// The provider has refreshed, but the access token must not be used, or is missing.
    Unusable {
        /// The new refresh token; `None` when the old one stays good.
        refresh_token: Option<RefreshToken>,
        /// What is wrong with the access token.
        why: ProviderError,
    },
}

/// A token that is given back, and of which type it is (RFC 7009 section 2.1, `token_type_hint`).
#[derive(Clone, Copy)]
pub enum TokenToRevoke<'a> {
    /// A refresh token; the provider takes the access tokens of the grant along, as RFC 7009 asks it to.
    Refresh(&'a RefreshToken),
    /// An access token.
    Access(&'a AccessToken),
}

/// What giving a token back brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The token is worth nothing any more, nor is the grant that it is of.
    Revoked,
    /// The provider does not know the token, or not any more. The grant is gone with a refresh token; behind an access
    /// token, which may just have expired, it may live on.
    Unknown,
    /// The token is worth nothing any more; a refresh token of its grant lives on.
    TokenAlone,
    /// The provider revokes no tokens, or none of this type (RFC 7009 section 2.2.1, `unsupported_token_type`).
    Unsupported,
}

/// Why a provider did not do what it was asked. No variant holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No answer, or one that says nothing about the question: connection failures, time-outs, 429, 5xx.
    #[error("the provider is unavailable: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An answer that is no answer of the protocol: HTML, truncated JSON, more than 2 MiB, a redirect.
    #[error("the provider's answer makes no sense: {detail}")]
    Nonsense {
        /// What was wrong with it.
        detail: String,
    },
    /// The provider does not accept this service: `invalid_client`, `unauthorized_client`, `invalid_scope`, no device
    /// flow. The operator must act.
    #[error("the provider refuses this service: {code}: {detail}")]
    Misconfigured {
        /// The OAuth error code.
        code: String,
        /// The provider's words.
        detail: String,
    },
    /// A definite no to this request, in the protocol's terms: `invalid_grant` and its like.
    #[error("the provider refuses: {code}: {detail}")]
    Refused {
        /// The OAuth error code.
        code: String,
        /// The provider's words.
        detail: String,
    },
}

impl ProviderError {
    /// What the code of a refusal starts with that came without one: `http_` and the status.
    pub const UNWORDED: &str = "http_";
    /// The code of an ID token that does not verify (OpenID Connect Core section 3.1.3.7), whoever looks at it when.
    pub const INVALID_ID_TOKEN: &str = "invalid_id_token";

    /// Whether asking again may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Nonsense { .. })
    }

    /// Whether the provider has answered about this one grant, in the words of the protocol. A refusal without any may
    /// come from a proxy or a firewall, and then everybody gets it.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if !code.starts_with(Self::UNWORDED))
    }

    /// When the provider wants to be asked again, where it said so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<&ProviderError> for Fault {
    fn from(error: &ProviderError) -> Self {
        let code = match error {
            ProviderError::Unavailable { .. } | ProviderError::Nonsense { .. } => Self::UNAVAILABLE,
            ProviderError::Misconfigured { code, .. } | ProviderError::Refused { code, .. } => code,
        };
        Self::new(code, error.to_string())
    }
}

/// Why a refresh brought no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct RefreshError {
    /// What the provider did.
    #[source]
    pub cause: ProviderError,
    /// Whether the provider may have rotated the refresh token although nobody learned of it: the request went out, and
    /// what came back is nothing, a failure of the server or something broken.
    pub may_have_acted: bool,
}

impl From<ProviderError> for RefreshError {
    /// A failure that certainly changed nothing at the provider.
    fn from(cause: ProviderError) -> Self {
        Self {
            cause,
            may_have_acted: false,
        }
    }
}
